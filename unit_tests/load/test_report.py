"""The report of a load."""

from __future__ import annotations

import pytest

from source_iterable.load.loader import Loaded
from source_iterable.load.report import report


def test_the_report_has_the_streams_with_rows_and_their_sum(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    results = {"users": Loaded(1_200, 1.5), "email_send": Loaded(34, 2.25), "lists": Loaded(), "channels": Loaded()}
    report(results, "duckdb x.duckdb")
    assert [line.split() for line in capfdbinary.readouterr().out.decode().splitlines()] == [
        ["stream", "│", "rows", "│", "seconds"],
        ["─" * 12 + "┼" + "─" * 15 + "┼" + "─" * 8],
        ["users", "│", "1,200", "│", "1.5"],
        ["email_send", "│", "34", "│", "2.2"],
        ["─" * 12 + "┼" + "─" * 15 + "┼" + "─" * 8],
        ["all", "│", "1,234", "│", "2.2"],
        ["2", "streams", "had", "nothing", "new."],
        [],
        ["To", "look", "at", "the", "tables:"],
        [],
        ["duckdb", "x.duckdb"],
        [],
    ]
