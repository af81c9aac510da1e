"""Every time format becomes one RFC 3339 form in UTC; anything else is None."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_iterable.records.timestamps import is_date, milliseconds, rfc3339


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2021-04-14 16:52:42 +00:00", "2021-04-14T16:52:42+00:00"),
        ("2021-04-14 16:52:42 +0000", "2021-04-14T16:52:42+00:00"),
        ("2021-04-14T16:52:42Z", "2021-04-14T16:52:42+00:00"),
        ("2025-12-19T22:43:34.134105.000Z", "2025-12-19T22:43:34.134105+00:00"),
        ("2025-12-19T22:43:34.1234567Z", "2025-12-19T22:43:34.1234567+00:00"),
        ("2025-12-19T22:43:34.12345678+01:00", "2025-12-19T21:43:34.12345678+00:00"),
        ("2025-12-19T22:43:34.123456789.000Z", "2025-12-19T22:43:34.123456789+00:00"),
        ("2025-12-19T22:43:34.500Z", "2025-12-19T22:43:34.5+00:00"),
        ("2025-12-19T22:43:34.000Z", "2025-12-19T22:43:34+00:00"),
        ("2021-04-14 18:52:42 +02:00", "2021-04-14T16:52:42+00:00"),
        ("2021-04-14 00:52:42 -0130", "2021-04-14T02:22:42+00:00"),
        ("2021-04-14 16:52:42", "2021-04-14T16:52:42+00:00"),
        ("2015-11-13", "2015-11-13T00:00:00+00:00"),
        (1618419162000, "2021-04-14T16:52:42+00:00"),
        (1618419162007, "2021-04-14T16:52:42.007+00:00"),
    ],
)
def test_formats(value: object, expected: str) -> None:
    assert rfc3339(value) == expected
    assert rfc3339(value) == expected  # again, from the cache


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "2021-02-30",
        "2021-04-14 ",
        "20210414",
        "2021-04",
        "2021-04-14Z",
        "2021-13-14 16:52:42 +00:00",
        "2021-04-14 24:52:42 +00:00",
        "16:52:42",
        12,
        0,
    ]
    + [-1, 10**15, True, None, 1.5, [], {}, "2021-04-14 16:52:60 +00:00", "2021-04-14x16:52:42 +00:00"]
    + ["２０２１-04-14 16:52:42 +00:00", "0000-01-01 00:00:00 +00:00", "0001-01-01 00:00:00 +01:00"],
)
def test_values_that_are_not_times(value: object) -> None:
    rfc3339("2021-04-14 16:52:42 +00:00")
    assert rfc3339(value) is None


@given(st.datetimes(min_value=datetime(1980, 1, 1), max_value=datetime(2100, 1, 1)), st.booleans())
def test_the_instant_stays_the_same(time: datetime, colon: bool) -> None:
    time = time.replace(tzinfo=timezone.utc)
    result = rfc3339(time.strftime("%Y-%m-%d %H:%M:%S.%f ") + ("+00:00" if colon else "+0000"))
    assert result is not None
    whole, _, fraction = result.removesuffix("+00:00").partition(".")
    parsed = datetime.fromisoformat(whole).replace(tzinfo=timezone.utc)
    assert parsed + timedelta(microseconds=int(fraction.ljust(6, "0") or 0)) == time


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2021-04-14T16:52:42Z", 1618419162000),
        ("2021-04-14T16:52:42.007Z", 1618419162007),
        ("2021-04-14T16:52:42.5Z", 1618419162500),
        ("2021-04-14T18:52:42.1239+02:00", 1618419162123),
        ("1969-12-31T23:59:59.25Z", -750),
        (1618419162007, 1618419162007),
        ("soon", "soon"),
        (None, None),
        ({"a": 1}, {"a": 1}),
    ],
)
def test_times_in_milliseconds(value: object, expected: object) -> None:
    assert milliseconds(value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2026-03-10", True), ("2024-02-29", True), ("2026-02-29", False), ("20260310", False), ("2026-W11-2", False)]
    + [("2026-3-10", False), ("2026-03-10T00:00:00Z", False), ("", False), ("today", False)],
)
def test_days(text: str, expected: bool) -> None:
    assert is_date(text) is expected
