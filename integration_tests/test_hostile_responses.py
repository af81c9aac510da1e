"""Whatever a server answers, a sync ends soon, invents nothing, loses nothing silently, and says what is wrong."""

from __future__ import annotations

import json
import logging
import math
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

from benchmarks import launcher
from integration_tests.connector import Sync, catalog_for, sync, time_text
from integration_tests.hostile import HostileServer, Pieces, Request, head, plain
from integration_tests.hostile_api import BYSTANDER, END, KINDS, MEMBERS, START, GoodApi, Kind
from integration_tests.hostile_table import KEY, LARGE, SAME, TABLE, Row, Verdicts
from source_iterable.api.client import MAX_RETRY_AFTER, IterableClient
from source_iterable.config import Config
from source_iterable.errors import BrokenResponse
from source_iterable.exports import export_job, jobs

# Bytes of memory that a sync may take, whatever is sent.
MEMORY = 300 * 2**20
# Seconds without a byte, where a row is about that.
READ_TIMEOUT = 0.1
# Scales the rate budgets down to nothing; no pause lasts longer than this.
FACTOR = 1e6
LONGEST_WAIT = 0.001
# What only a fault of the connector says.
FAULTS = re.compile(
    r"\b(Key|Type|Attribute|Value|Index|Unicode\w+|Recursion|Overflow|Assertion|Name)Error\b|Traceback|unexpected error",
    re.IGNORECASE,
)


class Case(NamedTuple):
    """A row of the table, for one kind of stream."""

    row: Row
    kind: Kind
    once: bool
    verdict: str


def verdict_of(verdicts: Verdicts, name: str) -> str | None:
    """A row's verdict for a kind: that of the kind, of the form of its response, or of all."""
    if verdicts is None or isinstance(verdicts, str):
        return verdicts
    for key in (name, KINDS[name].form, "*"):
        if key in verdicts:
            return verdicts[key]
    return None


def cases() -> Iterator[Any]:
    for row in TABLE:
        for name, kind in KINDS.items():
            always, once = verdict_of(row.always, name), verdict_of(row.once, name)
            for mode, verdict in (("always", always), ("once", always if once == SAME else once)):
                if always is None or verdict is None:
                    continue
                yield pytest.param(Case(row, kind, mode == "once", verdict), id=f"{row.name}-{name}-{mode}")


class SpoiltApi:
    """The good API, but for one endpoint: the first response there is spoilt, or all of them. Other threads share it."""

    def __init__(self, case: Case) -> None:
        self.good = GoodApi()
        self.spoils = True
        self.struck = 0
        self._case = case
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Pieces:
        body = self.good.body(request)
        if request.path == self._case.kind.path and body is not None:
            with self._lock:
                self.struck += 1
                spoils = self.spoils and not (self._case.once and self.struck > 1)
            if spoils:
                return self._case.row.spoil(request, body, self._case.kind, self.good)
        return [plain(b"{}", 404) if body is None else plain(body)]


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


@contextmanager
def short_timeouts(kind: Kind) -> Iterator[None]:
    """A short read timeout at the kind's endpoint."""
    with pytest.MonkeyPatch.context() as patch:
        send = requests.Session.request

        def request(session: requests.Session, method: str, url: str, **more: Any) -> requests.Response:
            if url.endswith(kind.path):
                more["timeout"] = (1.0, READ_TIMEOUT)
            return send(session, method, url, **more)

        patch.setattr(requests.Session, "request", request)
        yield


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
def test_a_response(case: Case, waits: list[float], caplog: pytest.LogCaptureFixture) -> None:
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
        with short_timeouts(kind) if row.stalls else pytest.MonkeyPatch.context():
            result = sync(config, [kind.stream, BYSTANDER])
        # Without the traces, which the CDK logs.
        log = "\n".join(record.getMessage() for record in caplog.records)
        assert_clean(result, log, sent)
        assert KEY not in caplog.text
        assert api.struck > 0
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


def large_cases() -> Iterator[Any]:
    for row in LARGE:
        for name, kind in KINDS.items():
            if verdict := verdict_of(row.always, name):
                yield pytest.param(Case(row, kind, False, verdict), id=f"{row.name}-{name}")


@pytest.mark.parametrize("case", list(large_cases()))
def test_a_large_response_takes_little_memory(
    case: Case, tmp_path: Path, record_property: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = SpoiltApi(case)
    monkeypatch.delitem(MEMBERS, 2)
    with HostileServer(api) as server:
        api.good.base_url = server.base_url
        # One second, which cannot be halved.
        config = config_of(server, case.kind, end_date="2026-01-01T00:00:01Z")
        arguments = [sys.executable, "-m", "source_iterable", "read"]
        for name, content in {"config": config, "catalog": catalog_for(config, [case.kind.stream])}.items():
            path = tmp_path / f"{name}.json"
            path.write_text(json.dumps(content))
            arguments += [f"--{name}", str(path)]
        said, memory = run_measured(arguments, tmp_path)
    record_property("memory", memory)
    assert memory < MEMORY, f"{memory / 2**20:.0f} MB"
    word, _, text = case.verdict.partition(": ")
    assert word == "incomplete"
    assert re.search(text, said), said[-2000:]
    assert '"status":"INCOMPLETE"' in said
    assert '"RECORD"' not in said
    assert not FAULTS.search(" ".join(messages_in(said)))


@pytest.fixture
def public_client() -> IterableClient:
    """A client of a public API; nothing is sent to it."""
    config = {"api_key": KEY, "start_date": time_text(START), "api_base_url": "https://api.example.invalid/api/"}
    return IterableClient(Config.parse(config), logging.getLogger("airbyte"))


@pytest.mark.parametrize("link", ["http://127.0.0.1:{port}/f1", "file:///etc/hostname", "ftp://x/f1"])
def test_a_file_is_fetched_by_https_only(public_client: IterableClient, link: str) -> None:
    with HostileServer(lambda _: [plain(b"{}")]) as server:
        with pytest.raises(BrokenResponse, match="no https URL of a public host"):
            public_client.receive_file(link.format(port=server.port), 1000)
        assert server.requests == []
        assert server.handshakes == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433"])
def test_nothing_is_sent_to_a_private_address(public_client: IterableClient, host: str) -> None:
    with HostileServer(lambda _: [head(200)]) as server:
        with pytest.raises(BrokenResponse, match="no https URL of a public host"):
            public_client.receive_file(f"https://{host}:{server.port}/f1", 1000)
        assert server.handshakes == 0
