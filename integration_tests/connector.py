"""Runs the connector in a test as a sync would: `sync` within this process, `run_command` as the command."""

from __future__ import annotations

import json
import logging
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airbyte_cdk.models import (
    AirbyteMessage,
    AirbyteStateMessageSerializer,
    AirbyteTraceMessage,
    ConfiguredAirbyteCatalogSerializer,
    TraceType,
    Type,
)
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from integration_tests import preloaded
from integration_tests.sandbox import Sandbox
from source_iterable.airbyte.catalog import as_airbyte_stream
from source_iterable.airbyte.source import SourceIterable
from source_iterable.api.client import IterableClient
from source_iterable.config import Config
from source_iterable.streams.table import STREAMS

# How many times faster than Iterable's published limits the connector and the sandbox run in tests.
FACTOR = 1000.0


@dataclass
class Sync:
    """The output of one sync."""

    records: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    state_messages: list[dict[str, Any]] = field(default_factory=list)
    statuses: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    errors: dict[str, AirbyteTraceMessage] = field(default_factory=dict)
    estimates: list[int] = field(default_factory=list)
    failure: AirbyteTracedException | None = None

    @property
    def state(self) -> list[dict[str, Any]]:
        """The last state of every stream, as input for the next sync."""
        return [each for name, state in self.states.items() for each in state_of(name, **state)]

    def add(self, message: AirbyteMessage) -> None:
        if message.type == Type.RECORD and message.record:
            self.records[message.record.stream].append(message.record.data)
        elif message.type == Type.STATE and message.state:
            dumped = AirbyteStateMessageSerializer.dump(message.state)
            self.state_messages.append(dumped)
            self.states[dumped["stream"]["stream_descriptor"]["name"]] = dumped["stream"]["stream_state"]
        elif message.type == Type.TRACE and message.trace:
            trace = message.trace
            if trace.type == TraceType.STREAM_STATUS and trace.stream_status:
                if trace.stream_status.reasons:  # it waits for a limit: test_waiting.py
                    return
                self.statuses[trace.stream_status.stream_descriptor.name].append(trace.stream_status.status.value)
            elif trace.estimate and trace.estimate.row_estimate:
                self.estimates.append(trace.estimate.row_estimate)
            elif trace.error and trace.error.stream_descriptor:
                self.errors[trace.error.stream_descriptor.name] = trace


def time_text(time: datetime) -> str:
    """A time as in a configuration."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def config_for(sandbox: Sandbox, days: float = 3, **changes: Any) -> dict[str, Any]:
    """A configuration that reads the sandbox's last `days`, up to its now."""
    return {
        "api_key": sandbox.settings.api_key,
        "start_date": time_text(sandbox.now() - timedelta(days=days)),
        "api_base_url": sandbox.base_url,
        "region": sandbox.settings.region,
        "project_type": sandbox.settings.project_type,
        "lookback_window": 0,
        "rate_limit_factor": FACTOR,
        **changes,
    }


def catalog_for(config: Mapping[str, Any], names: Iterable[str], mode: str | None = None) -> dict[str, Any]:
    """A configured catalog of the named streams, incremental where supported (or all in `mode`)."""
    parsed = Config.parse(config)
    client = IterableClient(parsed, logging.getLogger("airbyte"))
    streams = []
    for name in names:
        unknown = {"json_schema": {}, "supported_sync_modes": ["full_refresh"]}
        stream = as_airbyte_stream(STREAMS[name], parsed, client) if name in STREAMS else unknown
        modes = stream["supported_sync_modes"]
        streams.append(
            {
                "stream": {"name": name, "json_schema": stream["json_schema"], "supported_sync_modes": modes},
                "sync_mode": mode or modes[-1],
                "destination_sync_mode": "append",
            }
        )
    return {"streams": streams}


def state_of(name: str, **state: Any) -> list[dict[str, Any]]:
    """The content of a state file for one stream."""
    return [{"type": "STREAM", "stream": {"stream_descriptor": {"name": name}, "stream_state": state}}]


def sync(
    config: Mapping[str, Any], names: Iterable[str], state: list[dict[str, Any]] | None = None, mode: str | None = None
) -> Sync:
    """Read the named streams. A failure is kept in the result."""
    result = Sync()
    catalog = ConfiguredAirbyteCatalogSerializer.load(catalog_for(config, names, mode))
    states = [AirbyteStateMessageSerializer.load(each) for each in state or []]
    try:
        for message in SourceIterable().read(logging.getLogger("airbyte"), config, catalog, states):
            result.add(message)
    except AirbyteTracedException as failure:
        result.failure = failure
    return result


def run_command(
    tmp_path: Path, command: str, config: Mapping[str, Any] | None = None, **files: Any
) -> tuple[list[dict[str, Any]], subprocess.CompletedProcess[bytes]]:
    """Run the command in a process of its own; `files` (catalog, state) are written as JSON. Returns its messages."""
    arguments = [*preloaded.python(), "-m", "source_iterable", command]
    for name, content in {"config": config, **files}.items():
        if content is not None:
            path = tmp_path / f"{name}.json"
            path.write_text(json.dumps(content))
            arguments += [f"--{name}", str(path)]
    done = subprocess.run(arguments, capture_output=True, timeout=120, check=False)
    return [json.loads(line) for line in done.stdout.split(b"\n") if line], done


def start_read(
    tmp_path: Path,
    config: Mapping[str, Any],
    names: Iterable[str],
    stderr: int | None = None,
    python: Sequence[str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start the command `read` for the named streams, with its stdout as a pipe; the caller terminates it."""
    arguments = [*(python or preloaded.python()), "-m", "source_iterable", "read"]
    for name, content in {"config": config, "catalog": catalog_for(config, names)}.items():
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(content))
        arguments += [f"--{name}", str(path)]
    return preloaded.Process(arguments, stdout=subprocess.PIPE, stderr=stderr)
