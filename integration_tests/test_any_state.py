"""Any state is either refused by an error that says which stream's and what is wrong, or no record is lost."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer, FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration_tests.connector import Sync, catalog_for, config_for, state_of, sync, time_text
from integration_tests.sandbox import Sandbox, SandboxSettings
from source_iterable.airbyte.source import SourceIterable
from source_iterable.reading.stream import Stream
from source_iterable.streams.table import STREAMS

LOGGER = logging.getLogger("airbyte")
NOW = datetime(2024, 1, 31, tzinfo=timezone.utc)
# Nothing moves any more, and the end of what is read is long ago.
TODAY = NOW + timedelta(days=60)
SMALL = SandboxSettings(
    now=NOW, users=4, days=3, events_per_day=80, lists=3, campaigns=5, recurring_children=(2,), templates=8, journeys=6,
    catalogs=3, catalog_items=3, metadata_entries=3, job_seconds=0,
)  # fmt: skip
BY_CONTENT = ["campaigns", "templates", "template_contents", "template_locales", "journeys"]
DAILY = ["campaigns_metrics_daily", "list_sizes"]
SLICES = {"list_users": "listId", "catalog_items": "catalogName", "metadata_entries": "table"}
CURSORS = {name: stream.cursor_field for name, stream in STREAMS.items() if stream.cursor_field}
# Streams of numbers that every sync reads again.
COUNTED = ["campaigns_metrics", "experiment_trends"]
EXPORTS = [name for name in CURSORS if name not in (*BY_CONTENT, *DAILY, *COUNTED)]


class World:
    """What is in the sandbox, and the states that syncs of it have written."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.records: dict[str, list[dict[str, Any]]] = {}
        self.states: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def read(self, name: str, state: dict[str, Any]) -> Sync:
        return sync(self.config, [name], state_of(name, **state))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with Sandbox(SMALL) as sandbox:
        sandbox.advance((TODAY - NOW).total_seconds())
        made = World(config_for(sandbox, start_date=time_text(NOW - timedelta(days=2)), end_date=time_text(NOW)))
        with pytest.MonkeyPatch.context() as patch:
            # Also those that are left out where others follow soon.
            patch.setattr(Stream, "every_state", True)
            for name in STREAMS:
                first = sync(made.config, [name])
                assert first.failure is None
                made.records[name] = first.records[name]
                for message in first.state_messages:
                    state = message["stream"]["stream_state"]
                    made.states[name].append({key: value for key, value in state.items() if key[:5] != "__ab_"})
        # As if the first slice had been late.
        for name, column in {**SLICES, "list_sizes": "listId"}.items():
            _, *done = sorted({record[column] for record in made.records[name]})
            day = {"date": TODAY.date().isoformat()} if name in DAILY else {}
            made.states[name].insert(0, {**day, "done": [[done[0], done[-1]]]})
        yield made


def moment_texts(moment: datetime) -> list[Any]:
    """One instant in the forms in which states hold it."""
    seconds, utc = int(moment.timestamp()), moment.replace(tzinfo=None)
    there = moment.astimezone(timezone(timedelta(hours=-9, minutes=-30)))
    return [
        utc.isoformat() + "Z", utc.isoformat() + "+00:00", utc.isoformat(" ") + ".999", utc.isoformat(" ") + " UTC",
        there.isoformat(), moment.strftime("%a, %d %b %Y %H:%M:%S +0000"), seconds, seconds * 1000, seconds + 0.25,
    ]  # fmt: skip


moments = st.datetimes(datetime(2024, 1, 27), datetime(2024, 2, 2)) | st.datetimes(
    datetime(1000, 1, 1), datetime(9999, 1, 1)
)
dates = moments.map(lambda time: time.replace(microsecond=0, tzinfo=timezone.utc)).flatmap(
    lambda time: st.tuples(st.sampled_from(moment_texts(time)), st.just(time))
)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


