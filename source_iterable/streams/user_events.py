"""The events of individual users: everything that Iterable has on anyone who is in a list."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from source_iterable.api.ahead import in_order
from source_iterable.api.parts import CHUNK_BYTES, Part
from source_iterable.reading.children import keys_of
from source_iterable.reading.context import StreamContext
from source_iterable.reading.distinct_users import DistinctUsers
from source_iterable.reading.slices import SliceReader
from source_iterable.reading.stream import Checkpoint, Reading, State, Stream
from source_iterable.records.batch import RecordBatch, joined
from source_iterable.records.events import EventRecords
from source_iterable.streams.lists import LISTS, name_column, names_in, users_of_lists

PATH = "export/userEvents"
READ_TIMEOUT = 600.0
USER_BYTES = 2 * 2**30
# Users requested at a time: the limit is ten a second.
THREADS = 8
# Users between two checkpoints.
USERS_A_STATE = 100


class UserEvents(Stream):
    """`GET export/userEvents`, once for every user of any list.

    Reads all lists, then the users in digest order, which does not depend on the order in which Iterable returns them. So
    the state is one digest, {"after": ...}, and an interrupted sync resumes after it without requesting any user twice.
    """

    name = "events"
    primary_key = ("_event_id",)
    resumable = True
    cost = "1 per list (5 a minute), then 1 per user (10 a second)"

    def read(self, context: StreamContext, state: State) -> Reading:
        with closing(DistinctUsers()) as users:
            for _, part in users_of_lists(context, self.name, sorted(keys_of(LISTS, "id", context))):
                if part is not None:
                    with closing(part):
                        for chunk in part.chunks():
                            users.add(names_in(chunk))
            yield from self._read_users(context, users, _digest_in(state))
        yield Checkpoint({})

    def _read_users(self, context: StreamContext, users: DistinctUsers, after: bytes) -> Reading:
        records = EventRecords(self.name, self.schema(context.config))
        total = users.count(after)
        batches: list[RecordBatch] = []
        for number, (digest, part) in enumerate(self._parts(context, users, after), 1):
            if part is not None:
                # A user has a few events, and a batch costs the same whatever its size.
                for batch in self._batches(context, records, part):
                    batches.append(batch)
                    if sum(len(each.lines) for each in batches) >= CHUNK_BYTES:
                        yield joined(batches)
                        batches = []
            if number % USERS_A_STATE == 0 or number == total:
                if batches:
                    yield joined(batches)
                    batches = []
                yield Checkpoint({"after": digest.hex()})
                context.progress.advance(self.name, share=number / total)

    def _parts(self, context: StreamContext, users: DistinctUsers, after: bytes) -> Iterator[tuple[bytes, Part | None]]:
        slices = SliceReader(self.name, context, READ_TIMEOUT, USER_BYTES)

        def fetch(user: tuple[bytes, str]) -> Part | None:
            _, name = user
            parameters = {name_column(context.config, name): name, "includeCustomEvents": "true"}
            return slices.get(f"user {name}", PATH, parameters)

        with slices.counted():
            for (digest, _), part in in_order(fetch, users.names(after), THREADS):
                yield digest, part

    def _batches(self, context: StreamContext, records: EventRecords, part: Part) -> Iterator[RecordBatch]:
        with closing(part):
            for chunk in part.chunks():
                parsed = records.parse(chunk)
                if parsed.bad:
                    context.logger.warning(
                        f"{self.name}: {len(parsed.bad)} lines of a user's response are not JSON objects; skipped."
                    )
                yield parsed.batch


def _digest_in(state: State) -> bytes:
    try:
        return bytes.fromhex(state.get("after", ""))
    except (TypeError, ValueError):
        return b""
