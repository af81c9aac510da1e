"""Any catalog is read, or refused by an error that says what is wrong; what the connector offers is always taken."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteMessage, AirbyteMessageSerializer, FailureType, Type
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from integration_tests.connector import Sync, config_for, sync, time_text
from integration_tests.sandbox import Sandbox, SandboxSettings
from source_iterable.airbyte.source import SourceIterable
from source_iterable.streams.table import STREAMS

NOW = datetime(2024, 1, 31, tzinfo=timezone.utc)
SMALL = SandboxSettings(
    now=NOW, users=2, days=2, events_per_day=20, lists=2, campaigns=3, recurring_children=(1,), templates=2, journeys=2,
    catalogs=2, catalog_items=2, metadata_entries=2, job_seconds=0,
)  # fmt: skip
LOGGER = logging.getLogger("airbyte")
CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
FAST = ["lists", "campaigns", "list_users", "users", "email_send", "journeys"]
Stream = dict[str, Any]


class World:
    """The sandbox: its configurations, by whether user fields are columns; and what `discover` shows of it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.config = config_for(sandbox, days=2, end_date=time_text(NOW))
        self.wide = {**self.config, "user_fields_as_columns": True}
        self.counts = {name: Counter(map(text_of, sync(self.config, [name]).records[name])) for name in STREAMS}
        catalog = AirbyteMessage(type=Type.CATALOG, catalog=SourceIterable().discover(LOGGER, self.wide))
        shown = json.loads(json.dumps(AirbyteMessageSerializer.dump(catalog)))["catalog"]
        self.streams: dict[str, Stream] = {each["name"]: each for each in shown["streams"]}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with Sandbox(SMALL) as sandbox:
        yield World(sandbox)


def text_of(record: dict[str, Any]) -> str:
    return json.dumps(record, sort_keys=True)


def read(config: dict[str, Any], path: Path, catalog: Any) -> Sync:
    """Sync with a catalog file, as the command does. A failure is kept in the result."""
    path.write_text(json.dumps(catalog))
    result = Sync()
    try:
        for message in SourceIterable().read(LOGGER, config, SourceIterable.read_catalog(str(path)), []):
            result.add(message)
    except AirbyteTracedException as failure:
        result.failure = failure
    return result


def configured(stream: Stream, mode: str, **more: Any) -> dict[str, Any]:
    return {"stream": stream, "sync_mode": mode, "destination_sync_mode": "append", **more}


@pytest.mark.parametrize(
    ("mode", "destination"),
    [("full_refresh", "append"), ("full_refresh", "overwrite"), ("incremental", "append_dedup")],
)
def test_what_discover_offers_is_taken(world: World, tmp_path: Path, mode: str, destination: str) -> None:
    streams = []
    for stream in world.streams.values():
        modes = stream["supported_sync_modes"]
        chosen = configured(stream, mode if mode in modes else modes[0], destination_sync_mode=destination)
        if mode == "incremental":
            chosen["cursor_field"] = stream.get("default_cursor_field")
            chosen["primary_key"] = stream.get("source_defined_primary_key")
        streams.append({key: value for key, value in chosen.items() if value is not None})
    result = read(world.config, tmp_path / "catalog.json", {"streams": streams})
    assert result.failure is None
    for name, counts in world.counts.items():
        assert Counter(map(text_of, result.records[name])) == counts, name
        assert result.statuses[name][-1] == "COMPLETE"


texts = st.text(max_size=6) | st.sampled_from(["", "createdAt", "updatedAt", "email", "lists", "\ud800", "a.b"])
plain = st.none() | st.booleans() | st.integers() | st.floats() | texts
anything = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(texts | st.sampled_from(["type", "properties", "format"]), inner, max_size=3)
    ),
    max_leaves=6,
)
columns = st.dictionaries(
    st.sampled_from(["email", "data", "signupDate", "address", "_event_id"]) | st.text(max_size=4),
    anything | st.fixed_dictionaries({"type": anything}, optional={"format": anything}),
    max_size=3,
)
schemas = st.fixed_dictionaries({}, optional={"properties": columns | anything, "type": anything, "required": anything})
fields = st.lists(texts, max_size=3)
odd = {
    "json_schema": schemas,
    "namespace": texts,
    "source_defined_cursor": st.booleans(),
    "default_cursor_field": fields,
    "source_defined_primary_key": st.lists(fields, max_size=2),
    "is_resumable": st.booleans(),
    "unknown": anything,
    "supported_sync_modes": st.lists(st.sampled_from(["full_refresh", "incremental"]), max_size=3),
}
odd_choices = {
    "cursor_field": fields,
    "primary_key": st.lists(fields, max_size=2),
    "sync_mode": st.sampled_from(["full_refresh", "incremental"]),
    "destination_sync_mode": st.sampled_from(["append", "overwrite", "append_dedup"]),
    "sync_id": st.integers(0, 9),
    "generation_id": st.integers(0, 9),
    "minimum_generation_id": st.integers(0, 9),
    "unknown": anything,
}


