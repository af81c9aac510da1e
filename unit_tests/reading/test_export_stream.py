"""Export streams: which time a sync reads, the states it leaves, and how many bad lines it bears."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timezone
from threading import BoundedSemaphore
from typing import Any

import pytest
import requests_mock
from hypothesis import given
from hypothesis import strategies as st

from source_iterable.api import spooled
from source_iterable.api.client import IterableClient
from source_iterable.config import Config
from source_iterable.errors import ConfigError, IterableError
from source_iterable.exports.windows import Window, iso_time
from source_iterable.reading.export_stream import BYTES_A_DAY, TOOK, EventStream, state_time
from source_iterable.reading.stream import Checkpoint, StreamContext
from source_iterable.records.batch import RecordBatch
from unit_tests.contexts import a_context

DATA = "https://api.iterable.com/api/export/data.json"
NOW = datetime(2024, 3, 2, 12, 0, 30, 900_000, tzinfo=timezone.utc).timestamp()
LINE = '{"createdAt":"2024-03-01 01:00:00 +00:00","email":"a@example.com"}\n'


@pytest.fixture(autouse=True)
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(IterableClient, "now", lambda client: NOW)


@pytest.fixture
def server() -> Iterator[requests_mock.Mocker]:
    with requests_mock.Mocker() as made:
        yield made


def read(state: dict[str, Any] | None = None, **options: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The records of a sync, and its states."""
    logger = logging.getLogger("airbyte")
    fixed = {"api_key": "k", "rate_limit_factor": 1e6, "export_method": "streaming"}
    config = Config.parse({**fixed, "start_date": "2024-03-01T00:00:00Z", "lookback_window": 0, **options})
    context = StreamContext(config, IterableClient(config, logger), logger)
    records: list[dict[str, Any]] = []
    states: list[dict[str, Any]] = []
    try:
        for item in EventStream("email_click", "emailClick").read(context, state or {}):
            if isinstance(item, Checkpoint):
                states.append(dict(item.state))
            else:
                assert item.stream_name == "email_click"
                records += item.records()
    finally:
        context.close()
    return records, states


