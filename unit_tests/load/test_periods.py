"""Periods of files: which a merge has to open."""

from __future__ import annotations

from contextlib import closing

import duckdb
import pytest

from source_iterable.load.periods import Period, may_share, of_incoming, together


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ([1, 5], [5, 9], True),
        ([1, 5], [2, 3], True),
        ([1, 5], [6, 9], False),
        ([6, 9], [1, 5], False),
        (None, [1, 5], True),
        ([1, 5], None, True),
    ],
)
def test_files_that_cannot_share_an_event_are_not_opened(one: Period, other: Period, shared: bool) -> None:
    assert may_share(one, other) is shared


def test_what_is_unknown_stays_unknown() -> None:
    assert together([1, 5], [3, 9]) == [1, 9]
    assert together(None, [3, 9]) is None and together([3, 9], None) is None


def test_the_period_of_rows_is_in_microseconds_whatever_the_time_zone() -> None:
    with closing(duckdb.connect()) as database:
        database.execute("SET TimeZone = 'America/New_York'")
        times = "(TIMESTAMPTZ '1970-01-01 00:00:01+00'), (TIMESTAMPTZ '1970-01-01 00:00:00.5+00'), (NULL)"
        database.execute(f'CREATE TEMP TABLE incoming AS SELECT * FROM (VALUES {times}) AS rows("created at")')
        assert of_incoming(database, "created at") == [500_000, 1_000_000]
        assert of_incoming(database, None) is None
        database.execute('DELETE FROM incoming WHERE "created at" IS NOT NULL')
        assert of_incoming(database, "created at") is None
