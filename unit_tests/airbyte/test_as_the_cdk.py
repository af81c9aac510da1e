"""What the commands write is what the CDK's entrypoint writes for the same source, and does not need its import."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from airbyte_cdk import entrypoint as cdk
from airbyte_cdk.logger import PRINT_BUFFER, init_logger
from airbyte_cdk.models import AirbyteMessageSerializer
from airbyte_cdk.sources.streams import NO_CURSOR_STATE_KEY
from airbyte_cdk.sources.streams.checkpoint.checkpoint_reader import FULL_REFRESH_COMPLETE_STATE
from airbyte_cdk.utils.airbyte_secrets_utils import update_secrets
from requests_mock import Mocker

from source_iterable.airbyte import commands, entrypoint, messages
from source_iterable.airbyte.source import SourceIterable
from source_iterable.airbyte.stdout import hide
from source_iterable.config import Config
from source_iterable.errors import ConfigError

US = "https://api.iterable.com/api/"
KEY, SALT = "k-0123456789abcdef", "s-0123456789abcdef"
GOOD = {"api_key": KEY, "start_date": "2024-01-01T00:00:00Z"}
Outcome = tuple[list[dict[str, Any]], int]


class Ended(BaseException):
    """In place of the end of the process."""


class Commands:
    """Runs a command in this process, in a folder with its files, by ours and by the CDK's entrypoint."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[bytes]) -> None:
        self._folder, self._capture = folder, capture

    def compared(self, *arguments: str, **files: Any) -> Outcome:
        """The messages and the exit code, which are the same by both. Files are JSON, or bytes as they are."""
        (ours, code), (theirs, their_code) = self.ours(*arguments, **files), self._theirs(self._words(arguments, files))
        assert code == their_code
        # As texts: 1 is not 1.0, and the order counts.
        assert [json.dumps(_timeless(each)) for each in ours] == [json.dumps(_timeless(each)) for each in theirs]
        return ours, code

    def ours(self, *arguments: str, **files: Any) -> Outcome:
        """The messages, which the CDK would write the same way, byte for byte; and the exit code."""
        with pytest.raises(Ended) as ended:
            entrypoint.launch(self._words(arguments, files))
        lines = self._lines()
        for line in lines:
            if not line.startswith(b'{"type":"DEBUG"'):  # which is none of the protocol
                message = AirbyteMessageSerializer.load(json.loads(line))
                assert line.decode() == cdk.AirbyteEntrypoint.airbyte_message_to_string(message)
        return [json.loads(line) for line in lines], ended.value.args[0]

    def _theirs(self, arguments: list[str]) -> Outcome:
        init_logger("airbyte")
        code = 0
        try:
            cdk.launch(SourceIterable(), arguments)
        except Exception as error:
            sys.excepthook(type(error), error, error.__traceback__)
            code = 1
        found = [json.loads(line) for line in self._lines()]
        monitor = [each for each in found if "MemoryMonitor" in each.get("log", {}).get("message", "")]
        return [each for each in found if each not in monitor], code

    def _words(self, arguments: tuple[str, ...], files: dict[str, Any]) -> list[str]:
        words = [*arguments]
        for name, content in files.items():
            path = self._folder / f"{name}.json"
            if content is not None:
                path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
            words += [f"--{name}", str(path)]
        return words

    def _lines(self) -> list[bytes]:
        output, errors = self._capture.readouterr()
        assert errors == b""
        return output.splitlines()


def _timeless(message: dict[str, Any]) -> dict[str, Any]:
    """Without times, and without tracebacks, which name other lines of code."""
    for part, name in (("trace", "emitted_at"), ("record", "emitted_at")):
        message.get(part, {}).pop(name, None)
    if trace := message.get("trace", {}).get("error"):
        assert trace.pop("stack_trace").startswith("Traceback")
    if log := message.get("log"):
        log["message"] = re.sub(r" in [\d.]+ s\.$|(?<=\nTraceback)(?s:.*)", "", log["message"])
    return message