def places(states: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """States without what they say of sizes, which depends on how fast this machine is."""
    return [{name: value for name, value in state.items() if name not in (BYTES_A_DAY, TOOK)} for state in states]


def asked(server: requests_mock.Mocker) -> list[tuple[str, str]]:
    return [(request.qs["startdatetime"][0], request.qs["enddatetime"][0]) for request in server.request_history]


def test_a_first_sync_reads_from_the_start_date_until_now(server: requests_mock.Mocker) -> None:
    server.get(DATA, text=LINE * 3)
    records, states = read()
    assert [record["email"] for record in records] == ["a@example.com"] * 3
    assert places(states) == [{"createdAt": "2024-03-02T12:00:30+00:00", "ids": "1"}]
    assert asked(server) == [("2024-03-01 00:00:00 +00:00", "2024-03-02 12:00:30 +00:00")]
    assert server.request_history[-1].qs["datatypename"] == ["emailclick"]


def test_the_next_sync_reads_from_its_state(server: requests_mock.Mocker) -> None:
    server.get(DATA, text="")
    records, states = read({"createdAt": "2024-03-02T11:00:00+00:00"})
    assert records == []
    assert places(states) == [{"createdAt": "2024-03-02T12:00:30+00:00", "ids": "1"}]
    assert asked(server) == [("2024-03-02 11:00:00 +00:00", "2024-03-02 12:00:30 +00:00")]


@pytest.mark.parametrize(
    ("options", "end"),
    [
        ({"lookback_window": 90}, "10:30:30"),
        ({"end_date": "2024-03-02T08:00:00Z"}, "08:00:00"),
        ({"end_date": "2024-03-02T11:00:00Z", "lookback_window": 90}, "10:30:30"),
        ({"end_date": "2024-03-05T00:00:00Z"}, "12:00:30"),
    ],
)
def test_the_end_of_a_sync(server: requests_mock.Mocker, options: dict[str, Any], end: str) -> None:
    server.get(DATA, text="")
    assert places(read(**options)[1]) == [{"createdAt": f"2024-03-02T{end}+00:00", "ids": "1"}]


def test_a_state_tells_how_large_the_stream_is_and_how_fast_it_came(server: requests_mock.Mocker) -> None:
    server.get(DATA, text=LINE * 1000)
    (state,) = read()[1]
    size = len(LINE) * 1000
    assert state["bytesADay"] == int(size / (36 * 3600 + 30) * 86_400)
    ((read_bytes, seconds),) = state["took"].values()
    assert list(state["took"]) == ["streaming"]
    assert (read_bytes, seconds >= 0) == (size, True)


def test_the_size_of_a_stream_is_not_forgotten_at_once(server: requests_mock.Mocker) -> None:
    """One that is read every hour may have most of its events in one."""
    server.get(DATA, text="")
    (after,) = read({"createdAt": "2024-03-02T11:00:00+00:00", "bytesADay": 900})[1]
    assert after["bytesADay"] == 450


def test_a_transport_that_was_slow_once_is_tried_again(server: requests_mock.Mocker) -> None:
    """What it took is not kept if it was left alone since."""
    server.get(DATA, text="")
    (after,) = read({"createdAt": "2024-03-02T11:00:00+00:00", "took": {"jobs": [5_000_000, 3000.0]}})[1]
    assert list(after["took"]) == ["streaming"]


@pytest.mark.parametrize("shown", [{"bytesADay": 7_000_000_000}, {"bytesADay": 7_000_000_000, "took": {}}])
def test_a_stream_that_is_known_to_be_large_is_read_in_small_windows(
    server: requests_mock.Mocker, shown: dict[str, Any]
) -> None:
    server.get(DATA, text=LINE)
    read({"createdAt": "2024-03-02T00:00:00+00:00", **shown})
    start, end = (datetime.strptime(time, "%Y-%m-%d %H:%M:%S %z") for time in asked(server)[0])
    assert (end - start).total_seconds() == pytest.approx(86_400 * 150 / 7000, abs=1)


@pytest.mark.parametrize(
    "odd",
    [
        {"bytesADay": -1},
        {"bytesADay": "many"},
        {"bytesADay": 1e300},
        {"bytesADay": None, "took": None},
        {"took": []},
        {"took": {"jobs": 5}},
        {"took": {"jobs": [1, -1]}},
        {"took": {"jobs": [1, 1e9]}},
        {"took": {"jobs": [1]}},
        {"bytesADay": 50, "took": {"pigeons": [1, 1]}},
    ],
)
def test_a_state_with_odd_sizes_is_taken(server: requests_mock.Mocker, odd: dict[str, Any]) -> None:
    server.get(DATA, text=LINE)
    records, states = read({"createdAt": "2024-03-02T11:00:00+00:00", **odd})
    assert len(records) == 1
    assert places(states) == [{"createdAt": "2024-03-02T12:00:30+00:00", "ids": "1"}]
    assert asked(server) == [("2024-03-02 11:00:00 +00:00", "2024-03-02 12:00:30 +00:00")]
    assert read(states[0])[0] == []


def test_a_state_with_ids_of_another_salt_is_refused_before_anything_is_read(server: requests_mock.Mocker) -> None:
    server.get(DATA, text=LINE)
    states = {salt: read(hash_salt=salt)[1][-1] for salt in ("", "a", "b")}
    assert len({state["ids"] for state in states.values()}) == 3
    server.reset_mock()
    for state, salt in (("", "a"), ("a", ""), ("a", "b")):
        for reread_window in (0, 7):
            with pytest.raises(
                ConfigError, match="email_click.*another hash_salt.*Restore the salt, or reset the stream"
            ):
                read(states[state], hash_salt=salt, reread_window=reread_window)
    assert server.call_count == 0
    # The salt that it was, and states of before there were marks, or of another connector.
    for state, salt in ((states["a"], "a"), (states[""], ""), ({"createdAt": "2024-03-02 11:00:00+00:00"}, "a")):
        assert read(state, hash_salt=salt) is not None


def test_fingerprints_of_other_ids_say_nothing(server: requests_mock.Mocker) -> None:
    """Another version of ids: what they were made of is not known, so the days are written again, once."""
    server.get(DATA, text=LINE)
    _, states = read(reread_window=7)
    for ids in ({"ids": "0"}, {}):
        before = {name: value for name, value in states[-1].items() if name != "ids"} | ids
        records, after = read(before, reread_window=7)
        assert [record["email"] for record in records] == ["a@example.com"]
        assert after[-1]["ids"] == "1"
        assert read(after[-1], reread_window=7)[0] == []


def test_a_state_in_the_future_reads_nothing_and_says_so(
    server: requests_mock.Mocker, caplog: pytest.LogCaptureFixture
) -> None:
    assert read({"createdAt": "2024-03-02T12:00:31Z"}) == ([], [])
    assert server.call_count == 0
    told = "the cursor in its state is in the future (2024-03-02T12:00:31Z; it is now 2024-03-02T12:00:30+00:00)."
    assert f"email_click: {told}" in caplog.text
    assert "set createdAt in the state to" in caplog.text


def test_a_start_in_the_future_reads_nothing_and_says_so(
    server: requests_mock.Mocker, caplog: pytest.LogCaptureFixture
) -> None:
    assert read(start_date="2024-03-03T00:00:00Z") == ([], [])
    assert server.call_count == 0
    assert "email_click: start_date is in the future (2024-03-03T00:00:00Z; it is now" in caplog.text


def test_a_state_of_just_now_is_not_in_the_future(
    server: requests_mock.Mocker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for now in (NOW, NOW - 0.9):
        monkeypatch.setattr(IterableClient, "now", lambda client, now=now: now)
        assert read({"createdAt": "2024-03-02T12:00:30Z"}) == ([], [])
    assert "future" not in caplog.text


def test_empty_windows_are_read_one_by_one_each_longer_than_the_last(server: requests_mock.Mocker) -> None:
    server.get(DATA, text="")
    states = read(start_date="2021-03-02T00:00:00Z")[1]
    assert [state["createdAt"][:10] for state in states] == ["2021-04-02", "2021-12-06", "2024-03-02"]


def test_a_long_time_is_read_in_windows_with_a_state_after_each(server: requests_mock.Mocker) -> None:
    server.get(DATA, text=LINE)
    records, states = read(start_date="2024-01-01T00:00:00Z")
    assert len(records) == len(states) == 2
    assert places(states) == [
        {"createdAt": "2024-02-01T00:00:00+00:00", "ids": "1"},
        {"createdAt": "2024-03-02T12:00:30+00:00", "ids": "1"},
    ]


@pytest.mark.parametrize(("bad", "good"), [(1, 1), (10, 1), (11, 10_989), (12, 11_988)])
def test_a_few_bad_lines_are_skipped(server: requests_mock.Mocker, bad: int, good: int) -> None:
    server.get(DATA, text="[]\n" * bad + LINE * good)
    records, states = read()
    assert (len(records), len(states)) == (good, 1)


@pytest.mark.parametrize(("bad", "good"), [(11, 1), (11, 10_988), (200, 20_000)])
def test_a_window_with_more_bad_lines_fails_before_its_state(server: requests_mock.Mocker, bad: int, good: int) -> None:
    server.get(DATA, text=LINE * good + "[]\n" * bad)
    with pytest.raises(IterableError, match=f"email_click, 2024-03-01.*: {bad} of {bad + good} lines are not JSON"):
        read()


def test_bad_lines_are_named_by_their_place_in_the_window(
    server: requests_mock.Mocker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooled, "CHUNK_BYTES", 100)  # so that the window comes in several batches
    server.get(DATA, text=LINE + "[1]\n" + LINE * 5 + "secret\n" + LINE)
    assert len(read()[0]) == 7
    told = [record.getMessage() for record in caplog.records if "not a JSON object" in record.getMessage()]
    assert [text.partition(": ")[2] for text in told] == [
        "line 2 is not a JSON object; skipped.",
        "line 8 is not a JSON object; skipped.",
    ]
    assert "secret" not in caplog.text


def test_no_more_than_eleven_bad_lines_are_logged(
    server: requests_mock.Mocker, caplog: pytest.LogCaptureFixture
) -> None:
    server.get(DATA, text="[]\n" * 30 + LINE)
    with pytest.raises(IterableError, match="30 of 31"):
        read()
    assert caplog.text.count("is not a JSON object") == 11


def test_bad_lines_of_one_window_do_not_count_for_the_next(server: requests_mock.Mocker) -> None:
    server.get(DATA, text="[]\n" * 8 + LINE)
    assert len(read(start_date="2024-01-01T00:00:00Z")[1]) == 2


def test_the_progress_says_which_window_is_read_and_how_much_is_done(server: requests_mock.Mocker) -> None:
    server.get(DATA, text=LINE)
    with a_context(start_date="2024-01-01T00:00:00Z", lookback_window=0, export_method="streaming") as context:
        windows: list[str] = []
        shares: list[float | None] = []
        for item in EventStream("email_click", "emailClick").read(context, {}):
            progress = context.progress.stream("email_click")
            if isinstance(item, Checkpoint):
                shares.append(progress.share)
            else:
                windows.append(progress.window)
    assert windows == [
        "2024-01-01T00:00:00+00:00 to 2024-02-01T00:00:00+00:00",
        "2024-02-01T00:00:00+00:00 to 2024-03-02T12:00:30+00:00",
    ]
    assert shares == [pytest.approx(0.504, abs=0.001), 1.0]


def test_records_that_are_too_long_are_left_out_and_counted_once_and_the_window_does_not_fail(
    server: requests_mock.Mocker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooled, "CHUNK_BYTES", 100)
    monkeypatch.setattr(spooled, "MAX_LINE", 2000)
    too_long = (LINE.replace("a@", "a" * length + "@") for length in range(10_000, 30_000, 1000))
    # Its line is not too long, its record is: an id comes in front.
    just = LINE.replace("a@", "a" * (1999 - len(LINE)) + "@")
    server.get(DATA, text=LINE + "".join(too_long) + just + LINE)
    records, states = read(start_date="2024-02-01T00:00:00Z")
    assert [record["email"] for record in records] == ["a@example.com"] * 2
    assert len(states) == 1
    (said,) = caplog.messages
    assert said.startswith("email_click: records over 16 MB were left out")
    assert "21, the longest of 0.0 MB" in said


@pytest.mark.parametrize("private", [{}, {"excluded_fields": ["ip"]}])
def test_what_is_alone_in_its_window_and_too_long_is_left_out(
    server: requests_mock.Mocker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, private: Any
) -> None:
    monkeypatch.setattr(spooled, "MAX_LINE", 2000)
    monkeypatch.setattr(spooled, "CHUNK_BYTES", 100)
    server.get(DATA, text=LINE.replace("a@", "a" * 10_000 + "@"))
    records, states = read(start_date="2024-02-01T00:00:00Z", **private)
    assert (records, len(states)) == ([], 1)
    assert "were left out" in caplog.text


def test_a_batch_that_is_not_taken_keeps_its_slot(server: requests_mock.Mocker) -> None:
    server.get(DATA, text=LINE)
    with a_context(end_date="2024-01-02T00:00:00Z", export_method="streaming") as context:
        context.batch_slots = BoundedSemaphore(1)
        reading = EventStream("email_click", "emailClick").read(context, {})
        assert isinstance(next(reading), RecordBatch)
        assert not context.batch_slots.acquire(blocking=False), "no other stream makes a batch meanwhile"
        list(reading)
        assert context.batch_slots.acquire(blocking=False)


# States: ours, those of the published connector, and invalid ones.
FIRST, LAST = -62135596800, 253402300799  # the first and the last second of the years 1 to 9999
TIME = int(datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc).timestamp())


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-02T03:04:05+00:00",
        "2026-01-02 03:04:05+00:00",
        "2026-01-02T03:04:05.999999Z",
        "2026-01-02 03:04:05",
        "2026-01-02T04:04:05+01:00",
        "Fri, 02 Jan 2026 03:04:05 +0000",
        TIME,
        TIME * 1000,
        TIME + 0.5,
    ],
)
def test_a_date_in_any_format(value: object) -> None:
    assert state_time("users", "profileUpdatedAt", {"profileUpdatedAt": value}) == TIME


@pytest.mark.parametrize("state", [{}, {"createdAt": None}, {"other": 1}])
def test_no_state(state: dict[str, object]) -> None:
    assert state_time("users", "createdAt", state) is None


@pytest.mark.parametrize("value", ["", "yesterday", "12", "10:30", "Monday", "May 5", {}, [1], True, 1e300, "9" * 50])
def test_an_invalid_state_error_names_the_stream_and_the_value(value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        state_time("email_send", "createdAt", {"createdAt": value})
    assert "email_send" in str(caught.value)
    assert repr(value) in str(caught.value)


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