@given(st.sampled_from(FAST), st.fixed_dictionaries({}, optional=odd), st.fixed_dictionaries({}, optional=odd_choices))
@example("users", {"json_schema": {"properties": {"a": {"type": [{}]}}}}, {})
@settings(max_examples=60, suppress_health_check=CHECKS)
def test_nothing_in_a_stream_but_its_name_decides_what_is_read(
    world: World, tmp_path: Path, name: str, changes: Stream, choices: dict[str, Any]
) -> None:
    catalog = {"streams": [{**configured({**world.streams[name], **changes}, "full_refresh"), **choices}]}
    result = read(world.wide, tmp_path / "catalog.json", catalog)
    assert result.failure is None
    if name == "users":  # whose columns are the catalog's
        assert {each["email"] for each in result.records[name]} == {
            json.loads(each)["email"] for each in world.counts[name]
        }
    else:
        assert Counter(map(text_of, result.records[name])) == world.counts[name]


@given(st.lists(st.sampled_from([*FAST, "nothing", "Lists", "", "lists "]), max_size=5))
@settings(max_examples=25, suppress_health_check=CHECKS)
def test_each_named_stream_is_read_once_and_unknown_ones_are_named(
    world: World, tmp_path: Path, names: list[str]
) -> None:
    stream = {"json_schema": {}, "supported_sync_modes": ["full_refresh"]}
    streams = [configured({**stream, "name": name}, "full_refresh") for name in names]
    result = read(world.config, tmp_path / "catalog.json", {"streams": streams})
    known = {name for name in names if name in STREAMS}
    unknown = {name for name in names if name not in STREAMS}
    for name in known:
        assert Counter(map(text_of, result.records[name])) == world.counts[name]
        assert result.statuses[name][-1] == "COMPLETE"
        assert name in result.states
    assert {name for name, records in result.records.items() if records} <= known
    assert set(result.errors) == unknown
    if not unknown:
        assert result.failure is None
        return
    assert result.failure is not None
    assert result.failure.failure_type == FailureType.config_error
    for name in unknown:
        assert f"This source has no stream {name}" in (result.failure.message or "")


@given(st.data())
@settings(max_examples=60, suppress_health_check=CHECKS)
def test_a_catalog_with_junk_in_any_place_is_read_or_refused(world: World, tmp_path: Path, data: st.DataObject) -> None:
    stream = {"name": "lists", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
    good = configured(stream, "full_refresh", cursor_field=["a"], primary_key=[["a"], ["b"]])
    place = data.draw(st.sampled_from(["file", "streams", "first", *good, *(f"stream.{name}" for name in stream)]))
    junk = data.draw(anything)
    if "." in place:
        good["stream"] = {**stream, place.partition(".")[2]: junk}
    elif place in good:
        good[place] = junk
    streams: Any = junk if place == "streams" else [junk if place == "first" else good]
    path = tmp_path / "catalog.json"
    result: Sync | None = None
    try:
        result = read(world.config, path, junk if place == "file" else {"streams": streams})
    except AirbyteTracedException as failure:
        result = Sync(failure=failure)
    if result.failure is None:
        assert result.records["lists"] or not streams or place in ("file", "streams")
        return
    said = result.failure.message or ""
    assert result.failure.failure_type == FailureType.config_error, said
    assert f"The catalog file {path} is not valid: " in said or "This source has no stream" in said
    assert not any(word in said for word in ("Error", "NoneType", "object is not", "attribute"))
