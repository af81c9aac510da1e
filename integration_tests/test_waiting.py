"""A sync that waits says so in the protocol: for which limit, and that it is alive."""

from __future__ import annotations

import json
import logging
import subprocess
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.models import (
    AirbyteStreamStatusReasonType,
    ConfiguredAirbyteCatalogSerializer,
)

from integration_tests import preloaded
from integration_tests.connector import catalog_for, config_for
from integration_tests.sandbox import Fault, Sandbox, SandboxSettings
from source_iterable.airbyte.source import SourceIterable

NAMES = ["email_open", "email_click", "push_open", "sms_click", "in_app_open", "purchase", "custom_event", "users"]


def statuses(config: dict[str, Any], names: list[str]) -> dict[str, list[Any]]:
    """The status messages of a sync, by stream."""
    found: dict[str, list[Any]] = defaultdict(list)
    catalog = ConfiguredAirbyteCatalogSerializer.load(catalog_for(config, names))
    for message in SourceIterable().read(logging.getLogger("airbyte"), config, catalog, []):
        if message.trace and message.trace.stream_status:
            status = message.trace.stream_status
            found[status.stream_descriptor.name].append(status)
    return found


def limited(status: Any) -> bool:
    return bool(status.reasons)


# How many times faster than Iterable: streaming has four requests a minute, jobs one a second.
@pytest.mark.parametrize(("method", "factor"), [("streaming", 40), ("jobs", 6)])
def test_a_stream_that_waits_for_the_limit_of_exports_tells_until_when(method: str, factor: float) -> None:
    with Sandbox(SandboxSettings(days=3, events_per_day=300)) as sandbox:
        config = config_for(sandbox, rate_limit_factor=factor, export_method=method)
        before = time.time()
        found = statuses(config, NAMES)
        after = time.time()
    told = Counter(name for name, each in found.items() for status in each if limited(status))
    assert set(told.values()) == {1}, "once a minute"
    # How many of the eight wait depends on how close together they come.
    assert told
    for each in found.values():
        assert [status.status.value for status in each][0] == "STARTED"
        assert [status.status.value for status in each][-1] == "COMPLETE"
        for status in filter(limited, each):
            (reason,) = status.reasons
            assert status.status.value == "RUNNING"
            assert reason.type == AirbyteStreamStatusReasonType.RATE_LIMITED
            assert before * 1000 < reason.rate_limited.quota_reset < (after + 2) * 1000


def test_threads_of_a_stream_tell_for_it() -> None:
    """Lists are requested in threads of their own."""
    with Sandbox(SandboxSettings(days=1, events_per_day=0, lists=12)) as sandbox:
        found = statuses(config_for(sandbox, rate_limit_factor=20), ["list_users"])
    assert [limited(status) for status in found["list_users"]].count(True) == 1


def test_a_429_is_told_for_the_stream_that_got_it() -> None:
    with Sandbox(SandboxSettings(days=3, events_per_day=300)) as sandbox:
        sandbox.add_fault(Fault("channels", "status", status=429, headers={"Retry-After": "1"}))
        found = statuses(config_for(sandbox), ["channels", "lists"])
    assert [limited(status) for status in found["channels"]].count(True) == 1
    assert not any(limited(status) for status in found["lists"])


# The state is repeated whenever the queue is empty, as if each wait were long.
ALWAYS_WAITING = """
from source_iterable.airbyte import messages
from source_iterable.reading import together
messages.BEAT_SECONDS, together.TICK = 0.0, 0.0
from source_iterable.run import run
run()
"""


def test_states_while_waiting_are_in_order_and_counted(tmp_path: Path) -> None:
    names = ["email_send", "list_users", "lists"]
    with Sandbox(SandboxSettings(seed=3, users=60, days=4, events_per_day=900, lists=6)) as sandbox:
        config = config_for(sandbox, days=4)
        arguments = ["read"]
        for option, content in {"config": config, "catalog": catalog_for(config, names)}.items():
            (tmp_path / option).write_text(json.dumps(content))
            arguments += [f"--{option}", str(tmp_path / option)]
        command = [*preloaded.python(), "-c", ALWAYS_WAITING, *arguments]
        done = subprocess.run(command, capture_output=True, timeout=120, check=True)
    running: set[str] = set()
    uncounted: Counter[str] = Counter()
    last: dict[str, dict[str, Any]] = {}
    states, records = Counter[str](), Counter[str]()
    for message in map(json.loads, done.stdout.split(b"\n")[:-1]):
        if message["type"] == "RECORD":
            name, data = message["record"]["stream"], message["record"]["data"]
            records[name] += 1
            uncounted[name] += 1
            if name == "email_send" and "createdAt" in last.get(name, {}):
                assert data["createdAt"] >= last[name]["createdAt"], "the state did not cover it"
            if name == "list_users" and "after" in last.get(name, {}):
                assert data["listId"] > last[name]["after"], "the state did not cover it"
        elif message["type"] == "STATE":
            name = message["state"]["stream"]["stream_descriptor"]["name"]
            assert name in running
            assert message["state"]["sourceStats"]["recordCount"] == uncounted.pop(name, 0)
            last[name] = message["state"]["stream"]["stream_state"]
            states[name] += 1
        elif message["type"] == "TRACE" and message["trace"]["type"] == "STREAM_STATUS":
            status = message["trace"]["stream_status"]
            name = status["stream_descriptor"]["name"]
            (running.discard if status["status"] == "COMPLETE" else running.add)(name)
    assert not running
    assert not +uncounted
    assert min(records[name] for name in names) > 0
    assert states.total() > 100
    assert last["list_users"] == last["lists"] == {"__ab_no_cursor_state_message": True}
    assert set(last["email_send"]) == {"createdAt", "ids", "bytesADay", "took"}
