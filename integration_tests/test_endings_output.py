"""How the command ends if its output goes nowhere, or onto a disk that is full."""

from __future__ import annotations

import json
import os
import resource
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from integration_tests import preloaded
from integration_tests.connector import catalog_for, config_for, state_of
from integration_tests.sandbox import Sandbox, SandboxSettings
from integration_tests.test_endings import errors_of, python_for

# Redirections of a shell, the exit code, and what stderr has.
CLOSED = ">&-", 1, "The output cannot be written: stdout is closed."
FULL = ">/dev/full", 1, "The output cannot be written: No space left on device."
GONE = ">&$GONE", 128 + signal.SIGPIPE, ""


@pytest.mark.parametrize(("redirected", "code", "told"), [CLOSED, FULL, GONE, ("<&- >&- 2>&-", 1, ""), ("2>&-", 0, "")])
@pytest.mark.parametrize(
    "command", ["--version", "--help", "spec", "check -", "discover -", "catalog -", "read - --catalog catalog.json"]
)
def test_output_that_goes_nowhere_is_told_without_a_traceback(
    command: str, redirected: str, code: int, told: str, places: Path
) -> None:
    done = in_shell(places, f"{command.replace(' -', ' --config config.json', 1)} {redirected}")
    assert (done.returncode, done.stderr.strip()) == (code, told)


@pytest.mark.parametrize(
    ("redirected", "told"),
    [
        (">&-", ""),
        ("<&- >&- 2>&-", ""),
        ("2>&-", ""),
        (">/dev/full", "The rows are loaded, but the report cannot be written to stdout: No space left on device."),
        (">&$GONE", "The rows are loaded, but the report cannot be written to stdout: Broken pipe."),
    ],
)
def test_a_load_is_complete_when_its_rows_are_committed(redirected: str, told: str, places: Path) -> None:
    (places / "x.duckdb").unlink(missing_ok=True)
    done = in_shell(places, f"load --config config.json --streams webhooks --to x.duckdb {redirected}")
    assert (done.returncode, done.stderr.strip()) == (0, told)
    with duckdb.connect(str(places / "x.duckdb"), read_only=True) as database:
        assert database.sql("SELECT count(*) > 0 FROM x.iterable.webhooks").fetchall() == [(True,)]


def test_a_load_does_not_depend_on_what_it_says(places: Path) -> None:
    config = json.loads((places / "config.json").read_text()) | {"excluded_fields": ["nobodyHasIt"]}
    (places / "warned.json").write_text(json.dumps(config))
    line = "load --config warned.json --streams webhooks --to warned.duckdb"
    assert "nobodyHasIt" in in_shell(places, line).stderr
    for redirected in ("2>/dev/full", "2>&-"):
        done = in_shell(places, f"{line} {redirected}")
        assert (done.returncode, done.stderr) == (0, "")
        assert "To look at the tables" in done.stdout


def test_a_stdout_that_lacks_letters_gets_the_report_without_them(places: Path) -> None:
    line = "load --config config.json --streams webhooks --to letters.duckdb --dataset größe"
    done = in_shell(places, line, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert 'USE "letters"."gr??e"' in done.stdout


def test_rows_that_are_loaded_without_their_views_are_told(places: Path) -> None:
    config = json.loads((places / "config.json").read_text()) | {"excluded_fields": ["eventName"]}
    (places / "private.json").write_text(json.dumps(config))
    done = in_shell(places, "load --config private.json --streams custom_event --to views.duckdb --custom-event-tables")
    assert done.returncode == 1
    assert "custom_event" in done.stdout, "the report"
    (told,) = done.stderr.splitlines()
    assert told.startswith("The rows are loaded, but the views of custom events are not made: There are no views of")


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a configuration and a catalog."""
    folder = tmp_path_factory.mktemp("places")
    # At the machine's time: another one is told on stderr.
    with Sandbox(SandboxSettings(users=10, days=1, now=None)) as sandbox:
        config = config_for(sandbox)
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "catalog.json").write_text(json.dumps(catalog_for(config, ["webhooks"])))
        yield folder


def in_shell(folder: Path, line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command with these words. `$GONE` is the descriptor of a pipe that nobody reads any more."""
    read, gone = os.pipe()
    os.close(read)
    environment = {**os.environ, "GONE": str(gone), **environment}
    python = shlex.join(python_for(line.split()[0]))
    command = ["bash", "-o", "pipefail", "-c", f"{python} -m source_iterable {line}"]
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            pass_fds=[gone],
        )
    finally:
        os.close(gone)


def read_on_a_full_disk(places: Path, largest: int, *arguments: str) -> str:
    """What a sync says that cannot write files of more bytes."""
    command = ["read", "--config", "config.json", "--catalog", "catalog.json", *arguments]
    done = subprocess.run(
        [*preloaded.python(), "-m", "source_iterable", *command],
        cwd=places,
        capture_output=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest)),
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    (told,) = errors_of([json.loads(line) for line in done.stdout.split(b"\n") if line])
    return told


def test_a_state_file_on_a_full_disk_is_not_blamed_on_the_temporary_folder(places: Path, tmp_path: Path) -> None:
    state = json.dumps(state_of("email_send", filler="x" * 10_000))
    (tmp_path / "state.json").write_text(state)
    told = read_on_a_full_disk(places, 5_000, "--state-file", str(tmp_path / "state.json"))
    assert told == (
        f"This machine cannot use the folder of the state file, {tmp_path}: File too large. Free space there, or name a "
        "state file in another folder."
    )
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]
    assert (tmp_path / "state.json").read_text() == state, "as it was"
