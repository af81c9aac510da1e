"""States: ours, those of the published connector, and invalid ones."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_iterable.errors import ConfigError
from source_iterable.exports.windows import Window, iso_time
from source_iterable.reading.state import state_time

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
