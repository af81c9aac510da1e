"""Batches: many records of one stream as one value, bounded in bytes whatever a page of Iterable's holds."""

from __future__ import annotations

from itertools import count

import pytest

from source_iterable.api import spooled
from source_iterable.records import batch as batches_module
from source_iterable.records.batch import BATCH_BYTES, RecordBatch, batch_of, batches_of, bounded, joined, with_member


def test_a_batch_gives_its_records_back() -> None:
    records = [{"id": number, "text": "a\u2028b\r"} for number in range(3)]
    batch = batch_of("lists", records)
    assert (batch.stream_name, batch.count, batch.lines.count(b"\n")) == ("lists", 3, 3)
    assert list(batch.records()) == records


def test_small_batches_merge_into_one_with_all_records() -> None:
    batch = joined([batch_of("lists", each) for each in ([{"id": 1}], [], [{"id": 2}, {"id": 3}])])
    assert batch == RecordBatch("lists", 3, b'{"id":1}\n{"id":2}\n{"id":3}\n')


def test_batches_have_no_more_bytes_than_the_bound_or_one_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches_module, "BATCH_BYTES", 100)
    records = [{"n": n, "x": "y" * size} for n, size in zip(count(), [10, 10, 300, 60, 60, 10], strict=False)]
    batches = list(batches_of("journeys", records))
    assert [each.count for each in batches] == [2, 1, 1, 2]
    assert [record for each in batches for record in each.records()] == records
    assert b"".join(each.lines for each in batches) == batch_of("journeys", records).lines


def test_records_are_taken_as_the_batches_are() -> None:
    """Those of a large page are never all there a second time."""
    large = iter([{"n": n, "x": "y" * BATCH_BYTES} for n in range(5)])
    assert next(batches_of("journeys", large)).count == 1
    assert next(large)["n"] == 2


def test_nothing_is_no_batch() -> None:
    assert list(batches_of("journeys", [])) == []


def test_records_that_are_too_long_are_in_no_batch_which_says_how_long_they_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spooled, "MAX_LINE", 100)
    records = [{"n": 1}, {"n": 2, "x": "y" * 100}, {"n": 3, "x": "y" * 80}, {"n": 4, "x": "y" * 200}]
    (batch,) = batches_of("journeys", records, left_out=[7])
    assert [each["n"] for each in batch.records()] == [1, 3]
    assert (batch.count, batch.left_out) == (2, (7, 115, 215))
    (batch,) = batches_of("journeys", records[3:])
    assert (batch.count, batch.lines, batch.left_out) == (0, b"", (215,)), "all were"
    assert joined([batch, batch_of("journeys", records[:2])]).left_out == (215, 115)


def test_only_what_is_too_long_is_taken_out_of_a_finished_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooled, "MAX_LINE", 100)
    lines = [b"%d" % n + b"x" * size + b"\n" for n, size in enumerate([98, 99, 10, 98])]
    batch = RecordBatch("users", 4, b"".join(lines), (300,))
    assert bounded(batch) == RecordBatch("users", 3, lines[0] + lines[2] + lines[3], (300, 101))


def test_a_member_comes_in_front_of_the_others_in_each_record() -> None:
    records = [{"id": 1, "data": {"text": "a\n{b}"}}, {"id": 2, "nested": [{"x": 1}]}]
    batch = with_member(batch_of("lists", records), "project", 'a"b')
    assert [*batch.records()] == [{"project": 'a"b', **record} for record in records]
    assert batch.count == 2
    assert with_member(RecordBatch("lists", 0, b"", (17,)), "project", "us") == RecordBatch("lists", 0, b"", (17,))
