"""Names and errors made to deceive: what a command prints on a terminal, and which endpoint a name leads to."""

from __future__ import annotations

import json
import os
import pty
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration_tests import demo, live, preloaded
from integration_tests.connector import catalog_for, config_for, run_command, sync
from integration_tests.live.__main__ import main as live_main
from integration_tests.sandbox import Fault, Sandbox, SandboxSettings

# Erases a line and writes another, begins a new one, reverses the direction, ends rich's markup.
HOSTILE = "\x1b[2K\rforged\nforged\u202e\u2028[/b]\x9b\x07"
SHOWN = r"\x1b[2K\rforged\nforged\u202e\u2028[/b]\x9b\x07"
# Of a message of Iterable's, blanks and ends of lines are one blank.
QUOTED = r"\x1b[2K forged forged\u202e [/b]\x9b\x07"
ITEMS, FIELDS = "catalogs/{catalogName}/items", "users/getFields"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(users=10, days=1, catalogs=3, metadata=3, now=None)) as made:
        yield made


def an_error(endpoint: str, status: int = 400) -> Fault:
    return Fault(endpoint, "status", None, status, body={"code": "Odd", "msg": HOSTILE})


def run(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    python = preloaded.python_for_load() if arguments[0] == "load" else preloaded.python()
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    command = [*python, "-m", "source_iterable", *arguments]
    return subprocess.run(command, cwd=folder, timeout=120, check=False, **options)


def with_config(folder: Path, sandbox: Sandbox, **changes: Any) -> dict[str, Any]:
    config = config_for(sandbox, **changes)
    (folder / "config.json").write_text(json.dumps(config))
    return config


def told(output: bytes, *expected: str) -> str:
    """What a terminal gets, which has these texts; nothing in it is more than text."""
    text = output.decode("utf-8")
    assert all(each.isprintable() or each == "\n" for each in text), ascii(text)
    assert not any(line.startswith("forged") for line in text.split("\n")), ascii(text)
    for each in expected:
        assert each in text
    return text


LOAD = ("load", "--config", "config.json", "--streams", "lists,catalog_items")


def test_a_load_quotes_names_and_errors_as_text(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.core.world.things("catalogs")[0]["name"] = HOSTILE
    sandbox.add_fault(Fault(ITEMS, "status", None, 404))
    sandbox.add_fault(an_error("lists"))
    with_config(tmp_path, sandbox)
    (tmp_path / f"{HOSTILE}.duckdb").parent.mkdir()
    done = run(tmp_path, *LOAD, "--to", f"{HOSTILE}.duckdb", "--dataset", "of us")
    assert done.returncode == 1
    told(done.stderr, f"catalog {SHOWN} no longer exists; skipped.", f"with 400 (Odd: {QUOTED})")
    told(done.stdout, f"duckdb {SHOWN}.duckdb\n    USE ")


def test_a_load_on_a_terminal_shows_them_as_text_too(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.core.world.things("catalogs")[0]["name"] = HOSTILE
    sandbox.add_fault(Fault(ITEMS, "status", None, 404))
    sandbox.add_fault(an_error("lists", 500))
    with_config(tmp_path, sandbox, rate_limit_factor=5)
    ours, theirs = pty.openpty()
    written = b""
    process = subprocess.Popen(
        [*preloaded.python_for_load(), "-m", "source_iterable", *LOAD, "--to", "lake/"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        while piece := os.read(ours, 65536):
            written += piece
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    process.communicate(timeout=60)
    assert process.returncode == 1
    # The display is there.
    assert b" of 2 streams done" in written
    assert QUOTED.encode() in written.replace(b"\r\n", b"")
    for sequence in ("\rforged", "\nforged", "\u202e", "\u2028", "\x07"):
        assert sequence.encode() not in written


def test_catalog_quotes_an_error_as_text(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.add_fault(an_error(FIELDS))
    with_config(tmp_path, sandbox, user_fields_as_columns=True)
    done = run(tmp_path, "catalog", "--config", "config.json")
    assert (done.returncode, done.stdout) == (1, b"")
    told(done.stderr, QUOTED)


def test_the_protocol_is_as_it_was_and_stderr_stays_empty(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.add_fault(an_error("lists"))
    sandbox.add_fault(an_error(FIELDS))
    config = with_config(tmp_path, sandbox, user_fields_as_columns=True)
    catalog = catalog_for({**config, "user_fields_as_columns": False}, ["lists"])
    for command, files in (("check", {}), ("discover", {}), ("read", {"catalog": catalog})):
        messages, done = run_command(tmp_path, command, config, **files)
        assert done.stderr == b""
        assert "\x1b[2K forged forged\u202e [/b]" in json.dumps(messages, ensure_ascii=False).replace("\\u001b", "\x1b")
        assert b"\x1b" not in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [HOSTILE],
        ["check", "--config", "config.json", HOSTILE],
        ["read", "--config", "c", "--catalog", "d", f"--{HOSTILE}"],
        ["read", "--state-file", HOSTILE, "--state", HOSTILE],
        ["catalog", "--config", "config.json", HOSTILE],
        ["catalog", "--config", HOSTILE],
        ["catalog", "--config", "config.json", "--streams", HOSTILE],
        ["load", "--config", "config.json", "--to", "x.duckdb", f"--{HOSTILE}"],
        ["load", "--config", "config.json", "--to", "x.duckdb", "--commit-rows", HOSTILE],
        ["load", "--config", "config.json", "--to", "x.duckdb", "--streams", HOSTILE],
        ["load", "--config", HOSTILE, "--to", "x.duckdb"],
        ["load", "--config", "config.json", "--to", HOSTILE],
        ["load", "--config", "config.json", "--to", "x.duckdb", "--dataset", HOSTILE],
    ],
)
def test_wrong_arguments_are_quoted_as_text(sandbox: Sandbox, tmp_path: Path, arguments: list[str]) -> None:
    with_config(tmp_path, sandbox)
    done = run(tmp_path, *arguments)
    told(done.stderr)
    told(done.stdout)
    assert done.returncode in (1, 2) or "--dataset" in arguments
    assert done.stderr or "--dataset" in arguments


def test_a_demo_quotes_the_project_as_text(sandbox: Sandbox, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with_config(tmp_path, sandbox)
    folder = tmp_path / HOSTILE
    arguments = ["--config", str(tmp_path / "config.json"), "--folder", str(folder)]
    assert demo.main([*arguments, "--streams", HOSTILE]) == 1
    sandbox.add_fault(an_error("lists"))
    assert demo.main(arguments) == 1
    assert demo.main(["--config", HOSTILE]) == 1
    output = capfd.readouterr()
    told(output.out.encode(), SHOWN, QUOTED)
    told(output.err.encode(), SHOWN)
    assert folder.stat().st_mode & 0o777 == 0o700
    with pytest.raises(SystemExit):
        demo.main([HOSTILE])
    told(capfd.readouterr().err.encode(), SHOWN)


def test_live_quotes_paths_as_text(sandbox: Sandbox, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert live.__doc__
    with_config(tmp_path, sandbox)
    config = ["--config", str(tmp_path / "config.json")]
    for arguments in (["--config", HOSTILE], [*config, "--report", f"{HOSTILE}/r.json"], ["--compare", HOSTILE]):
        assert live_main(arguments) == 1
        told(capfd.readouterr().err.encode(), SHOWN)
    with pytest.raises(SystemExit):
        live_main([*config, HOSTILE])
    told(capfd.readouterr().err.encode(), SHOWN)


def test_without_a_usable_temporary_folder_tmpdir_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    config = with_config(tmp_path, sandbox)
    (tmp_path / "catalog.json").write_text(json.dumps(catalog_for(config, ["lists"])))
    # No file can be written: a full disk, as root sees it, too.
    limit = (resource.RLIMIT_FSIZE, (0, 0))
    options = {"preexec_fn": lambda: resource.setrlimit(*limit), "env": {**os.environ, "TMPDIR": "/nowhere"}}
    done = run(tmp_path, "load", "--config", "config.json", "--to", "x.duckdb", "--streams", "lists", **options)
    assert done.returncode == 1
    assert b"This machine cannot use a temporary folder: No usable temporary directory" in done.stderr
    assert b"set TMPDIR to another folder." in done.stderr
    # Not needed for what is small.
    for command in (["check"], ["read", "--catalog", "catalog.json"]):
        assert run(tmp_path, *command, "--config", "config.json", **options).returncode == 0


@pytest.mark.parametrize("name", [".", "..", "../lists", "%2E%2E", "a/b?c=d#e", HOSTILE, "Ünïcödé 日本"])
def test_no_name_leads_to_another_endpoint(sandbox: Sandbox, name: str) -> None:
    for things in ("catalogs", "metadata"):
        sandbox.core.world.things(things)[0]["name"] = name
    names = ["catalog_items", "catalog_field_mappings", "metadata_entries"]
    done = sync(config_for(sandbox), names)
    assert done.failure is None
    for stream in names:
        truth = sandbox.truth_list(stream)
        key = "table" if stream == "metadata_entries" else "catalogName"
        assert any(each[key] == name for each in truth)
        assert sorted(each[key] for each in done.records[stream]) == sorted(each[key] for each in truth)
    assert sandbox.count(status=404) == 0
