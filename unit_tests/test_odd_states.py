"""Edited states and odd times in them: each either works or is named, and none loses records."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_iterable.errors import ConfigError
from source_iterable.exports.windows import Window, iso_time
from source_iterable.reading.state import state_time

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