@pytest.fixture
def run(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Commands]:
    def end(code: int) -> None:
        raise Ended(code)

    monkeypatch.setattr(entrypoint, "end", end)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(PRINT_BUFFER, "flush_interval", 0.0)
    monkeypatch.setattr(requests.Session, "send", requests.Session.send)
    # Its errors hold values and name no option.
    monkeypatch.setattr(cdk.AirbyteEntrypoint, "validate_connection", lambda *_: None)
    for name in ("LOG_LEVEL", "DEPLOYMENT_MODE"):
        monkeypatch.delenv(name, raising=False)
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    loggers = [logging.getLogger(name) for name in (None, "airbyte", "airbyte.source-iterable")]
    before = [(each, each.level, [*each.handlers]) for each in loggers]
    yield Commands(tmp_path, capfdbinary)
    for number, handler in handlers.items():
        signal.signal(number, handler)
    for logger, level, own in before:
        logger.setLevel(level)
        logger.handlers[:] = own
    update_secrets([])
    hide({})


@pytest.fixture(autouse=True)
def api(requests_mock: Mocker) -> Mocker:
    requests_mock.get(US + "lists", json={"lists": [{"id": 1, "name": "Ünï", "createdAt": 1}]})
    requests_mock.get(US + "export/jobs", json={"jobs": []})
    return requests_mock


def of_type(found: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in found if each["type"] == kind]


@pytest.mark.parametrize("options", [{}, {"unknown": 1}, {"hashed_fields": ["phoneNumber"]}])
def test_a_check_that_succeeds(run: Commands, options: dict[str, Any]) -> None:
    found, code = run.compared("check", config={**GOOD, **options})
    assert (code, found[-1]["connectionStatus"]["status"]) == (0, "SUCCEEDED")


INVALID = [
    {},
    {"api_key": KEY},
    {**GOOD, "region": "Mars"},
    {**GOOD, "api_key": 987654321987},
    {**GOOD, "start_date": KEY},
]


@pytest.mark.parametrize("config", INVALID)
def test_an_invalid_configuration(run: Commands, config: dict[str, Any]) -> None:
    found, code = run.compared("check", config=config)
    assert (code, found[-1]["connectionStatus"]["status"]) == (0, "FAILED")
    for command, files in (("discover", {}), ("read", {"catalog": {"streams": []}})):
        found, code = run.compared(command, config=config, **files)
        assert (code, found[-1]["trace"]["error"]["failure_type"]) == (1, "config_error")


@pytest.mark.parametrize("content", [None, b"", b"{broken", b"[]", b"null", b"\xff", b"[" * 100_000])
@pytest.mark.parametrize("command", ["check", "discover"])
def test_a_configuration_that_cannot_be_read(run: Commands, command: str, content: bytes | None) -> None:
    found, code = run.compared(command, config=content)
    assert (code, found[-1]["trace"]["error"]["failure_type"]) == (1, "config_error")
    assert "config.json " in found[-1]["trace"]["error"]["message"]


