"""Lists of users, how many users each has, and which."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from operator import itemgetter

from source_iterable.api.proof import must_hold_identifiers
from source_iterable.api.request import Parameters
from source_iterable.api.spooled import SpooledResponse
from source_iterable.config import Config
from source_iterable.errors import BrokenResponse
from source_iterable.reading.catch_up import ANY_RESPONSE, COUNTS
from source_iterable.reading.days import DATE, DailyStream, day_of
from source_iterable.reading.done import Done, Key
from source_iterable.reading.fingerprints import state_as
from source_iterable.reading.lists import PlainList
from source_iterable.reading.slices import SliceReader, chunks_of
from source_iterable.reading.stream import Checkpoint, Fields, Reading, State, Stream, StreamContext

# What projects identify users by, by the option project_type.
IDENTIFIERS = {"Email-based": ("email",), "UserID-based": ("userId",), "Hybrid": ("email", "userId")}
LISTS = PlainList("lists", "lists", "lists", "id")
# A list in messages.
_name: Callable[[Key], str] = "list {}".format
# Lists requested at a time: the limit is five a minute, and long ones must not hold up the others.
LISTS_AT_ONCE = 4
# Seconds. The response for a list of a million users takes more than an hour (seen). Counting a large list takes a while,
# too: Iterable says that it may time out (reference).
USERS_TIMEOUT, SIZE_TIMEOUT = 2 * 3600.0, 600.0
LIST_BYTES, SIZE_BYTES = 16 * 2**30, 1024
# Users of a list that takes long: a million take an hour (seen). The state names so many of the largest ones.
LARGE, MOST_LARGE = 100_000, 10
_SIZE = re.compile(rb'\s*"?(\d{1,15})"?\s*', re.ASCII)


class ListUsers(Stream):
    """`GET lists/getUsers` for every list: one line per user. Its state holds the finished lists, as for child streams.

    Requests: 1 per list (5 a minute).
    """

    name = "list_users"
    primary_key = ("listId", "userIdentifier")
    resumable = True
    needs = ANY_RESPONSE
    lists = LISTS.lists

    def _read(self, context: StreamContext, state: State) -> Reading:
        done = Done(LISTS.keys(context), state)
        lists = ListReader(self.name, context)
        for list_id, users in lists.users(done.remaining):
            if list_id in lists.unread:
                continue
            for chunk in chunks_of(users):
                yield [self._record(context, list_id, user) for user in users_in(chunk)]
            done.add(list_id)
            yield Checkpoint(done.state)
        lists.finish()
        yield Checkpoint({})

    def _record(self, context: StreamContext, list_id: Key, user: str) -> Fields:
        possible, private = identifiers_of(context.config, user), context.private_fields
        is_hashed = any(private.hashes(name, self.layout) for name in possible)
        # Hashed as the identifier that it is, so that it joins; unless it is hashed by its own name anyway.
        is_hashed = is_hashed and not private.hashes("userIdentifier", self.layout)
        record: Fields = {"listId": list_id, "userIdentifier": private.hash(user) if is_hashed else user}
        # A column is filled only where it is known which one it is.
        return {**record, possible[0]: user} if len(possible) == 1 else record


class ListReader(SliceReader[Key]):
    """Reads the users of lists for one stream; others that need the same lists share the responses."""

    def __init__(self, stream_name: str, context: StreamContext) -> None:
        emails_only = context.config.project_type == "Email-based"
        # Where a user has both identifiers, the userId is the one that never changes.
        self._query: Parameters = {} if emails_only else {"preferUserId": "true"}
        proof = partial(must_hold_identifiers, sign=b"@") if emails_only else must_hold_identifiers
        super().__init__(stream_name, context, USERS_TIMEOUT, LIST_BYTES, proof, _name)

    def users(self, list_ids: list[Key]) -> Iterator[tuple[Key, SpooledResponse | None]]:
        """Yield the lists as they arrive, as `read` does: their users, one a line."""
        with self.sharing(list_ids):
            yield from self.read(self.context.barrier.in_order(list_ids), self.get, LISTS_AT_ONCE)

    @contextmanager
    def sharing(self, list_ids: list[Key]) -> Iterator[None]:
        """While the block runs, which `get`s these lists, other streams get them by the same requests."""
        self.context.barrier.need(self.stream_name, list_ids)
        try:
            yield
        finally:
            # Also when it gives up: the other stream would keep lists for it, and wait.
            self.context.barrier.done(self.stream_name)

    def get(self, list_id: Key) -> SpooledResponse:
        """The users of a list, one a line. Raises IterableError."""
        return self.context.barrier.get(self.stream_name, list_id, partial(self._counted, list_id))

    def _counted(self, list_id: Key) -> SpooledResponse:
        response = self.request("lists/getUsers", {"listId": list_id, **self._query})
        if self.context.barrier.is_counting:
            self.context.barrier.note(list_id, sum(len(users_in(chunk)) for chunk in response.chunks()))
        return response


def users_in(chunk: bytes) -> list[str]:
    """The users in a chunk of whole lines, which end with CR, LF or both."""
    lines = chunk.decode("utf-8-sig").replace("\r", "\n").split("\n")
    return [line for line in lines if line.strip()]


def identifiers_of(config: Config, user: str) -> tuple[str, ...]:
    """What the identifier of a user in a list may be, most probable first: `email`, `userId`.

    In hybrid projects, an identifier without an at sign is a userId, and one with it may be either.
    """
    return ("userId",) if config.project_type == "Hybrid" and "@" not in user else IDENTIFIERS[config.project_type]


class ListSizes(DailyStream):
    """The number of users in each list: one record per list and day.

    Of a list that list_users or events reads in the same sync, the users are counted then: it is the number of its records
    in list_users. For any other, and for one that they could not read, `GET lists/{id}/size` says it.

    Its state is {"date": ...} of the last day, and which lists were counted on it, as for child streams: a later sync of
    that day counts only the others. With {"large": [[size, list]]} list_users and events begin with the largest lists.

    Requests: 1 per list and day (5 a minute, shared with list_users and events); none for lists that these read.
    """

    name = "list_sizes"
    primary_key = ("listId", DATE)
    needs = COUNTS
    lists = LISTS.lists

    def announce(self, context: StreamContext, state: State) -> None:
        context.barrier.first = [list_id for _, list_id in _large_in(state)]

    def _read_days(self, context: StreamContext, state: State, today: date) -> Reading:
        day, list_ids = today.isoformat(), LISTS.keys(context)
        large = [each for each in _large_in(state) if each[1] in list_ids]
        done = Done(list_ids, state if day_of(state) == today else {})
        sizes = SliceReader(self.name, context, SIZE_TIMEOUT, SIZE_BYTES, _size_in, _name)
        for number, (list_id, size) in enumerate(self._sizes(context, sizes, done.remaining), 1):
            context.progress.advance(self.name, share=number / len(done.remaining))
            if list_id in sizes.unread:
                continue
            if size is not None:
                yield [{"listId": list_id, DATE: day, "size": size}]
                others = [each for each in large if each[1] != list_id]
                added = [*others, (size, list_id)] if size >= LARGE else others
                large = sorted(added, key=itemgetter(0), reverse=True)[:MOST_LARGE]
            done.add(list_id)
            yield Checkpoint({DATE: day, **done.state, **_large_state(large)})
        sizes.finish()
        if not done.remaining:
            yield Checkpoint({DATE: day, **done.state, **_large_state(large)})

    @staticmethod
    def _sizes(
        context: StreamContext, sizes: SliceReader[Key], list_ids: list[Key]
    ) -> Iterator[tuple[Key, int | None]]:
        """Yield all lists with their sizes; None for one that was skipped or is unread."""
        while list_ids:
            counts = context.barrier.counts(list_ids)
            list_ids = [list_id for list_id in list_ids if list_id not in counts]
            yield from ((list_id, size) for list_id, size in counts.items() if size is not None)
            uncounted = [list_id for list_id, size in counts.items() if size is None]
            for list_id, response in sizes.read(
                uncounted, lambda key: sizes.request(f"lists/{key}/size", {}), LISTS_AT_ONCE
            ):
                yield list_id, None if response is None else _size_in(chunks_of(response))


def _large_in(state: State) -> list[tuple[int, Key]]:
    """The sizes and ids of the largest lists that a state knows."""
    return state_as(list[tuple[int, Key]], state.get("large")) or []


def _large_state(large: list[tuple[int, Key]]) -> State:
    return {"large": [[*each] for each in large]} if large else {}


def _size_in(chunks: Iterable[bytes]) -> int:
    """The size in a response. Raises BrokenResponse."""
    match = _SIZE.fullmatch(b"".join(chunks))
    if match is None:
        raise BrokenResponse("The response is not a number of users.")
    return int(match[1])
