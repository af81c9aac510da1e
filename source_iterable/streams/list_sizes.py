"""How many users each list has, day by day."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import closing

from source_iterable.api.ahead import as_done
from source_iterable.api.spooled import SpooledResponse
from source_iterable.errors import BrokenResponse
from source_iterable.reading import days
from source_iterable.reading.children import Done, Key, keys_of
from source_iterable.reading.context import StreamContext
from source_iterable.reading.days import DATE
from source_iterable.reading.slices import SliceReader, Unread
from source_iterable.reading.stream import Checkpoint, Reading, State, Stream
from source_iterable.streams.lists import LISTS, THREADS

# Seconds. Counting a large list takes a while, too: Iterable says that it may time out (reference).
READ_TIMEOUT = 600.0
_SIZE = re.compile(rb'\s*"?(\d{1,15})"?\s*', re.ASCII)
_SIZE_BYTES = 1024


class ListSizes(Stream):
    """`GET lists/{id}/size`: one record per list and day.

    Its state is {"date": ...} of the last day, and which lists were read on it, as for child streams: a later sync of that
    day requests the others only.
    """

    name = "list_sizes"
    primary_key = ("listId", DATE)
    cursor_field = DATE
    exempt_key = True
    cost = "1 per list and day (5 a minute, shared with list_users and events)"

    def check_state(self, state: State) -> None:
        days.must_be_readable(self.name, state)

    def _read(self, context: StreamContext, state: State) -> Reading:
        now = days.day_at(context.client.now())
        day = now.isoformat()
        if days.is_ahead(state, now):
            self.warn_of_future(context, state[DATE])
            return
        done = Done(keys_of(LISTS, "id", context), state if days.day_of(state) == now else {})
        slices = SliceReader(self.name, context, READ_TIMEOUT, _SIZE_BYTES, _must_be_a_size)

        def fetch(list_id: Key) -> SpooledResponse | Unread | None:
            return slices.get(f"list {list_id}", f"lists/{list_id}/size", {})

        for number, (list_id, part) in enumerate(as_done(fetch, done.remaining, THREADS), 1):
            context.progress.advance(self.name, share=number / len(done.remaining))
            if isinstance(part, Unread):
                continue
            if part is not None:
                with closing(part):
                    size = _size_in(part.chunks())
                yield [{"listId": list_id, DATE: day, "size": size}]
            done.add(list_id)
            yield Checkpoint({DATE: day, **done.state})
        slices.finish()
        if not done.remaining:
            yield Checkpoint({DATE: day, **done.state})


def _must_be_a_size(chunks: Iterable[bytes]) -> None:
    _size_in(chunks)


def _size_in(chunks: Iterable[bytes]) -> int:
    match = _SIZE.fullmatch(b"".join(chunks))
    if match is None:
        raise BrokenResponse("The response is not a number of users.")
    return int(match[1])
