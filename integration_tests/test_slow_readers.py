"""A slow reader of stdout does not slow down reading from Iterable, which would cut the response."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from threading import Event

import pytest

from integration_tests import preloaded
from integration_tests.connector import catalog_for, config_for, start_read
from integration_tests.sandbox import Sandbox, SandboxSettings
from integration_tests.sandbox.http import Connection, Response


@pytest.mark.parametrize("method", ["streaming", "jobs"])
def test_a_response_larger_than_all_buffers_arrives_whole_while_nobody_reads_stdout(
    tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, sent = Connection._send, Event()

    def _send(connection: Connection, response: Response) -> None:
        send(connection, response)
        if re.search(r"export/data\.json|/file-", connection.path):
            sent.set()

    monkeypatch.setattr(Connection, "_send", _send)
    # About 28 MB, more than the pipe and our queue hold, and less than what makes the connector guess the whole size; the
    # sandbox cuts off a reader that stops for five seconds.
    settings = SandboxSettings(
        seed=8, users=30, days=3, events_per_day=4000, padding=1_600, data_types=("emailSend",), reader_patience=5
    )
    with Sandbox(settings) as sandbox:
        config = config_for(sandbox, export_method=method)
        with start_read(tmp_path, config, ["email_send"]) as process:
            # Nobody reads a byte until all of a response has been sent, ten megabytes at least.
            arrived = sent.wait(timeout=60)
            output, _ = process.communicate(timeout=60)
        assert arrived
        records = [
            json.loads(line)["record"]["data"] for line in output.split(b"\n") if line.startswith(b'{"type":"RECORD"')
        ]
        start = config["start_date"].replace("T", " ").replace("Z", " +00:00")
        assert process.returncode == 0
        assert len({each["_event_id"] for each in records}) == len(records) > 2000
        assert len(output) > 20_000_000
        assert len(sandbox.truth("emailSend", start, sandbox.now())) == len(records)
        if method == "streaming":
            assert sandbox.count("export/data.json") == 1, "nothing was cut, nothing was retried"


def test_a_consumer_that_stops_midway_leaves_no_thread_blocked(tmp_path: Path) -> None:
    program = """
import json, logging, sys
from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer, Type
from source_iterable.airbyte.source import SourceIterable
config, catalog = json.load(open(sys.argv[1])), ConfiguredAirbyteCatalogSerializer.load(json.load(open(sys.argv[2])))
messages = SourceIterable().read(logging.getLogger("airbyte"), config, catalog)
next(message for message in messages if message.type == Type.RECORD)
messages.close()
"""
    settings = SandboxSettings(seed=8, users=30, days=3, events_per_day=4000, padding=10_000, data_types=("emailSend",))
    with Sandbox(settings) as sandbox:
        config = config_for(sandbox)
        (tmp_path / "config.json").write_text(json.dumps(config))
        (tmp_path / "catalog.json").write_text(json.dumps(catalog_for(config, ["email_send"])))
        command = [*preloaded.python(), "-c", program, str(tmp_path / "config.json"), str(tmp_path / "catalog.json")]
        assert subprocess.run(command, stdout=subprocess.DEVNULL, timeout=60, check=False).returncode == 0
