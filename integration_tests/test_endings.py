"""How the command ends: terminated at any moment, without a reader, without a temporary folder."""

from __future__ import annotations

import json
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from integration_tests import preloaded
from integration_tests.connector import catalog_for, config_for, run_command, start_read
from integration_tests.sandbox import Fault, Sandbox, SandboxSettings

NAMES = ["email_send", "email_open", "push_send"]
# Seconds that a platform gives a source after SIGTERM.
GRACE = 10.0


def wait_until(reached: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)


def python_for(command: str) -> list[str]:
    return preloaded.python_for_load() if command == "load" else preloaded.python()


def own_jobs(sandbox: Sandbox) -> int:
    return sum(entry.endpoint == "export/start" and entry.status in (0, 200) for entry in sandbox.requests)


PHASES: dict[str, tuple[Fault | None, Callable[[Sandbox], bool]]] = {
    "before anything was requested": (None, lambda sandbox: True),
    "while a job runs": (None, lambda sandbox: sandbox.count("export/{jobId}/files") > 3),
    "while a job is being started": (
        Fault("export/start", "slow", times=None, delay=0.6),
        lambda sandbox: sandbox.count("export/start") > 0,
    ),
    "while Iterable does not answer": (
        Fault("export/{jobId}/files", "hang", times=None),
        lambda sandbox: sandbox.count("export/{jobId}/files") > 0,
    ),
    "while a rate limit is waited out": (
        Fault("export/{jobId}/files", "status", times=None, status=429, headers={"Retry-After": "3000"}),
        lambda sandbox: sandbox.count("export/{jobId}/files") > 0,
    ),
}


class Terminated(NamedTuple):
    """What a sync left that was terminated: how many jobs it started and cancelled, their states, and a foreign job's."""

    code: int
    output: bytes
    errors: bytes
    started: int
    cancelled: int
    states: list[str]
    foreign: str


def terminated(folder: Path, phase: str, signals: int) -> Terminated:
    """Send so many signals to a sync in this phase."""
    fault, reached = PHASES[phase]
    with Sandbox(SandboxSettings(seed=7, users=40, days=6, job_seconds=3600)) as sandbox:
        foreign = sandbox.foreign_job("emailOpen")
        if fault is not None:
            sandbox.add_fault(Fault(**vars(fault)))
        config = config_for(sandbox, export_method="jobs")
        # A Python that still imports what it needs does not come to its own handlers.
        python = [sys.executable] if phase == "before anything was requested" else None
        with start_read(folder, config, NAMES, subprocess.PIPE, python) as process:
            try:
                wait_until(lambda: reached(sandbox), process)
                for _ in range(signals):
                    process.send_signal(signal.SIGTERM)
                    time.sleep(0.02)
                output, errors = process.communicate(timeout=GRACE)
            finally:
                process.kill()
        return Terminated(
            process.returncode,
            output,
            errors,
            own_jobs(sandbox),
            sandbox.count("export/{jobId}", method="DELETE"),
            [str(job["jobState"]).lower() for job in sandbox.jobs() if job["id"] != foreign],
            sandbox.job_state(foreign).lower(),
        )


@pytest.mark.parametrize("signals", [1, 3])
@pytest.mark.parametrize("phase", PHASES)
def test_sigterm_ends_the_process_in_time_by_the_signal_and_cancels_its_jobs_once(
    phase: str, signals: int, tmp_path: Path
) -> None:
    sync = terminated(tmp_path, phase, signals)
    assert sync.code == -signal.SIGTERM
    assert all(json.loads(line) for line in sync.output.split(b"\n") if line)
    assert b"Traceback" not in sync.errors
    assert set(sync.states) <= {"cancelled"}
    assert sync.cancelled == len(sync.states) == sync.started
    assert sync.foreign == "running"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("command", ["read", "load"])