def test_secrets_are_masked_in_the_log_and_in_errors(run: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    def leaking(config: Config, logger: logging.Logger) -> list[str]:
        logger.warning("%s and %s", KEY, SALT)
        return [f"See {KEY}."]

    def failing(config: dict[str, Any]) -> Config:
        raise ConfigError(f"Wrong: {KEY}, {SALT}.")

    config = {**GOOD, "hash_salt": SALT}
    monkeypatch.setattr(commands, "notes_of_check", leaking)
    found, _ = run.compared("check", config=config)
    assert [each["log"]["message"] for each in found[:2]] == ["**** and ****", "See ****."]
    monkeypatch.setattr(commands, "parse_config", failing)
    found, code = run.compared("discover", config=config)
    assert code == 1
    assert found[0]["log"]["message"].startswith("Wrong: ****, ****.\nTraceback")
    assert found[1]["trace"]["error"]["message"] == "Wrong: ****, ****."


def test_a_check_that_fails(run: Commands, api: Mocker) -> None:
    api.get(US + "lists", status_code=403, json={"code": "Forbidden", "msg": "Not for this key"})
    found, code = run.compared("check", config=GOOD)
    assert (code, found[0]["log"]) == (0, {"level": "ERROR", "message": "Check failed"})


def test_discover(run: Commands, api: Mocker) -> None:
    found, code = run.compared("discover", config=GOOD)
    assert (code, len(found), found[0]["type"]) == (0, 1, "CATALOG")
    api.get(US + "users/getFields", status_code=403, json={"code": "Forbidden", "msg": "Not for this key"})
    found, code = run.compared("discover", config={**GOOD, "user_fields_as_columns": True})
    assert code == 1
    assert "permission" in found[-1]["trace"]["error"]["message"]


@pytest.mark.parametrize("level", ["", "debug", "DEBUG", "info"])
@pytest.mark.parametrize("flag", [[], ["--debug"]])
def test_the_debug_log(run: Commands, monkeypatch: pytest.MonkeyPatch, level: str, flag: list[str]) -> None:
    monkeypatch.setenv("LOG_LEVEL", level)
    found, _ = run.compared("check", *flag, config=GOOD)
    assert ("Debug logs enabled" in json.dumps(found[0])) == bool(flag or level.lower() == "debug")


def configured(name: str) -> dict[str, Any]:
    stream = {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
    return {"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "append"}


def test_read(run: Commands) -> None:
    found, code = run.compared("read", config=GOOD, catalog={"streams": [configured("lists")]}, state={})
    assert (code, len(of_type(found, "RECORD"))) == (0, 1)
    assert [each["state"]["sourceStats"]["recordCount"] for each in of_type(found, "STATE")] == [1.0]


@pytest.mark.parametrize("name", ["channels", "nothing"])
def test_a_read_that_fails_keeps_the_state_whatever_it_is(
    run: Commands, api: Mocker, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(cdk, "_HAS_LOGGED_FOR_SERIALIZATION_ERROR", True)  # it warns of such numbers
    api.get(US + "channels", status_code=403, json={"code": "Forbidden", "msg": "Not for this key"})
    state = {"a": 2**70, "b": "\ud800", "c": [None, 0.1]}
    given = [{"type": "STREAM", "stream": {"stream_descriptor": {"name": name}, "stream_state": state}}]
    found, code = run.compared("read", config=GOOD, catalog={"streams": [configured(name)]}, state=given)
    assert code == 1
    assert [each["trace"]["type"] for each in of_type(found, "TRACE")].count("ERROR") == 2
    kept = [each["state"]["stream"]["stream_state"] for each in of_type(found, "STATE")]
    assert kept == ([state] if name == "channels" else [])


@pytest.mark.parametrize("state", [[{"type": "STREAM"}], {"lists": {}}, [{"type": "GLOBAL", "global": 1}], b"{"])
def test_a_state_that_cannot_be_read(run: Commands, state: Any) -> None:
    found, code = run.compared("read", config=GOOD, catalog={"streams": []}, state=state)
    assert (code, found[-1]["trace"]["error"]["failure_type"]) == (1, "config_error")


def test_in_the_cloud_no_request_leads_into_a_private_network(
    run: Commands, api: Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOYMENT_MODE", "CLOUD")
    api.get("https://127.0.0.1/api/lists", json={"lists": []})
    found, code = run.ours("check", config={**GOOD, "api_base_url": "https://127.0.0.1/api/"})
    assert api.call_count == 0
    assert code == 0
    assert "belongs to a private network" in found[-1]["connectionStatus"]["message"]


def test_the_marks_in_states_are_those_of_the_cdk() -> None:
    assert {NO_CURSOR_STATE_KEY: True} == messages.NO_CURSOR
    assert dict(FULL_REFRESH_COMPLETE_STATE) == messages.REFRESHED


@pytest.mark.parametrize("command", ["spec", "spec --debug", "check", "discover", "catalog", "read"])
def test_no_command_imports_the_cdk(tmp_path: Path, command: str) -> None:
    config, catalog = tmp_path / "config.json", tmp_path / "catalog.json"
    # The start date is in the future: no request is needed to tell.
    config.write_text(json.dumps({**GOOD, "end_date": "2023-01-01T00:00:00Z"}))
    catalog.write_text('{"streams": []}')
    arguments = [*command.split()]
    arguments += [] if arguments[0] == "spec" else ["--config", str(config)]
    arguments += ["--catalog", str(catalog)] if command == "read" else []
    environment = {key: value for key, value in os.environ.items() if key != "DEPLOYMENT_MODE"}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "source_iterable", *arguments],
        env=environment, capture_output=True, check=True, text=True, timeout=60,
    )  # fmt: skip
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "source_iterable.config" in imported
    assert not {name for name in imported if name.partition(".")[0] in ("airbyte_cdk", "serpyco_rs")}
