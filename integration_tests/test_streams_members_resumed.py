"""list_users and events: a sync that was killed or has failed, and the next one."""

from __future__ import annotations

import json
import logging
from hashlib import blake2b
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteStateMessageSerializer, ConfiguredAirbyteCatalogSerializer, Type

from integration_tests.connector import catalog_for, config_for, sync
from integration_tests.sandbox import Fault
from integration_tests.test_streams_members import FIRST, LAST, a_sandbox, as_read, as_sent, keys, members
from source_iterable.airbyte.source import SourceIterable
from source_iterable.api.spooled import SpooledResponse
from source_iterable.reading.stream import Stream
from source_iterable.streams import lists, user_events

Record = dict[str, Any]


def until_a_state(config: Record, name: str, states: int) -> tuple[list[Record], list[Record]]:
    """The records before state number `states` (from 1), and that state: what remains of a killed sync."""
    catalog = ConfiguredAirbyteCatalogSerializer.load(catalog_for(config, [name]))
    records: list[Record] = []
    read = SourceIterable().read(logging.getLogger("airbyte"), config, catalog, [])
    for message in read:
        if message.type == Type.RECORD and message.record:
            records.append(message.record.data)
        elif message.type == Type.STATE and message.state:
            states -= 1
            if states == 0:
                state = AirbyteStateMessageSerializer.dump(message.state)
                list(read)
                return records, [{"type": "STREAM", "stream": state["stream"]}]
    raise AssertionError("there were fewer states")


@pytest.fixture
def _every_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if much time passed between two states: none is left out."""
    monkeypatch.setattr(Stream, "every_state", True)


every_state = pytest.mark.usefixtures("_every_state")


@every_state
@pytest.mark.parametrize("states", [1, 4, 6])
def test_a_killed_sync_of_lists_resumes_from_its_last_state(states: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "LISTS_AT_ONCE", 1)
    with a_sandbox() as sandbox:
        config = config_for(sandbox)
        before, state = until_a_state(config, "list_users", states)
        after = sync(config, ["list_users"], state)
        assert keys("list_users", [*before, *after.records["list_users"]]) == members(sandbox)
        assert after.records["list_users"]
        # A completed sync starts over.
        assert len(sync(config, ["list_users"], after.state).records["list_users"]) > 100


@every_state
@pytest.mark.parametrize("states", [1, 2, 4])
def test_a_killed_sync_of_events_resumes_from_its_last_state(states: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if users had been read before all were known."""
    monkeypatch.setattr(user_events, "USERS_A_STATE", 5)
    monkeypatch.setattr(user_events, "USERS_AT_ONCE", 3)
    get = lists.ListReader.get

    def slow(reader: lists.ListReader, list_id: Any) -> SpooledResponse:
        while list_id == FIRST and is_first_sync and sandbox.count("export/userEvents") < 20:
            reader.context.client.wait(0.01)
        return get(reader, list_id)

    monkeypatch.setattr(lists.ListReader, "get", slow)
    with a_sandbox() as sandbox:
        config, is_first_sync = config_for(sandbox), True
        before, state = until_a_state(config, "events", states)
        sandbox.clear_requests()
        is_first_sync = False
        after = sync(config, ["events"], state)
        asked = sandbox.count("export/userEvents")
        digests = {blake2b(name.encode(), digest_size=16).hexdigest() for _, name in members(sandbox)}
        both = {record["_event_id"]: as_sent(record) for record in [*before, *after.records["events"]]}
        assert sorted(both.values()) == sorted(map(as_read, sandbox.truth_list("events")))
        assert "@" not in json.dumps(state)
        assert asked == len([each for each in digests if each > state[0]["stream"]["stream_state"]["after"]])
        assert asked > 0
        # A completed sync starts over.
        assert len(sync(config, ["events"], after.state).records["events"]) == len(both)


def test_a_failed_stream_keeps_its_last_state() -> None:
    with a_sandbox() as sandbox:
        config = config_for(sandbox)
        sandbox.add_fault(
            Fault("lists/getUsers", "status", times=None, status=400, when=lambda e: e.query["listId"] == [str(LAST)])
        )
        first = sync(config, ["list_users"])
        sandbox.clear_faults()
        second = sync(config, ["list_users"], first.state)
        assert "list_users" in first.errors
        assert first.records["list_users"]
        assert second.failure is None
        both = first.records["list_users"] + second.records["list_users"]
        assert keys("list_users", both) == members(sandbox)
