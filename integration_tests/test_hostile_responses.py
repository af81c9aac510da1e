"""Whatever a server answers, a sync ends soon, invents nothing, loses nothing silently, and says what is wrong."""

from __future__ import annotations

import json
import logging
import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from benchmarks import launcher
from integration_tests.connector import Sync, catalog_for, sync, time_text
from integration_tests.hostile.api import BYSTANDER, END, MEMBERS, START, Kind
from integration_tests.hostile.cases import Case, SpoiltApi, cases, large_cases
from integration_tests.hostile.responses import head, plain
from integration_tests.hostile.rows import KEY
from integration_tests.hostile.server import HostileServer, Pieces, Request
from source_iterable.api.client import MAX_RETRY_AFTER, IterableClient
from source_iterable.config import Config
from source_iterable.errors import BrokenResponse
from source_iterable.exports import export_job, jobs
from source_iterable.exports.file_host import FileHost

# Bytes of memory that a sync may take, whatever is sent (docs/limits.md).
MEMORY = 150 * 2**20
# Scales the rate budgets down to nothing; no pause lasts longer than this.
FACTOR = 1e6
LONGEST_WAIT = 0.001
# What only a fault of the connector says.
FAULTS = re.compile(
    r"\b(Key|Type|Attribute|Value|Index|Unicode\w+|Recursion|Overflow|Assertion|Name)Error\b|Traceback|unexpected error",
    re.IGNORECASE,
)


def config_of(server: HostileServer, kind: Kind, **changes: Any) -> dict[str, Any]:
    return {
        "api_key": KEY,
        "start_date": time_text(START),
        "end_date": time_text(END),
        "api_base_url": server.base_url,
        "rate_limit_factor": FACTOR,
        **kind.options,
        **changes,
    }


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that the connector makes, in seconds; none lasts long."""
    made: list[float] = []
    wait = IterableClient.wait

    def short(client: IterableClient, seconds: float) -> None:
        made.append(seconds)
        wait(client, min(seconds, LONGEST_WAIT))

    monkeypatch.setattr(IterableClient, "wait", short)
    # Otherwise reached after a hundred thousand requests, and after a day.
    monkeypatch.setattr(export_job, "MAX_FILES", 20)
    monkeypatch.setattr(jobs, "STUCK", 100.0)
    return made


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Callable[[SpoiltApi, Case], None]:
    """Shortens the read timeout of requests whose response never ends, and of no others."""

    def shorten(api: SpoiltApi, case: Case) -> None:
        send = requests.Session.request

        def request(session: requests.Session, method: str, url: str, **more: Any) -> requests.Response:
            if url.endswith(case.kind.path) and api.spoils_next:
                more["timeout"] = (1.0, case.row.read_timeout)
            return send(session, method, url, **more)

        monkeypatch.setattr(requests.Session, "request", request)

    return shorten


def output_of(result: Sync, log: str) -> str:
    """Everything that a sync says besides records."""
    failure = f"{result.failure!r} {result.failure.message}" if result.failure else ""
    traces = [f"{each.error.message} {each.error.internal_message}" for each in result.errors.values() if each.error]
    return " ".join([failure, *traces, log, json.dumps(result.state_messages)])


def assert_clean(result: Sync, log: str, sent: list[bytes]) -> None:
    said = output_of(result, log)
    assert not FAULTS.search(said), FAULTS.findall(said)
    assert KEY not in f"{said} {result.errors} {result.failure!r}"
    assert not any(len(body) > 40 and body.decode("latin-1").strip() in said for body in sent)
    assert max(map(len, said.split("\n"))) < 5000, "a message is too long"


def message_of(result: Sync, stream: str) -> str:
    error = result.errors[stream].error
    assert error is not None
    return error.message


def keys_of(result: Sync, kind: Kind) -> Counter[str]:
    return Counter(map(kind.key, result.records[kind.stream]))


@pytest.mark.parametrize("case", list(cases()))
def test_a_response(
    case: Case,
    waits: list[float],
    impatient: Callable[[SpoiltApi, Case], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    row, kind = case.row, case.kind
    caplog.set_level(logging.INFO)
    api = SpoiltApi(case)
    sent: list[bytes] = []

    def answer(request: Request) -> Pieces:
        for piece in api(request):
            if isinstance(piece, bytes) and len(sent) < 50:
                sent.append(piece.rpartition(b"\r\n\r\n")[2])
            yield piece

    with HostileServer(answer) as server:
        api.good.base_url = server.base_url
        config = config_of(server, kind)
        if row.read_timeout:
            impatient(api, case)
        result = sync(config, [kind.stream, BYSTANDER])
        # Without the traces, which the CDK logs.
        log = "\n".join(record.getMessage() for record in caplog.records)
        assert_clean(result, log, sent)
        assert KEY not in caplog.text
        # An impatient client may be gone before the server has read a request of it.
        assert api.struck.wait(60)
        assert all(math.isfinite(seconds) and 0 <= seconds <= MAX_RETRY_AFTER for seconds in waits)
        assert [record["id"] for record in result.records[BYSTANDER]] == [1, 2], "another stream is affected"
        assert result.statuses[BYSTANDER][-1] == "COMPLETE"
        assert_verdict(case, result, log)
        if case.verdict.startswith("incomplete") and row.resumes:
            api.spoils = False
            second = sync(config, [kind.stream], result.state)
            assert second.failure is None
            assert set(keys_of(result, kind)) | set(keys_of(second, kind)) == kind.good, "the state passed a record"


def assert_verdict(case: Case, result: Sync, log: str) -> None:
    word, _, text = case.verdict.partition(": ")
    kind, keys = case.kind, keys_of(result, case.kind)
    good = case.row.keys(kind) if case.row.keys else kind.good
    if word == "incomplete":
        assert result.statuses[kind.stream][-1] == "INCOMPLETE"
        assert re.search(text, message_of(result, kind.stream)), message_of(result, kind.stream)
        assert set(keys) <= good, "a record was invented"
        return
    assert result.failure is None, result.errors and message_of(result, kind.stream)
    assert result.statuses[kind.stream][-1] == "COMPLETE"
    assert re.search(text, log), log
    if word == "records":
        assert set(keys) == good
        # With a text, the response itself may hold a record twice.
        assert ":" in case.verdict or max(keys.values()) == 1
    else:
        assert word in ("empty", "skipped")
        assert set(keys) < good


def run_measured(arguments: list[str], folder: Path) -> tuple[str, int]:
    """Run a process; its output, and the most memory that it took, in bytes."""
    log, result = folder / "log", folder / "result"
    with log.open("wb") as file:
        # Not from here: on Linux a process starts with the peak memory of the one that starts it.
        launch = [sys.executable, "-I", "-S", launcher.__file__, str(result), *arguments]
        subprocess.run(launch, stdout=file, stderr=subprocess.STDOUT, check=True)
    _, _, _, peak, _ = result.read_text(encoding="ascii").split()
    return log.read_text(encoding="utf-8"), int(peak)


def messages_in(output: str) -> Iterator[str]:
    """What the messages of the command say, without the traces that the CDK logs."""
    for line in output.splitlines():
        message = json.loads(line)
        trace = message.get("trace", {}).get("error", {})
        log = message.get("log", {}).get("message", "").partition("\nTraceback")[0]
        yield f"{log} {trace.get('message')} {trace.get('internal_message')}"


def measured_read(case: Case, folder: Path) -> tuple[str, int]:
    """Read the case's stream in a process; its output, and the most memory that it took, in bytes."""
    api = SpoiltApi(case)
    with HostileServer(api) as server:
        api.good.base_url = server.base_url
        # One second, which has no parts.
        config = config_of(server, case.kind, end_date="2026-01-01T00:00:01Z")
        arguments = [sys.executable, "-m", "source_iterable", "read"]
        for name, content in {"config": config, "catalog": catalog_for(config, [case.kind.stream])}.items():
            path = folder / f"{name}.json"
            path.write_text(json.dumps(content))
            arguments += [f"--{name}", str(path)]
        return run_measured(arguments, folder)


