"""Batches: records as lines, one after another."""

from source_iterable.records.batch import RecordBatch, batch_of, joined


def test_a_batch_gives_its_records_back() -> None:
    records = [{"id": number, "text": "a\u2028b\r"} for number in range(3)]
    batch = batch_of("lists", records)
    assert (batch.stream_name, batch.count, batch.lines.count(b"\n")) == ("lists", 3, 3)
    assert list(batch.records()) == records


def test_small_batches_merge_into_one_with_all_records() -> None:
    batch = joined([batch_of("lists", each) for each in ([{"id": 1}], [], [{"id": 2}, {"id": 3}])])
    assert batch == RecordBatch("lists", 3, b'{"id":1}\n{"id":2}\n{"id":3}\n')
