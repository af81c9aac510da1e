"""The command as Airbyte runs it: a process that takes files and writes only messages to stdout."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.entrypoint import AirbyteEntrypoint

from integration_tests import preloaded
from integration_tests.connector import FACTOR, catalog_for, config_for, run_command
from integration_tests.sandbox import Sandbox, SandboxSettings
from source_iterable.airbyte.source import SourceIterable
from source_iterable.streams.table import EXPORTS, STREAMS

KEY = "a-key-that-nobody-else-has"
Done = subprocess.CompletedProcess[bytes]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(seed=2, users=40, days=5, api_key=KEY, rate_limit_factor=FACTOR)) as running:
        yield running


def of_type(messages: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [message for message in messages if message["type"] == kind]


def test_spec(tmp_path: Path) -> None:
    messages, done = run_command(tmp_path, "spec")
    assert done.returncode == 0
    assert done.stderr == b""
    (spec,) = of_type(messages, "SPEC")
    assert spec["spec"]["connectionSpecification"]["required"] == ["api_key", "start_date"]


def test_the_console_script_is_the_same_command() -> None:
    script = Path(sys.executable).with_name("source-iterable")
    done = subprocess.run([script, "spec"], capture_output=True, timeout=60, check=True)
    assert any(json.loads(line)["type"] == "SPEC" for line in done.stdout.splitlines())


def execute(*arguments: str) -> Done:
    """Run the command with these arguments."""
    command = [*preloaded.python(), "-m", "source_iterable", *arguments]
    return subprocess.run(command, capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (["--help"], 0), (["dance"], 2), (["read"], 2)])
def test_help_and_wrong_arguments(arguments: list[str], code: int) -> None:
    done = execute(*arguments)
    assert done.returncode == code
    if code:
        assert done.stderr.startswith(
            b"usage: source-iterable " if arguments == ["read"] else b"source-iterable has no"
        )
        assert done.stdout == b""
    else:
        for line in (b"source-iterable check --config config.json", b"--to iterable.duckdb", b'{"api_key": '):
            assert line in done.stdout


def test_the_help_of_read_has_the_state_file() -> None:
    done = execute("read", "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(b"usage: source-iterable read ")
    assert b"\n  --state-file FILE " in done.stdout


def test_no_command_opens_with_lines_that_nobody_needs(tmp_path: Path) -> None:
    # Not even with one about the machine's clock, where that is right.
    with Sandbox(SandboxSettings(users=2, days=1, now=None)) as sandbox:
        config = config_for(sandbox)
        for command, first in (
            ("check", "Check succeeded"),
            ("discover", None),
            ("read", "lists: reading from the beginning."),
        ):
            catalog = catalog_for(config, ["lists"]) if command == "read" else None
            messages, _ = run_command(tmp_path, command, config, catalog=catalog)
            assert messages[0].get("log", {}).get("message") == first


def test_a_warning_is_not_written_into_a_catalog(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config_for(sandbox, user_fields_as_columns=True)))
    done = execute("catalog", "--config", str(tmp_path / "config.json"), "--streams", "users")
    assert [each["stream"]["name"] for each in json.loads(done.stdout)["streams"]] == ["users"]
    assert b"The clock of this machine" in done.stderr, "the sandbox has its own"


def test_check(sandbox: Sandbox, tmp_path: Path) -> None:
    messages, done = run_command(tmp_path, "check", config_for(sandbox))
    assert of_type(messages, "CONNECTION_STATUS")[0]["connectionStatus"] == {"status": "SUCCEEDED"}
    assert done.returncode == 0
    messages, done = run_command(tmp_path, "check", config_for(sandbox, api_key="wrong-key-0123"))
    status = of_type(messages, "CONNECTION_STATUS")[0]["connectionStatus"]
    assert status["status"] == "FAILED"
    assert "server-side key" in status["message"]
    assert b"wrong-key-0123" not in done.stdout + done.stderr


@pytest.mark.parametrize("change", [{"start_date": "soon"}, {"api_key": 12345678}, {"region": "Mars"}])
def test_check_fails_on_an_invalid_configuration_and_names_the_key(
    sandbox: Sandbox, tmp_path: Path, change: dict[str, Any]
) -> None:
    messages, done = run_command(tmp_path, "check", config_for(sandbox, **change))
    (status,) = of_type(messages, "CONNECTION_STATUS")
    assert status["connectionStatus"]["status"] == "FAILED"
    assert next(iter(change)) in status["connectionStatus"]["message"]
    assert b"12345678" not in done.stdout


def test_discover(sandbox: Sandbox, tmp_path: Path) -> None:
    messages, done = run_command(tmp_path, "discover", config_for(sandbox))
    streams = {each["name"]: each for each in of_type(messages, "CATALOG")[0]["catalog"]["streams"]}
    assert done.returncode == 0
    assert set(streams) == set(STREAMS)
    assert streams["users"]["source_defined_primary_key"] == [["email"]]
    for stream in streams.values():
        columns = stream["json_schema"]["properties"]
        assert all(column.get("description") for column in columns.values()), stream["name"]
        assert stream["json_schema"]["additionalProperties"] is True
        never_null = {key for (key,) in stream.get("source_defined_primary_key", [])}
        never_null -= {"email"} if stream["name"] == "users" else set()
        never_null |= set(stream.get("default_cursor_field", []))
        assert {name for name, column in columns.items() if "null" not in column["type"]} == never_null
    messages, _ = run_command(tmp_path, "discover", config_for(sandbox, project_type="UserID-based"))
    users = next(each for each in of_type(messages, "CATALOG")[0]["catalog"]["streams"] if each["name"] == "users")
    assert users["source_defined_primary_key"] == [["itblUserId"]]


def test_read_writes_the_protocol_and_nothing_else(sandbox: Sandbox, tmp_path: Path) -> None:
    config = config_for(sandbox)
    names = ["lists", "campaigns", "users", "email_send", "custom_event"]
    messages, done = run_command(tmp_path, "read", config, catalog=catalog_for(config, names))
    assert done.returncode == 0
    assert done.stderr == b""
    assert KEY.encode() not in done.stdout
    assert {message["type"] for message in messages} == {"LOG", "TRACE", "STATE", "RECORD"}
    assert {message["record"]["stream"] for message in of_type(messages, "RECORD")} == set(names)
    for name in names:
        own = [
            message
            for message in messages
            if name
            in (
                message.get("record", {}).get("stream"),
                message.get("state", {}).get("stream", {}).get("stream_descriptor", {}).get("name"),
                message.get("trace", {}).get("stream_status", {}).get("stream_descriptor", {}).get("name"),
            )
        ]
        counts = [each["state"]["sourceStats"]["recordCount"] for each in own if each["type"] == "STATE"]
        assert sum(counts) == sum(each["type"] == "RECORD" for each in own) > 0
        statuses = [each["trace"]["stream_status"]["status"] for each in own if each["type"] == "TRACE"]
        assert statuses == ["STARTED", "RUNNING", "COMPLETE"]
        assert own[-1]["type"] == "TRACE", "the state precedes the end of its stream"


def test_batches_match_the_cdks_output_message_for_message(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(sandbox, export_method="streaming")
    config["end_date"] = sandbox.now().strftime("%Y-%m-%dT%H:00:00Z")
    for stream in ("email_send", "users", "lists"):
        catalog = catalog_for(config, [stream])
        ours, _ = run_command(tmp_path, "read", config, catalog=catalog)
        arguments = ["read", "--config", str(tmp_path / "config.json"), "--catalog", str(tmp_path / "catalog.json")]
        entrypoint = AirbyteEntrypoint(SourceIterable())
        theirs = [json.loads(line) for line in entrypoint.run(entrypoint.parse_args(arguments))]
        wanted = [_timeless(message) for message in theirs if message["type"] != "LOG"]
        found = [_timeless(message) for message in ours if message["type"] != "LOG"]
        assert found == wanted
        # Byte for byte too, except for what the CDK drops: null columns.
        line = next(message for message in theirs if message["type"] == "RECORD")
        assert list(line) == list(of_type(ours, "RECORD")[0])
        assert list(line["record"]) == list(of_type(ours, "RECORD")[0]["record"])


def _timeless(message: dict[str, Any]) -> dict[str, Any]:
    """A message without what depends on the time, and without the nulls that the CDK omits from records."""
    if message["type"] == "RECORD":
        data = {name: value for name, value in message["record"]["data"].items() if value is not None}
        return {"type": "RECORD", "record": {"stream": message["record"]["stream"], "data": data}}
    if message["type"] == "TRACE":
        return {
            "type": "TRACE",
            "trace": {key: value for key, value in message["trace"].items() if key != "emitted_at"},
        }
    if message["type"] == "STATE":
        message["state"]["stream"]["stream_state"].pop("took", None)
    return message


def test_the_exit_code_reports_a_failed_stream(tmp_path: Path) -> None:
    with Sandbox(SandboxSettings(forbidden=("campaigns",))) as sandbox:
        config = config_for(sandbox)
        messages, done = run_command(tmp_path, "read", config, catalog=catalog_for(config, ["campaigns", "lists"]))
    assert done.returncode != 0
    errors = [each["trace"]["error"] for each in of_type(messages, "TRACE") if each["trace"]["type"] == "ERROR"]
    assert any(each.get("stream_descriptor") == {"name": "campaigns"} for each in errors)
    assert any("permission" in each["message"] for each in errors)
    assert sum(each["record"]["stream"] == "lists" for each in of_type(messages, "RECORD")) > 0


@pytest.mark.parametrize("what", ["config", "catalog", "state"])
@pytest.mark.parametrize("content", ["{broken", '[{"type": "STREAM"}, {"streams": [{}]}]'])
def test_a_broken_file_is_an_error_that_names_it(sandbox: Sandbox, tmp_path: Path, what: str, content: str) -> None:
    config = config_for(sandbox)
    files = {"config": config, "catalog": catalog_for(config, ["lists"]), "state": []}
    arguments = ["read"]
    for name, good in files.items():
        path = tmp_path / f"{name}.json"
        path.write_text(content if name == what else json.dumps(good))
        arguments += [f"--{name}", str(path)]
    done = execute(*arguments)
    assert done.returncode != 0
    errors = [json.loads(line) for line in done.stdout.splitlines() if b'"ERROR"' in line and b"TRACE" in line]
    assert errors
    assert errors[-1]["trace"]["error"]["failure_type"] == "config_error"
    assert what[:6] in errors[-1]["trace"]["error"]["message"]


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    done = execute("check", "--config", str(tmp_path / "none.json"))
    assert done.returncode != 0
    assert b"none.json cannot be read" in done.stdout


def test_debug_output_and_error_responses_never_show_the_key(tmp_path: Path) -> None:
    with Sandbox(SandboxSettings(api_key=KEY, forbidden=("lists",), users=10, days=2)) as sandbox:
        config = config_for(sandbox)
        catalog = tmp_path / "catalog.json"
        catalog.write_text(
            json.dumps(catalog_for(config, [*(each.name for each in EXPORTS[:3]), "lists", "campaigns"]))
        )
        (tmp_path / "config.json").write_text(json.dumps(config))
        done = execute("read", "--debug", "--config", str(tmp_path / "config.json"), "--catalog", str(catalog))
    assert KEY.encode() not in done.stdout + done.stderr