def test_a_second_signal_does_not_interrupt_the_clean_up(command: str, number: signal.Signals, tmp_path: Path) -> None:
    with Sandbox(SandboxSettings(users=10, days=1, job_seconds=3600)) as sandbox:
        # Five jobs are cancelled a second.
        config = config_for(sandbox, export_method="jobs", rate_limit_factor=5)
        files = {"config": config, "catalog": catalog_for(config, NAMES)}
        for name, content in files.items():
            (tmp_path / name).write_text(json.dumps(content))
        arguments = ["--streams", ",".join(NAMES), "--to", str(tmp_path / "iterable.duckdb")]
        if command == "read":
            arguments = ["--catalog", str(tmp_path / "catalog")]
        with subprocess.Popen(
            [*python_for(command), "-m", "source_iterable", command, "--config", str(tmp_path / "config"), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # As in a terminal, also where this runs in the background.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as process:
            try:
                wait_until(lambda: own_jobs(sandbox) == len(NAMES), process)
                for _ in range(3):
                    process.send_signal(number)
                    time.sleep(0.02)
                output, errors = process.communicate(timeout=GRACE)
            finally:
                process.kill()
        assert process.returncode == -number
        assert {str(job["jobState"]).lower() for job in sandbox.jobs()} == {"cancelled"}
    assert b"Traceback" not in output + errors
    if command == "load":
        assert errors.decode().splitlines()[-2:] == [
            "Stopping: finishing the current commit and cancelling export jobs.",
            "The load was stopped before anything was committed. Run it again to load all.",
        ]


def test_nothing_follows_the_last_line(tmp_path: Path) -> None:
    """The interpreter is not shut down: a SIGTERM in it would end in a traceback."""
    program = """
import atexit, os, sys
from source_iterable.run import run
atexit.register(lambda: os.write(2, b"shut down"))
run(sys.argv[1:])
"""
    with Sandbox(SandboxSettings(users=2, days=1)) as sandbox:
        (tmp_path / "config").write_text(json.dumps(config_for(sandbox)))
        command = [*preloaded.python(), "-c", program, "check", "--config", str(tmp_path / "config")]
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0
    assert b"SUCCEEDED" in done.stdout
    assert done.stderr == b""


def test_process_1_ends_with_143(tmp_path: Path) -> None:
    program = """
import os, signal, sys
os.getpid = lambda: 1
from source_iterable.process.ending import end
end(143)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 143


def test_a_reader_that_takes_the_first_line_alone_ends_the_sync_quietly(tmp_path: Path) -> None:
    with Sandbox(SandboxSettings(seed=7, users=40, days=6, job_seconds=3600)) as sandbox:
        config = config_for(sandbox, export_method="jobs")
        # Iterable keeps the sync waiting: nothing is written that would notice the reader.
        with start_read(tmp_path, config, NAMES, subprocess.PIPE) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline()
                wait_until(lambda: sandbox.count("export/{jobId}/files") > 3, process)
                process.stdout.close()
                process.wait(timeout=GRACE)
                assert process.stderr is not None
                assert process.stderr.read() == b""
            finally:
                process.kill()
        assert process.returncode == 128 + signal.SIGPIPE
        assert {str(job["jobState"]).lower() for job in sandbox.jobs()} == {"cancelled"}


def test_discover_into_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"api_key": "k", "start_date": "2024-01-01T00:00:00Z"}')
    command = f"{shlex.join(preloaded.python())} -m source_iterable discover --config config.json | head -c 100"
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, timeout=60, check=True)
    assert len(done.stdout) == 100
    assert done.stderr == b""


def errors_of(messages: list[dict[str, Any]]) -> list[str]:
    return [
        message["trace"]["error"]["message"]
        for message in messages
        if message["type"] == "TRACE" and message["trace"]["type"] == "ERROR"
    ]


@pytest.mark.parametrize("name", ["list_users", "email_send", "events"])
def test_no_temporary_folder_ends_the_sync_and_is_not_blamed_on_iterable(tmp_path: Path, name: str) -> None:
    def no_files() -> None:
        # A file may not grow over a few kilobytes: a disk that is full, as root sees it too.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    settings = SandboxSettings(seed=7, users=2000, days=6, events_per_day=4000, padding=200)
    with Sandbox(settings) as sandbox:
        config = config_for(sandbox)
        for file, content in {"config": config, "catalog": catalog_for(config, [name])}.items():
            (tmp_path / f"{file}.json").write_text(json.dumps(content))
        arguments = ["read", "--config", str(tmp_path / "config.json"), "--catalog", str(tmp_path / "catalog.json")]
        done = subprocess.run(
            [*preloaded.python(), "-c", SMALL_MEMORY, *arguments],
            capture_output=True,
            preexec_fn=no_files,
            timeout=120,
            check=False,
        )
    messages = [json.loads(line) for line in done.stdout.split(b"\n") if line]
    assert done.returncode == 1
    told = " ".join(errors_of(messages))
    assert "This machine cannot use the temporary folder" in told
    assert "TMPDIR" in told
    assert "Iterable" not in told.replace("iterable", "")


# Everything is spooled to files, and the lists' users are sorted in one.
SMALL_MEMORY = """
from source_iterable.api import spooled
from source_iterable.streams import distinct_users
spooled.MEMORY_BYTES = 100
distinct_users._CACHE = 8
from source_iterable.run import run
run()
"""


def test_a_temporary_folder_that_does_not_exist_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = """
import tempfile
tempfile._candidate_tempdir_list = lambda: ["/nowhere-at-all"]
from source_iterable.process.machine import trouble
print(trouble(FileNotFoundError(2, "No usable temporary directory found")))
"""
    done = subprocess.run([*preloaded.python(), "-c", program], capture_output=True, timeout=60, check=True)
    assert b"a temporary folder: No usable temporary directory found" in done.stdout


def test_a_key_refused_at_one_endpoint_alone_says_so(tmp_path: Path) -> None:
    with Sandbox(SandboxSettings(users=10, days=1)) as sandbox:
        sandbox.add_fault(Fault("webhooks", "status", times=None, status=401))
        sandbox.add_fault(Fault("lists", "status", status=500))  # webhooks come after
        config = config_for(sandbox)
        names = ["lists", "channels", "webhooks"]
        messages, done = run_command(tmp_path, "read", config, catalog=catalog_for(config, names))
    assert done.returncode == 1
    (told, *_) = errors_of(messages)
    assert "webhooks" in told
    assert "Give the API key the permission for this endpoint" in told
    assert "region" not in told, "the key itself works"


def test_an_output_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with Sandbox(SandboxSettings(users=10, days=1)) as sandbox, open("/dev/full", "wb") as full:
        config = config_for(sandbox)
        for file, content in {"config": config, "catalog": catalog_for(config, ["lists"])}.items():
            (tmp_path / f"{file}.json").write_text(json.dumps(content))
        arguments = ["read", "--config", str(tmp_path / "config.json"), "--catalog", str(tmp_path / "catalog.json")]
        command = [*preloaded.python(), "-m", "source_iterable", *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 1
    assert b"The output cannot be written: No space left on device." in done.stderr
