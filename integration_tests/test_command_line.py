"""The command as people type it: README's lines, state files, mistakes."""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import source_iterable
from integration_tests import preloaded
from integration_tests.connector import catalog_for, config_for
from integration_tests.sandbox import Fault, Sandbox, SandboxSettings
from source_iterable.streams.table import STREAMS

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(users=80, days=3, events_per_day=2000)) as made:
        yield made


def run(folder: Path, line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Type a line into a shell, in this folder; it begins with `source-iterable`, which stands for a preloaded Python."""
    command = shlex.join([*preloaded.python(), "-m", "source_iterable"])
    return in_shell(folder, line.replace("source-iterable", command, 1), **environment)


def in_shell(folder: Path, line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **environment}
    return subprocess.run(line, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def with_config(folder: Path, sandbox: Sandbox, **changes: Any) -> dict[str, Any]:
    config = config_for(sandbox, **changes)
    (folder / "config.json").write_text(json.dumps(config))
    return config


def records(lines: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for line in filter(None, lines.split("\n")):
        message = json.loads(line)
        if message["type"] == "RECORD":
            found[message["record"]["stream"]].append(message["record"]["data"])
    return found


def states(lines: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for line in filter(None, lines.split("\n")):
        message = json.loads(line)
        if message["type"] == "STATE":
            stream = message["state"]["stream"]
            found[stream["stream_descriptor"]["name"]].append(stream["stream_state"])
    return found


def test_the_lines_of_the_readme_work_as_they_stand(sandbox: Sandbox, tmp_path: Path) -> None:
    block = README.read_text().split("\n## As a command of the Airbyte protocol\n")[1].split("\n## ")[0]
    lines = re.findall(r"^    (source-iterable .*)$", block, re.MULTILINE)
    assert len(lines) == 3
    with_config(tmp_path, sandbox)
    # The command as it is installed.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for line in lines:
        done = in_shell(tmp_path, line, PATH=path)
        assert done.returncode == 0, (line, done)
    first = records((tmp_path / "messages.jsonl").read_text())
    assert len(first["email_send"]) > 10
    assert len(first["users"]) > 10
    assert len(first["campaigns"]) == 85
    done = run(tmp_path, lines[-1])
    assert done.returncode == 0
    second = records((tmp_path / "messages.jsonl").read_text())
    assert not {event["_event_id"] for event in first["email_send"]} & {e["_event_id"] for e in second["email_send"]}
    assert not second["campaigns"]


def test_a_state_file_keeps_what_other_catalogs_have_read(sandbox: Sandbox, tmp_path: Path) -> None:
    with_config(tmp_path, sandbox)
    (tmp_path / "state.json").touch()
    for names in ("email_open", "email_click"):
        run(tmp_path, f"source-iterable catalog --config config.json --streams {names} > catalog.json")
        done = run(tmp_path, "source-iterable read --config config.json --catalog catalog.json --state-file=state.json")
        assert done.returncode == 0
        (state,) = states(done.stdout)[names][-1:]
        held = json.loads((tmp_path / "state.json").read_text())
        assert {"stream_descriptor": {"name": names}, "stream_state": state} in [each["stream"] for each in held]
    assert {each["stream"]["stream_descriptor"]["name"] for each in held} == {"email_open", "email_click"}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["catalog.json", "config.json", "state.json"]
    done = run(tmp_path, "source-iterable read --config config.json --catalog catalog.json --state state.json")
    assert done.returncode == 0, "it is a state as any"


def test_a_full_refresh_ignores_the_state(sandbox: Sandbox, tmp_path: Path) -> None:
    with_config(tmp_path, sandbox)
    # Written by hand: it does not say which streams have a cursor.
    stream = {"name": "email_open", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
    configured = {"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}
    (tmp_path / "catalog.json").write_text(json.dumps({"streams": [configured]}))
    counts = []
    for _ in range(2):
        done = run(tmp_path, "source-iterable read --config config.json --catalog catalog.json --state-file state.json")
        counts.append(len(records(done.stdout)["email_open"]))
    assert counts[1] >= counts[0] > 0


RESUMABLE = ["catalog_items", "events", "list_users", "metadata_entries"]


@pytest.mark.parametrize("jobs", [("", ""), ("7", ""), ("7", "8")])
def test_a_full_refresh_that_is_complete_begins_anew(sandbox: Sandbox, tmp_path: Path, jobs: tuple[str, str]) -> None:
    """States are handed back for ever by state files, PyAirbyte and older platforms; only an attempt is not a sync."""
    first, second = attempts(sandbox, tmp_path, jobs)
    assert {name: len(found) for name, found in first.items()} == {name: len(found) for name, found in second.items()}
    assert set(first) == set(RESUMABLE)


def test_what_an_attempt_has_completed_the_next_one_does_not_emit_again(sandbox: Sandbox, tmp_path: Path) -> None:
    for endpoint in ("catalogs/{catalogName}/items", "metadata/{table}"):
        sandbox.add_fault(Fault(endpoint, "status", status=403))
    first, second, third = attempts(sandbox, tmp_path, ("7", "7", "7"), [1, 0, 0])
    assert set(first) >= {"list_users", "events"}
    assert set(second) <= {"catalog_items", "metadata_entries"}
    assert second
    assert not third
    whole = attempts(sandbox, tmp_path, ("8",))[0]
    for name in RESUMABLE:
        assert len(first[name]) + len(second[name]) == len(whole[name])


def attempts(
    sandbox: Sandbox, folder: Path, jobs: tuple[str, ...], codes: list[int] | None = None
) -> list[dict[str, list[Any]]]:
    """The records of one read after another with one state file, each in the job of this id."""
    config = with_config(folder, sandbox)
    (folder / "catalog.json").write_text(json.dumps(catalog_for(config, RESUMABLE)))
    line = "source-iterable read --config config.json --catalog catalog.json --state-file state.json"
    done = [run(folder, line, WORKER_JOB_ID=job) for job in jobs]
    assert [each.returncode for each in done] == (codes or [0] * len(jobs))
    return [records(each.stdout) for each in done]


def test_a_global_state_is_kept_by_stream(sandbox: Sandbox, tmp_path: Path) -> None:
    with_config(tmp_path, sandbox)
    parts = [
        {"stream_descriptor": {"name": name}, "stream_state": {"createdAt": "2020-01-02T03:04:05+00:00"}}
        for name in ("email_open", "email_send")
    ]
    (tmp_path / "state.json").write_text(json.dumps([{"type": "GLOBAL", "global": {"stream_states": parts}}]))
    run(tmp_path, "source-iterable catalog --config config.json --streams email_open > catalog.json")
    done = run(tmp_path, "source-iterable read --config config.json --catalog catalog.json --state-file state.json")
    assert done.returncode == 0
    held = {
        each["stream"]["stream_descriptor"]["name"]: each for each in json.loads((tmp_path / "state.json").read_text())
    }
    assert held["email_send"]["stream"] == parts[1]
    assert held["email_open"]["stream"] != parts[0]


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_moment_the_file_is_whole_and_not_ahead_of_stdout(
    sandbox: Sandbox, tmp_path: Path, seed: int
) -> None:
    config = with_config(tmp_path, sandbox)
    (tmp_path / "catalog.json").write_text(json.dumps(catalog_for(config, STREAMS)))
    out = tmp_path / "out.jsonl"
    arguments = ["read", "--config", "config.json", "--catalog", "catalog.json", "--state-file", "state.json"]
    with open(out, "wb") as stdout:
        command = [*preloaded.python(), "-m", "source_iterable", *arguments]
        process = preloaded.Process(command, cwd=tmp_path, stdout=stdout)
        try:
            process.wait(random.Random(seed).uniform(0.3, 1.7))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    whole_lines = out.read_text().rpartition("\n")[0]
    printed = states(whole_lines)
    file = tmp_path / "state.json"
    held = json.loads(file.read_text()) if file.exists() else []
    for each in held:
        name = each["stream"]["stream_descriptor"]["name"]
        # At most the last one is not in the file yet.
        assert each["stream"]["stream_state"] in printed[name][-2:]
    assert abs(len(printed) - len(held)) <= 1


def test_a_catalog_of_all_streams(sandbox: Sandbox, tmp_path: Path) -> None:
    with_config(tmp_path, sandbox)
    catalog = json.loads(run(tmp_path, "source-iterable catalog --config config.json").stdout)
    modes = {each["stream"]["name"]: (each["sync_mode"], each["destination_sync_mode"]) for each in catalog["streams"]}
    assert modes.keys() == STREAMS.keys()
    assert modes["email_open"] == ("incremental", "append_dedup")
    assert modes["channels"] == ("full_refresh", "overwrite")
    (users,) = (each for each in catalog["streams"] if each["stream"]["name"] == "users")
    assert (users["cursor_field"], users["primary_key"]) == (["profileUpdatedAt"], [["email"]])
    full = json.loads(
        run(tmp_path, "source-iterable catalog --config config.json --full-refresh --streams group:lists").stdout
    )
    assert {each["sync_mode"] for each in full["streams"]} == {"full_refresh"}
    assert {"campaigns", "channels"} <= {each["stream"]["name"] for each in full["streams"]}


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("catalog", 1, "There is no --config, and the environment has no ITERABLE_API_KEY and no ITERABLE_START_DATE."),
        (
            "laod --config config.json",
            2,
            "source-iterable has no command 'laod'. Did you mean load? Its commands: load,",
        ),
        (
            "dance\x1b[2K",
            2,
            r"source-iterable has no command 'dance\x1b[2K'. Its commands: load, forget, catalog, check",
        ),
        ("catalog --config nowhere.json", 1, "nowhere.json cannot be read"),
        ("catalog --config bad.json", 1, "'api_key' is required"),
        ("catalog --config config.json --streams userz", 1, "There is no stream or group userz"),
        ("read --config config.json --catalog catalog.json --state s.json --state-file t.json", 2, "not allowed with"),
        ("read --config config.json --catalog catalog.json --state-file nowhere/s.json", 1, "cannot be written"),
        (
            "read --config config.json --catalog catalog.json --state-file broken.json",
            1,
            "state file broken.json is not valid",
        ),
        ("read --config config.json --catalog catalog.json --state-file", 2, "expected one argument"),
    ],
)
def test_mistakes_are_told(sandbox: Sandbox, tmp_path: Path, line: str, code: int, says: str) -> None:
    config = with_config(tmp_path, sandbox)
    (tmp_path / "catalog.json").write_text(json.dumps(catalog_for(config, ["channels"])))
    (tmp_path / "bad.json").write_text("{}")
    (tmp_path / "broken.json").write_text("[")
    done = run(tmp_path, f"source-iterable {line}")
    assert done.returncode == code
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stdout.replace("\\n", "") + done.stderr or "internal_message" in done.stdout
    assert (tmp_path / "broken.json").read_text() == "[", "nothing is written over"


def test_the_environment_fills_what_a_configuration_leaves_out(sandbox: Sandbox, tmp_path: Path) -> None:
    config = with_config(tmp_path, sandbox)
    (tmp_path / "catalog.json").write_text(json.dumps(catalog_for(config, ["channels"])))
    key, start = config.pop("api_key"), config.pop("start_date")
    (tmp_path / "config.json").write_text(json.dumps(config))
    variables = {"ITERABLE_API_KEY": key, "ITERABLE_START_DATE": start, "ITERABLE_PROJECT_TYPE": "UserID-based"}
    for line in (
        "check --config config.json",
        "discover --config config.json",
        "read --config config.json --catalog catalog.json",
        "catalog",
        "load --config config.json --to x.duckdb --streams channels,users",
    ):
        done = run(tmp_path, f"source-iterable {line}", **variables)
        assert done.returncode == 0, done
        assert key not in done.stdout + done.stderr
        assert "itblUserId" in done.stdout or line.split()[0] not in ("discover", "catalog"), (
            "the key of such a project"
        )
    # A key that is there wins, even if it is empty.
    (tmp_path / "config.json").write_text(json.dumps({**config, "api_key": ""}))
    for line in ("check --config config.json", "load --config config.json --to y.duckdb"):
        done = run(tmp_path, f"source-iterable {line}", **variables)
        assert "'api_key': must not be empty" in done.stdout + done.stderr
    done = run(tmp_path, "source-iterable check", ITERABLE_API_KEY=key)
    assert "There is no --config, and the environment has no ITERABLE_START_DATE." in done.stdout


def test_help_fits_a_terminal_of_80_columns(tmp_path: Path) -> None:
    for command in ("", "load", "forget", "catalog", "check", "discover", "read", "spec"):
        done = run(tmp_path, f"source-iterable {command} --help", COLUMNS="80")
        assert done.returncode == 0
        assert max(map(len, done.stdout.splitlines())) < 80


def test_its_version_and_its_commands(tmp_path: Path) -> None:
    assert run(tmp_path, "source-iterable --version").stdout == f"source-iterable {source_iterable.__version__}\n"
    assert all(
        word in run(tmp_path, "source-iterable").stdout for word in ("load", "catalog", "--state-file", "discover")
    )
