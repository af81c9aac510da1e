"""How large a window is, guessed from the beginning of its response."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from source_iterable.exports.streaming import expected_bytes
from source_iterable.exports.windows import Window

START = datetime(2024, 5, 1, tzinfo=timezone.utc)
DAY = 86_400
WINDOW = Window(int(START.timestamp()), int(START.timestamp()) + 10 * DAY)


def lines(*hours: float, field: str = "createdAt") -> bytes:
    times = [(START + timedelta(hours=each)).strftime("%Y-%m-%d %H:%M:%S +00:00") for each in hours]
    return (
        b'42,"x":1}\n' + b"".join(b'{"a":1,"%b":"%b"}\n' % (field.encode(), time.encode()) for time in times) + b'{"a'
    )


@pytest.mark.parametrize("field", ["createdAt", "profileUpdatedAt"])
def test_a_response_that_came_to_the_first_day_of_ten_is_a_tenth(field: str) -> None:
    assert expected_bytes(WINDOW, 1000, lines(0, 1, field=field), lines(23, 24, field=field)) == 10_000


def test_lines_out_of_order_tell_nothing() -> None:
    assert expected_bytes(WINDOW, 1000, lines(0, 30), lines(23, 24)) == 1000
    assert expected_bytes(WINDOW, 1000, lines(0, 1), lines(24, 23)) == 1000


@pytest.mark.parametrize(
    "tail", [b"", b'{"createdAt":"soon"}\n', b'{"createdAt":"\xff"}\n', lines(-5, -4), lines(24 * 11)]
)
def test_what_makes_no_sense_tells_nothing(tail: bytes) -> None:
    assert expected_bytes(WINDOW, 1000, b"", tail) == 1000


def test_a_guess_is_bounded() -> None:
    assert expected_bytes(WINDOW, 1000, lines(0, 0), lines(0, 0.001)) == 64_000
