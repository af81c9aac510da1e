"""The command that writes the report of a live project, and only reads."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from integration_tests import preloaded
from integration_tests.connector import config_for
from integration_tests.live import __main__ as command
from integration_tests.live import report as reports
from integration_tests.live.__main__ import main
from integration_tests.live.client import Client
from integration_tests.live.compare import client_of, of_sandbox
from integration_tests.live.probe import LONGEST
from integration_tests.live.probes import PROBES
from integration_tests.sandbox import Fault, RequestLogEntry, Sandbox, SandboxSettings
from source_iterable.config import Config
from source_iterable.streams.table import EXPORTS

ROOT = Path(__file__).parent.parent
SMALL: dict[str, Any] = {"users": 40, "events_per_day": 400, "days": 9}

WholeRun = tuple[dict[str, Any], list[RequestLogEntry]]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(**SMALL)) as running:
        yield running


@pytest.fixture
def in_its_time(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command runs in the sandbox's time."""

    def client(config: Config, sleep: object) -> Client:
        return client_of(sandbox, config, LONGEST)

    monkeypatch.setattr(command, "Client", client)


def write_config(sandbox: Sandbox, folder: Path, **changes: Any) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps({**config_for(sandbox), "rate_limit_factor": 1_000, **changes}))
    return path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a user runs it in a folder of his own."""
    command = [*preloaded.python(), "-m", "integration_tests.live", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    return subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
    )


def test_the_command_reads_only(tmp_path: Path) -> None:
    # The command asks for what has happened lately, by the machine's clock.
    with Sandbox(SandboxSettings(now=None, **SMALL)) as sandbox:
        done = run(tmp_path, "--config", str(write_config(sandbox, tmp_path)), "--no-jobs", "--minutes", "0.1")
    assert done.returncode == 0, done.stderr
    assert {each.method for each in sandbox.requests} == {"GET"}
    assert {each.name for each in PROBES} == set(reports.read(tmp_path / "live-report.json")["probes"])
    assert " differs " not in done.stdout
    assert "live-report.json" in done.stdout


def test_without_a_terminal_no_job_is_started(sandbox: Sandbox, tmp_path: Path) -> None:
    run(tmp_path, "--config", str(write_config(sandbox, tmp_path)), "--minutes", "0.05")
    assert sandbox.count("export/start") == 0


@pytest.fixture(scope="module")
def whole_run() -> WholeRun:
    """The report of a run that had all the time it took, and its requests."""
    kept: list[Sandbox] = []
    report = of_sandbox(SandboxSettings(rate_limit_factor=1.0, **SMALL), kept.append)
    return report, kept[0].requests


def test_two_export_jobs_at_most_and_nothing_else_is_written(
    whole_run: WholeRun,
) -> None:
    posts = [each for each in whole_run[1] if each.method != "GET"]
    assert [(each.method, each.endpoint) for each in posts] == [("POST", "export/start")] * 2


def test_the_key_goes_to_no_other_host(whole_run: WholeRun) -> None:
    downloads = [each for each in whole_run[1] if each.host == "files"]
    assert downloads
    assert not [each for each in downloads if each.header_names & {"api-key", "api_key"}]


def test_all_limits_are_kept(whole_run: WholeRun) -> None:
    report, _ = whole_run
    assert report["probes"]["rate limits"]["verdict"] == "holds"
    assert not [endpoint for endpoint, statuses in report["requests"].items() if "429" in statuses]
    assert {each["verdict"] for each in report["probes"].values()} <= {"holds", "not visible"}


@pytest.mark.parametrize("latency", [0.3, 20.0])
def test_a_run_takes_less_than_ten_minutes(latency: float) -> None:
    kept: list[tuple[Sandbox, float]] = []

    def slow_down(sandbox: Sandbox) -> None:
        def advance(entry: RequestLogEntry) -> bool:
            sandbox.advance(latency)
            return False

        sandbox.add_fault(Fault(None, "status", when=advance))
        kept.append((sandbox, sandbox.core.clock.elapsed()))

    settings = SandboxSettings(rate_limit_factor=1.0, job_seconds=45.0, **SMALL)
    report = of_sandbox(settings, slow_down, minutes=LONGEST)
    ((sandbox, begun),) = kept
    assert 400 < sandbox.core.clock.elapsed() - begun < 600
    # All but the rest of the data types.
    unfinished = {name for name, each in report["probes"].items() if not each["is_finished"]}
    assert "data types" in unfinished
    if latency < 1:
        assert unfinished == {"data types"}
        assert 20 < len(report["probes"]["data types"]["facts"]["statuses"]) < len(EXPORTS)


def test_limits_without_end_end_a_run() -> None:
    def limit(sandbox: Sandbox) -> None:
        sandbox.add_fault(Fault(None, "status", times=None, after=1, status=429))

    report = of_sandbox(SandboxSettings(users=5, days=1), limit, minutes=LONGEST)
    assert sum(report["requests"]["campaigns"].values()) < 10
    assert report["probes"]["rate limits"]["verdict"] == "differs"
    assert {each["verdict"] for name, each in report["probes"].items() if name != "rate limits"} <= {
        "holds",
        "not visible",
    }


def test_a_run_that_is_interrupted_goes_on_with_what_is_left(
    sandbox: Sandbox,
    in_its_time: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["--config", str(write_config(sandbox, tmp_path, rate_limit_factor=1)), "--no-jobs"]
    written: list[str] = []
    write = reports.write

    def interrupt(path: Path, report: Any) -> None:
        write(path, report)
        written.append(path.name)
        if len(written) in (7, 70):  # the second time, within the data types
            raise KeyboardInterrupt

    monkeypatch.setattr(reports, "write", interrupt)
    assert main(arguments) == 130
    assert len(reports.read(tmp_path / "live-report.json")["probes"]) == 7
    for code in (130, 0, 0):
        assert main(arguments) == code, capsys.readouterr()
    report = reports.read(tmp_path / "live-report.json")
    assert list(report["probes"]) == [each.name for each in PROBES]
    assert report["probes"]["data types"]["verdict"] == "holds"
    # No data type was asked for twice, but where others need it; nor any list.
    asked = Counter(each.query["dataTypeName"][0] for each in sandbox.requests if each.endpoint == "export/data.json")
    assert {asked[each.data_type] for each in EXPORTS if each.data_type not in ("emailSend", "user")} == {1}
    assert sandbox.count("channels") == 1
    # The requests of all runs are counted.
    sent = sum(sum(each.values()) for each in report["requests"].values())
    assert sent == len([each for each in sandbox.requests if each.host == "api"])


def test_a_report_of_another_project_is_left_alone(
    sandbox: Sandbox,
    in_its_time: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    reports.write(tmp_path / "live-report.json", of_sandbox(SandboxSettings(users=5, days=1, api_key="another-key")))
    before = (tmp_path / "live-report.json").read_text()
    config = str(write_config(sandbox, tmp_path))
    assert main(["--config", config, "--no-jobs"]) == 1
    assert "is about another project or key" in capsys.readouterr().err
    # Nor does a server that fails cost it.
    sandbox.add_fault(Fault("lists", "status", times=None, status=502))
    assert main(["--config", config, "--no-jobs", "--again"]) == 1
    assert (tmp_path / "live-report.json").read_text() == before
    sandbox.clear_faults()
    assert main(["--config", config, "--no-jobs", "--again"]) == 0
    assert (tmp_path / "live-report.json").read_text() != before


def test_export_jobs_are_started_once(
    sandbox: Sandbox, in_its_time: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["--config", str(write_config(sandbox, tmp_path, rate_limit_factor=1))]
    main([*arguments, "--no-jobs", "--minutes", "4"])
    assert sandbox.count("export/start") == 0
    write = reports.write

    def interrupt(path: Path, report: Any) -> None:
        write(path, report)
        if report["probes"]["states of export jobs"].get("facts"):
            raise KeyboardInterrupt

    monkeypatch.setattr(reports, "write", interrupt)
    assert main([*arguments, "--jobs"]) == 130
    monkeypatch.setattr(reports, "write", write)
    assert main([*arguments, "--jobs"]) == 0
    assert sandbox.count("export/start") == 2
    probe = reports.read(tmp_path / "live-report.json")["probes"]["both transports"]
    assert probe["reason"] == "an earlier run has started export jobs; begin again to see some"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"api_key": "another-key"}, "Iterable does not take the key: status 401"),
        ({"api_base_url": "http://127.0.0.1:9/api/"}, "Iterable does not answer: no answer (ConnectionError)"),
        ({"region": "Mars"}, "The configuration is not valid: 'region'"),
    ],
)
def test_what_cannot_begin_says_why(sandbox: Sandbox, tmp_path: Path, change: dict[str, Any], told: str) -> None:
    done = run(tmp_path, "--config", str(write_config(sandbox, tmp_path, **change)), "--no-jobs")
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "live-report.json").exists()


DAMAGED: dict[str, Any] = {
    "version": 1,
    "connector": "0",
    "project": "own:00000000",
    "region": "US",
    "project_type": "Hybrid",
    "requests": {"lists": {"200": 1}},
    "probes": {"key": {"claim": "", "relied_on": "", "verdict": "holds", "seconds": 1}},
}


@pytest.mark.parametrize(
    "damage",
    [
        {"project_type": "Mars"},
        {"requests": {"lists": {"200": "many"}}},
        {"probes": {"key": {}}},
        {"probes": {"key": {**DAMAGED["probes"]["key"], "verdict": "\u001b[31mholds"}}},
        {"probes": {"key": {**DAMAGED["probes"]["key"], "facts": []}}},
        {"probes": {"key": {**DAMAGED["probes"]["key"], "oddities": [["a"]]}}},
    ],
    ids=str,
)
def test_a_damaged_report_is_not_compared(
    damage: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps(DAMAGED))
    assert reports.read(path) == DAMAGED
    path.write_text(json.dumps({**DAMAGED, **damage}))
    assert main(["--compare", str(path)]) == 1
    assert "is no report of this version" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "[]", '{"version": 99, "probes": {}}', "no JSON"])
def test_a_file_that_is_no_report_is_left_alone(sandbox: Sandbox, tmp_path: Path, content: str) -> None:
    (tmp_path / "live-report.json").write_text(content)
    done = run(tmp_path, "--config", str(write_config(sandbox, tmp_path)), "--no-jobs")
    assert done.returncode == 1
    assert "live-report.json is no" in done.stderr
    assert (tmp_path / "live-report.json").read_text() == content


def test_the_table_shows_each_verdict_on_one_line_of_a_small_terminal(
    whole_run: WholeRun,
) -> None:
    report, _ = whole_run
    shown = StringIO()
    reports.show(report, Console(file=shown, width=80, markup=False))
    lines = shown.getvalue().splitlines()
    for name, seen in report["probes"].items():
        assert [line for line in lines if line.strip().startswith(seen["verdict"]) and f" {name} " in line], name
    assert len(lines) < len(report["probes"]) + 40
    assert max(map(len, lines)) <= 80


def test_a_report_is_compared_with_the_sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = of_sandbox(SandboxSettings(user_fields_shape="array", **SMALL))
    reports.write(tmp_path / "theirs.json", report)
    assert main(["--compare", str(tmp_path / "theirs.json")]) == 0
    printed = capsys.readouterr().out
    assert "profile fields: under is userFields there, fields here" in printed
