"""Periods: between which times the events of a file are, so that a merge need not open files that cannot have them.

A period is the first and the last time in microseconds since 1970; None: unknown.
"""

from __future__ import annotations

import duckdb

from source_iterable.load.rows import quoted

Period = list[int] | None


def of_incoming(database: duckdb.DuckDBPyConnection, event_time: str | None) -> Period:
    """The period of the rows of the table `incoming`, by this column."""
    if event_time is None:
        return None
    time = quoted(event_time)
    ((first, last),) = database.execute(f"SELECT epoch_us(min({time})), epoch_us(max({time})) FROM incoming").fetchall()
    return None if first is None else [first, last]


def may_share(one: Period, other: Period) -> bool:
    """Whether there may be the same event in both."""
    return one is None or other is None or (one[0] <= other[1] and other[0] <= one[1])


def together(one: Period, other: Period) -> Period:
    """The period of the rows of both."""
    return None if one is None or other is None else [min(one[0], other[0]), max(one[1], other[1])]
