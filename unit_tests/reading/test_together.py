"""Streams read at once: each in its order, none stopped by the failure of another, within a bounded memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import requests_mock

from source_iterable.errors import LocalError, NotFound
from source_iterable.reading import pace, together
from source_iterable.reading.stream import Checkpoint, Reading, State, Stream, StreamContext
from source_iterable.reading.together import Ended, Nothing, Started, read
from source_iterable.records.batch import RecordBatch
from unit_tests.contexts import ROOT, a_context


class Fake(Stream):
    """Yields `items`: a number is a batch of so many records, a dict a checkpoint; an error is raised, an event awaited."""

    primary_key = ("id",)
    every_state = True

    def __init__(self, name: str, *items: Any) -> None:
        self.name = name
        self.items = items
        self.yielded = 0

    def _read(self, context: StreamContext, state: State) -> Reading:
        for item in self.items:
            if isinstance(item, Exception):
                raise item
            if isinstance(item, threading.Event):
                item.wait()
            elif isinstance(item, dict):
                yield Checkpoint(item)
            else:
                yield RecordBatch(self.name, item, b"{}\n" * item)
            self.yielded += 1


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> Iterator[StreamContext]:
    """Of a sync for which no time passes."""
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: 0.0))
    with a_context() as made:
        yield made


def shown(item: Any) -> Any:
    if isinstance(item, RecordBatch):
        return item.count
    return item.state if isinstance(item, Checkpoint) else item


def all_of(context: StreamContext, *streams: Fake) -> dict[str, list[Any]]:
    """What happens to each stream."""
    found: dict[str, list[Any]] = {stream.name: [] for stream in streams}
    for name, item in read(context, {stream.name: (stream, {}) for stream in streams}):
        if not isinstance(item, Nothing):
            found[name].append(shown(item))
    return found


def test_each_stream_is_in_order_between_its_begin_and_its_end(context: StreamContext) -> None:
    many = [each for number in range(50) for each in (number + 1, {"after": number})]
    found = all_of(context, Fake("lists", *many), Fake("channels", 2, 0, 3), Fake("users"))
    assert found["lists"] == [Started(), *many, Ended()]
    assert found["channels"] == [Started(), 2, 3, Ended()], "an empty batch is none"
    assert found["users"] == [Started(), Ended()]
    assert context.progress.stream("lists").records == sum(range(1, 51))
    assert context.progress.stream("users").share == 1.0


def test_a_failed_stream_ends_with_its_error_and_the_others_go_on(context: StreamContext) -> None:
    gone, fault = NotFound("It is gone.", 404), ZeroDivisionError()
    found = all_of(context, Fake("lists", 1, gone, 1), Fake("channels", fault), Fake("users", 2))
    assert found["lists"] == [Started(), 1, Ended(gone)]
    assert found["channels"] == [Started(), Ended(fault)]
    assert found["users"] == [Started(), 2, Ended()]


class Slices(Fake):
    """One whose states wait."""

    every_state = False


@pytest.mark.parametrize("error", [None, NotFound("It is gone.", 404), ZeroDivisionError()])
def test_states_that_wait_for_the_end_are_left_out_but_for_the_last(
    context: StreamContext, error: Exception | None
) -> None:
    slices = [each for number in range(50) for each in (1, {"after": number})]
    found = all_of(context, Slices("lists", *slices, *filter(None, [error])), Fake("users", {"after": 1}))
    assert found["lists"] == [Started(), *[1] * 50, {"after": 49}, Ended(error)]
    assert found["users"] == [Started(), {"after": 1}, Ended()]


def test_a_state_comes_before_the_records_that_it_does_not_cover(context: StreamContext) -> None:
    found = all_of(context, Slices("lists", 1, {"after": 1}, 20_000, {"after": 2}, 1, {"after": 3}, 1))
    assert found["lists"] == [Started(), 1, {"after": 1}, 20_000, 1, 1, {"after": 3}, Ended()]


def test_a_state_that_waits_is_written_while_its_stream_waits(
    context: StreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "TICK", 0.01)
    # Its stream stands still until the state has come, or for very long.
    more, found, silent = threading.Event(), [], 0
    for _, item in read(context, {"lists": (Slices("lists", 1, {"after": 1}, more, 2), {})}):
        if isinstance(item, Nothing):
            silent += 1
            monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: 60.0))
            if silent == 100:
                more.set()
            continue
        found.append(shown(item))
        if isinstance(item, Checkpoint):
            assert not more.is_set()
            more.set()
    assert found == [Started(), 1, {"after": 1}, 2, Ended()]


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), MemoryError()])
def test_trouble_of_this_machine_stops_all_of_them(context: StreamContext, failure: Exception) -> None:
    (_, ended) = all_of(context, Fake("lists", failure))["lists"]
    assert isinstance(ended.error, LocalError)
    with pytest.raises(Exception, match="The sync was ended: This machine"):
        context.client.wait(0)


def test_nothing_happens_until_something_does(context: StreamContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "TICK", 0.01)
    more = threading.Event()
    silent = 0
    for _, item in read(context, {"lists": (Fake("lists", 1, more, 2), {})}):
        if isinstance(item, Nothing):
            silent += 1
            more.set()
    assert silent > 0


def test_readers_wait_for_room_and_stop_when_nobody_takes_anything_any_more(
    context: StreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "CAPACITY", 300)
    stream = Fake("lists", *[10] * 1000)
    reading = read(context, {"lists": (stream, {})})
    assert [shown(next(reading)[1]) for _ in range(3)] == [Started(), 10, 10]
    reading.close()
    assert stream.yielded <= 2 + 300 // 30 + 2
    with pytest.raises(Exception, match="terminated"):
        context.client.wait(0)


class OfList(Stream):
    """Reads the list of channels once `begins` is set, and sets `ended`."""

    primary_key = ("id",)
    lists = ("channels",)

    def __init__(self, name: str, begins: threading.Event, ended: threading.Event) -> None:
        self.name = name
        self.begins, self.ended = begins, ended

    def _read(self, context: StreamContext, state: State) -> Reading:
        self.begins.wait()
        for items in context.shared.blocks("channels", "channels", "id", {}, None):
            yield RecordBatch(self.name, len(items), b"{}\n" * len(items))
        self.ended.set()


def test_a_list_is_requested_once_for_all_streams_that_name_it_and_not_kept_for_the_others(
    context: StreamContext, requests_mock: requests_mock.Mocker
) -> None:
    requests_mock.get(f"{ROOT}channels", json={"channels": [{"id": 1}, {"id": 2}]})
    first, second, begun = threading.Event(), threading.Event(), threading.Event()
    begun.set()
    streams: list[Any] = [OfList("early", begun, first), OfList("late", first, second), Fake("other", second, 1)]
    kept: dict[str, int] = {}
    for name, item in read(context, {stream.name: (stream, {}) for stream in streams}):
        if isinstance(item, Ended):
            assert item.error is None
            kept[name] = len(context.shared._lists)
    assert requests_mock.call_count == 1
    assert kept["late"] == 0
