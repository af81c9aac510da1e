"""Streams: what is said of records that are too long, wherever they were made."""

from __future__ import annotations

import json
from typing import Any

import pytest

from source_iterable.api import spooled
from source_iterable.errors import TransientError
from source_iterable.reading.stream import Reading, State, Stream, StreamContext
from source_iterable.records.batch import RecordBatch
from unit_tests.contexts import read


class Snippets(Stream):
    """Items, a batch of which another was left out before, and an error."""

    name = "snippets"
    primary_key = ("id",)

    def _read(self, context: StreamContext, state: State) -> Reading:
        yield [{"id": 1}, {"id": 2, "content": "x" * 2_000_000}, {"id": 3}, {"id": 4, "content": "y" * 1_000_000}]
        yield RecordBatch(self.name, 1, json.dumps({"id": 5, "data": {}}).encode() + b"\n", (5_000_000,))
        raise TransientError("No more.")


@pytest.mark.parametrize("private", [{}, {"excluded_fields": ["name"]}])
def test_records_that_are_too_long_are_left_out_and_counted_in_one_warning(
    private: dict[str, Any], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooled, "MAX_LINE", 500_000)
    result = read(Snippets(), **private)
    assert str(result.error) == "No more."
    assert [record["id"] for record in result.records] == [1, 3, 5]
    (said,) = [text for text in caplog.messages if "left out" in text]
    assert said.startswith("snippets: records over 16 MB were left out: 3, the longest of 4.8 MB.")