@pytest.mark.parametrize("case", list(large_cases()))
def test_a_large_response_takes_little_memory(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    monkeypatch.delitem(MEMBERS, 2)
    said, memory = measured_read(case, tmp_path)
    record_property("memory", memory)
    assert memory < MEMORY, f"{memory / 2**20:.0f} MB"
    word, _, text = case.verdict.partition(": ")
    assert re.search(text, said), said[-2000:]
    assert ('"status":"INCOMPLETE"' in said) == (word == "incomplete")
    assert ('"RECORD"' in said) == (word == "records")
    assert not FAULTS.search(" ".join(messages_in(said)))


@pytest.fixture
def public_client() -> IterableClient:
    """A client of a public API; nothing is sent to it."""
    config = {"api_key": KEY, "start_date": time_text(START), "api_base_url": "https://api.example.invalid/api/"}
    return IterableClient(Config.parse(config), logging.getLogger("airbyte"))


@pytest.mark.parametrize("link", ["http://127.0.0.1:{port}/f1", "file:///etc/hostname", "ftp://x/f1"])
def test_a_file_is_fetched_by_https_only(public_client: IterableClient, link: str) -> None:
    with HostileServer(lambda _: [plain(b"{}")]) as server:
        with pytest.raises(BrokenResponse, match="not an https URL of a public host"):
            FileHost(public_client).receive(link.format(port=server.port), 1000)
        assert server.requests == []
        assert server.handshakes == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433"])
def test_nothing_is_sent_to_a_private_address(public_client: IterableClient, host: str) -> None:
    with HostileServer(lambda _: [head(200)]) as server:
        with pytest.raises(BrokenResponse, match="not an https URL of a public host"):
            FileHost(public_client).receive(f"https://{host}:{server.port}/f1", 1000)
        assert server.handshakes == 0
