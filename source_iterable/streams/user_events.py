"""The events of single users: everything that Iterable holds of everybody who is in a list."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from source_iterable.ahead import in_order
from source_iterable.batches import RecordBatch
from source_iterable.exports.parts import CHUNK_BYTES, Part
from source_iterable.exports.records import EventRecords
from source_iterable.streams.context import StreamContext
from source_iterable.streams.distinct import DistinctUsers
from source_iterable.streams.list_users import list_ids, name_column, names_in, parts_of_lists
from source_iterable.streams.listing import Fields, ListStream
from source_iterable.streams.whole_answers import WholeAnswers

PATH = "export/userEvents"
READ_TIMEOUT = 600.0
USER_BYTES = 2 * 2**30
# Users asked for at a time: ten a second may be.
THREADS = 8
# The state is written after so many users.
USERS_A_STATE = 100


class UserEvents(ListStream):
    """`GET export/userEvents` for every user of any list, once a user.

    First all lists are read; then the users are gone through in the order of their digests, which does not depend on the
    order in which Iterable tells them. So the state is one digest, {"after": ...}, and a sync that was cut off goes on
    behind it without asking for anybody twice.
    """

    name = "events"
    cost = "1 per list (5 a minute), then 1 per user (10 a second)"
    primary_key = ("_event_id",)
    resumable = True

    def read(self, context: StreamContext, state: Fields) -> Iterator[list[Fields] | RecordBatch]:
        with closing(DistinctUsers()) as users:
            for _, part in parts_of_lists(context, self.name, sorted(list_ids(context))):
                if part is not None:
                    with closing(part):
                        for chunk in part.chunks():
                            users.add(names_in(chunk))
            yield from self._read_users(context, state, users)
        state.clear()

    def _read_users(self, context: StreamContext, state: Fields, users: DistinctUsers) -> Iterator[RecordBatch]:
        answers = WholeAnswers(self.name, context, READ_TIMEOUT, USER_BYTES)
        records = EventRecords(self.name, self.schema(context.config))
        after = _digest_in(state)
        total = users.count(after)

        def fetch(user: tuple[bytes, str]) -> Part | None:
            _, name = user
            parameters = {name_column(context.config, name): name, "includeCustomEvents": "true"}
            return answers.get(f"user {name}", PATH, parameters)

        gathered = _Gathered(self.name)
        with answers.counted():
            for number, ((digest, _), part) in enumerate(in_order(fetch, users.names(after), THREADS), 1):
                if part is not None:
                    with closing(part):
                        for chunk in part.chunks():
                            parsed = records.parse(chunk)
                            if parsed.bad:
                                context.logger.warning(
                                    f"{self.name}: {len(parsed.bad)} lines of a user's answer are not JSON objects; "
                                    "left out."
                                )
                            gathered.add(parsed.batch)
                            if gathered.size >= CHUNK_BYTES:
                                yield gathered.take()
                if number % USERS_A_STATE == 0 or number == total:
                    state["after"] = digest.hex()
                    yield gathered.take()
                    context.progress.advance(self.name, share=number / total)


class _Gathered:
    """The batches of users with a few events each, made into one: what a batch costs is not for the size of it."""

    def __init__(self, stream_name: str) -> None:
        self._stream_name = stream_name
        self._batches: list[RecordBatch] = []
        self.size = 0

    def add(self, batch: RecordBatch) -> None:
        self._batches.append(batch)
        self.size += len(batch.lines)

    def take(self) -> RecordBatch:
        batches, self._batches, self.size = self._batches, [], 0
        count = sum(batch.count for batch in batches)
        return RecordBatch(self._stream_name, count, b"".join(batch.lines for batch in batches))


def _digest_in(state: Fields) -> bytes:
    try:
        return bytes.fromhex(state.get("after", ""))
    except (TypeError, ValueError):
        return b""
