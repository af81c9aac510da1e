"""Edited states and odd times in them: each either works or is named, and none loses records."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteStateMessageSerializer, ConfiguredAirbyteCatalog
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from hypothesis import given
from hypothesis import strategies as st

from source_iterable.airbyte.messages import Messages
from source_iterable.airbyte.source import SourceIterable
from source_iterable.api.client import IterableClient
from source_iterable.api.clock import iso_time
from source_iterable.config import Config
from source_iterable.errors import ConfigError
from source_iterable.exports.windows import Window
from source_iterable.reading.children import Done
from source_iterable.reading.context import StreamContext
from source_iterable.reading.state import state_time
from source_iterable.streams.table import STREAMS

FIRST, LAST = -62135596800, 253402300799  # the first and the last second of the years 1 to 9999


@given(st.integers(FIRST, LAST))
def test_a_time_that_a_state_holds_is_read_as_it_was_written(seconds: int) -> None:
    text = iso_time(seconds)
    assert state_time("email_send", "createdAt", {"createdAt": text}) == seconds
    assert datetime.fromisoformat(text) == datetime.fromtimestamp(seconds, timezone.utc)
    assert Window(seconds, seconds).parameters["startDateTime"] == text.replace("T", " ").replace("+", " +")


@pytest.mark.parametrize(
    "value",
    ["2026-01-02 03:04:05 CET", "2026-01-02T03:04:05 XYZ", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"],
)
def test_a_time_zone_without_an_offset_and_a_year_outside_of_the_calendar_are_refused(value: str) -> None:
    with pytest.raises(ConfigError, match=r"The state of stream users cannot be read: profileUpdatedAt is '"):
        state_time("users", "profileUpdatedAt", {"profileUpdatedAt": value})


@pytest.mark.parametrize("offset", ["Z", " UTC", " +0000", "+00:00", " GMT"])
def test_a_time_in_utc_is_taken(offset: str) -> None:
    assert state_time("users", "a", {"a": f"2026-01-02T03:04:05{offset}"}) == 1767323045


def test_true_is_not_the_key_1() -> None:
    assert Done([1, 2], {"done": [True]}).remaining == [1, 2]
    assert Done([1, 2], {"after": True}).remaining == [1, 2]
    assert Done([1, 2], {"done": [1]}).remaining == [2]


@pytest.mark.parametrize("name", ["lists", "list_users", "events", "campaigns", "users"])
def test_a_state_that_is_nested_too_deep_is_named(name: str) -> None:
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z"})
    logger = logging.getLogger("airbyte")
    context = StreamContext(config, IterableClient(config, logger), logger)
    deep = json.loads("[" * 800 + "]" * 800)
    message = {"stream_descriptor": {"name": name}, "stream_state": {"x": deep}}
    states = ConnectorStateManager([AirbyteStateMessageSerializer.load({"type": "STREAM", "stream": message})])
    try:
        with pytest.raises(ConfigError, match=f"The state of stream {name} cannot be read: it is nested too deep"):
            Messages(context, states).add(STREAMS[name])
    finally:
        context.close()


def test_a_global_state_that_is_nested_too_deep_is_refused(tmp_path: Path) -> None:
    deep: dict[str, Any] = {}
    for _ in range(900):
        deep = {"a": deep}
    path = tmp_path / "state.json"
    path.write_text(json.dumps([{"type": "GLOBAL", "global": {"shared_state": deep, "stream_states": []}}]))
    config = {"api_key": "k", "start_date": "2024-01-01T00:00:00Z"}
    catalog = ConfiguredAirbyteCatalog(streams=[])
    with pytest.raises(AirbyteTracedException) as caught:
        list(SourceIterable().read(logging.getLogger("airbyte"), config, catalog, SourceIterable.read_state(str(path))))
    assert (caught.value.message or "").startswith("The state")
    assert "deep" in (caught.value.message or "")