numbers = st.integers() | st.integers(-(2**80), 2**80) | st.floats() | st.integers(0, 5)
odd_dates = st.sampled_from(
    [
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2024-01-30 12:00:00 CET",
        "2024-01-30T12:00:00 XYZ",
        "now",
        "0001-01-31T00:00:00+00:00",
        "2024-W05-2",
        "30.1.",
        "12:00",
        "",
        "2024",
        "١٢٣",
    ]  # fmt: skip
)
plain = st.none() | st.booleans() | numbers | st.text(max_size=5) | odd_dates | dates.map(lambda pair: pair[0])
anything = plain | st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.sampled_from(["updatedAt", "hashes"]), inner, max_size=3)
    ),
    max_leaves=5,
)
junk = anything | st.sampled_from([100, 1000]).map(nested)


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places in a value, itself included."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    inner = () if len(path) > 5 else inner
    return [path, *(each for key, item in inner for each in paths_of(item, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    """A copy of a value with another one at a place; `...` removes what is there."""
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) > 1:
        copy[path[0]] = replaced(value[path[0]], path[1:], other)
    elif other is ...:
        del copy[path[0]]
    else:
        copy[path[0]] = other
    return copy


def changed(data: st.DataObject, state: dict[str, Any]) -> dict[str, Any]:
    """A state with junk in one or two of its places, or with places of other states."""
    for _ in range(data.draw(st.integers(0, 2))):
        places = [path for path in paths_of(state) if path]
        names = st.sampled_from(
            ["updatedAt", "createdAt", "date", "read", "kinds", "content", "after", "done", "missing", "lists", "x"]
        )
        new = st.builds(lambda name: (name,), names)
        path = data.draw(st.sampled_from(places) | new if places else new)
        value = data.draw(junk | st.just(...)) if path in places else data.draw(junk)
        state = replaced(state, path, value)
    return state


def moment_of(value: Any) -> datetime | None:
    """The instant in a state by the forms above, None if it is in none of them."""
    try:
        if type(value) in (int, float):
            return datetime.fromtimestamp(int(value / 1000 if value > 10**11 else value), timezone.utc)
        if "," in value:
            return parsedate_to_datetime(value)
        moment = datetime.fromisoformat(value.replace("Z", "+00:00").replace(" UTC", "+00:00"))
        return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    except (ValueError, OverflowError, OSError, AttributeError, TypeError):
        return None


def is_due(name: str, state: dict[str, Any], record: dict[str, Any], written: list[dict[str, Any]]) -> bool:
    """Whether a sync from this state has to read a record: unless the state says clearly that it was read.

    `written`: the states that syncs of the stream have written.
    """
    if name in BY_CONTENT:
        return not any(json.dumps(state.get("content")) == json.dumps(each["content"]) for each in written)
    if name in DAILY:
        return is_day_due(name, state, record)
    if name == "experiment_trends":
        return moment_of(state.get("time")) is None
    if name == "campaigns_metrics":
        # Otherwise whose turn it is depends on their ids and days (unit_tests/streams/test_campaigns_metrics.py).
        return moment_of(state.get("countedAt")) is None or not isinstance(state.get("start_date"), str)
    if name in CURSORS:
        moment = moment_of(state.get(CURSORS[name]))
        time = datetime.fromisoformat(record[CURSORS[name]])
        return moment is None or time >= moment
    if name in SLICES:
        return not is_done(state, record[SLICES[name]])
    after = state.get("after")
    if name == "events" and isinstance(after, str):
        try:
            user = record.get("email")  # a few events have none
            return user is not None and blake2b(user.encode(), digest_size=16).digest() > bytes.fromhex(after)
        except ValueError:
            return True
    return True


def is_done(state: dict[str, Any], key: Any) -> bool:
    """Whether a state says that a slice was read: one up to a key, in a range, or named alone, as earlier versions did."""
    after: Any = state.get("after")
    done: Any = state.get("done")
    if type(after) is type(key) and key <= after:
        return True
    pairs = [each if isinstance(each, list) else [each, each] for each in (done if isinstance(done, list) else [])]
    return any([*map(type, each)] == [type(key)] * 2 and each[0] <= key <= each[1] for each in pairs)


def is_day_due(name: str, state: dict[str, Any], record: dict[str, Any]) -> bool:
    """The same for a stream with a row a day. Its states are valid here."""
    now, newest, day = TODAY.date().isoformat(), (state.get("date") or "")[:10], record["date"]
    if newest > now and not state.keys() - {"date"}:
        return False
    if name == "list_sizes":
        return newest != now or not is_done(state, record["listId"])
    if "read" not in state and newest:
        return bool(day > (datetime.fromisoformat(newest) - timedelta(days=2)).date().isoformat())
    return not any(start[:10] <= day <= end[:10] for start, end in state.get("read") or [])


def lines(records: list[dict[str, Any]]) -> set[str]:
    return {json.dumps(record, sort_keys=True) for record in records}


def outcome(world: World, name: str, state: dict[str, Any]) -> Sync:
    """Sync from a state; its failure is a config error that says what is wrong, or all that is due is read."""
    result = world.read(name, state)
    if result.failure is not None:
        error = result.errors[name].error
        assert error is not None
        assert error.failure_type is not None
        assert error.failure_type.value == "config_error", error.message
        assert f"The state of stream {name} cannot be read: " in error.message
        is_refused = (
            name in CURSORS or "nested" in error.message or (name == "events" and "ids is not" in error.message)
        )
        assert is_refused, "without a cursor, what does not fit is ignored"
        assert result.records[name] == []
        return result
    due = [record for record in world.records[name] if is_due(name, state, record, world.states[name])]
    assert lines(due) <= lines(result.records[name])
    return result


def test_every_state_that_was_written_is_taken_and_loses_nothing(world: World) -> None:
    for name, states in world.states.items():
        for state in states:
            assert json.loads(json.dumps(state)) == state
            result = outcome(world, name, state)
            assert result.failure is None
        if name in CURSORS and name not in COUNTED:
            assert result.records[name] == []
            assert json.dumps(result.states[name]) == json.dumps(states[-1]), "nothing new, the same state"


CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
some_stream = st.sampled_from([*BY_CONTENT, *DAILY, *SLICES, "events", "users", "email_send"]) | st.sampled_from(
    [*STREAMS]
)


@given(some_stream, st.data())
@settings(max_examples=120, suppress_health_check=CHECKS)
def test_no_state_loses_records_or_ends_in_an_unexpected_error(world: World, name: str, data: st.DataObject) -> None:
    written = data.draw(st.sampled_from([*world.states[name], {}]))
    state = changed(data, written)
    if not isinstance(state, dict):
        return
    result = outcome(world, name, state)
    if result.failure is None:
        again = world.read(name, json.loads(json.dumps(result.states[name])))
        assert again.failure is None, "its own state is taken"


def state_files(state: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What a state file may hold: a state in the protocol's forms, good or with junk in any place."""
    stream = {"stream_descriptor": {"name": "campaigns"}, "stream_state": state}
    forms: list[Any] = [
        [{"type": "STREAM", "stream": stream}],
        [{"type": "STREAM", "stream": {**stream, "stream_state": None}}, {"type": "STREAM", "stream": stream}],
        [{"type": "GLOBAL", "global": {"stream_states": [stream]}}],
        [{"type": "GLOBAL", "global": {"stream_states": [stream], "shared_state": {"a": 1}}}],
        [{"type": "LEGACY", "data": {"campaigns": state}}, {"data": {}}],
        [{"type": "STATE", "state": {"type": "STREAM", "stream": stream}}],
        {"campaigns": state},
        {"type": "STREAM", "stream": stream},
    ]
    good = st.sampled_from(forms)
    return (
        good
        | junk
        | good.flatmap(
            lambda form: st.tuples(
                st.sampled_from([path for path in paths_of(form) if path and not {"updatedAt", "content"} & {*path}]),
                junk | st.just(...),
            ).map(lambda change: replaced(form, *change))
        )
    )


@given(st.data())
@settings(max_examples=150, suppress_health_check=CHECKS)
def test_any_state_file_is_read_or_refused(world: World, tmp_path: Path, data: st.DataObject) -> None:
    """With a state that says that everything was read: what is not read tells that the state was understood."""
    state = world.states["campaigns"][-1]
    content = data.draw(state_files(state))
    path = tmp_path / "state.json"
    path.write_text(json.dumps(content))
    catalog = ConfiguredAirbyteCatalogSerializer.load(catalog_for(world.config, ["campaigns"]))
    result = Sync()
    try:
        for message in SourceIterable().read(LOGGER, world.config, catalog, SourceIterable.read_state(str(path))):
            result.add(message)
    except AirbyteTracedException as failure:
        said = failure.message or ""
        assert failure.failure_type == FailureType.config_error, said
        assert str(path) in said or "state of stream campaigns" in said or said.startswith("The state ")
        assert not any(word in said for word in ("Error", "object is not", "NoneType", "attribute"))
        return
    understood = f'"stream_state": {json.dumps(state)}' in json.dumps(content)
    due = [each for each in world.records["campaigns"] if not understood]
    assert lines(due) <= lines(result.records["campaigns"])
