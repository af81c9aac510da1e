"""Batches: lines identical to the CDK's, a queue bounded in bytes, and no message that overtakes a record."""

import threading

from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.models import AirbyteLogMessage, AirbyteMessage, Level, Type
from airbyte_cdk.sources.utils.record_helper import stream_data_to_airbyte_message

from source_iterable.airbyte.queue import QUEUE_BYTES, BatchQueue, QueueMessageRepository
from source_iterable.records.batch import LineFormat, RecordBatch, joined


def log(text: str) -> AirbyteMessage:
    return AirbyteMessage(type=Type.LOG, log=AirbyteLogMessage(level=Level.INFO, message=text))


def test_a_line_is_byte_for_byte_identical_to_the_cdks() -> None:
    record = {"id": 1, "name": 'Ünï \u2028 "quoted"', "nested": {"none": None, "list": [1.5, True]}}
    batch = LineFormat("lists").batch([record, record])
    assert batch.count == 2
    ours = batch.lines.decode().splitlines(keepends=False)
    theirs = AirbyteEntrypoint.airbyte_message_to_string(stream_data_to_airbyte_message("lists", record))
    before, _, time_ours = batch.lines.decode().split("\n")[0].rpartition(":")
    before_theirs, _, time_theirs = theirs.rpartition(":")
    assert before == before_theirs
    assert time_ours.endswith("}}")
    assert abs(int(time_ours[:-2]) - int(time_theirs[:-2])) < 60_000
    assert ours


def test_a_batch_unpacks_into_its_messages() -> None:
    records = [{"id": number, "text": "a\u2028b\r"} for number in range(3)]
    messages = list(LineFormat("lists").batch(records).messages())
    assert [message["data"] for message in messages] == records


def test_small_batches_merge_into_one_with_all_records() -> None:
    lines = LineFormat("lists")
    batch = joined([lines.batch([{"id": 1}]), lines.batch([]), lines.batch([{"id": 2}, {"id": 3}])])
    assert (batch.stream_name, batch.count) == ("lists", 3)
    assert [message["data"]["id"] for message in batch.messages()] == [1, 2, 3]


def test_an_empty_batch_is_not_mistaken_for_the_end_of_the_queue() -> None:
    assert RecordBatch("lists", 0, b"")


def test_the_queue_is_bounded_in_bytes_and_holds_any_number_of_small_items() -> None:
    queue = BatchQueue()
    for _ in range(20_000):
        queue.put(log("x"), block=False)
    big = RecordBatch("lists", 1, bytes(QUEUE_BYTES))
    queue.put(big, block=False)
    assert queue.full()
    done = threading.Event()

    def put() -> None:
        queue.put(RecordBatch("lists", 1, b"y"))
        done.set()

    threading.Thread(target=put, daemon=True).start()
    for _ in range(20_000):
        queue.get(block=False)
    assert not done.is_set()
    assert queue.get(block=False) is big
    assert done.wait(10)
    assert not queue.empty()


def test_reader_messages_keep_their_order_and_the_main_thread_never_blocks() -> None:
    queue = BatchQueue()
    repository = QueueMessageRepository(queue)
    batch = RecordBatch("lists", 1, bytes(QUEUE_BYTES - 10))

    def reader() -> None:
        queue.put(batch)
        repository.emit_message(log("state"))

    thread = threading.Thread(target=reader)
    thread.start()
    thread.join()
    queue.put(RecordBatch("lists", 1, bytes(10)))
    repository.emit_message(log("end"))  # with a full queue
    assert [message.log.message for message in repository.consume_queue() if message.log] == ["end"]
    assert queue.get() is batch
    assert queue.get() == log("state")
