"""The events of single users: everything that Iterable holds of everybody who is in a list."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from functools import lru_cache
from typing import Annotated

import msgspec

from source_iterable.api.ahead import run_ahead
from source_iterable.api.proof import must_hold_records
from source_iterable.api.spooled import SpooledResponse
from source_iterable.config import Config
from source_iterable.errors import BrokenResponse, IterableError
from source_iterable.exports.choice import OTHER_SPELLINGS
from source_iterable.reading.catch_up import ANY_RESPONSE
from source_iterable.reading.export_stream import IDS, EventStream, must_have_ids
from source_iterable.reading.lists import Key
from source_iterable.reading.slices import SliceReader, chunks_of
from source_iterable.reading.stream import Checkpoint, Reading, State, Stream, StreamContext
from source_iterable.records.batch import RecordBatch, joined
from source_iterable.records.columns import Fields
from source_iterable.records.events import EventRecords, mark_of_ids
from source_iterable.records.lines import Dumps, LineCount, RecordParser
from source_iterable.records.shape import TYPE
from source_iterable.streams.distinct_users import DistinctUsers, User
from source_iterable.streams.lists import LISTS, LISTS_AT_ONCE, ListReader, identifiers_of, users_in

PATH = "export/userEvents"
READ_TIMEOUT = 600.0
USER_BYTES = 2 * 2**30
BATCH_BYTES = 512 * 2**10
# Users requested at a time: ten a second even if each takes two seconds.
USERS_AT_ONCE = 20
# Users between two checkpoints.
USERS_A_STATE = 100
# Hexadecimal digits of a digest in messages.
_SHORT = 12
# The schema of events whose type has no stream: the columns that events of all types have. How many types' parsers are kept.
_OF_ANY_TYPE = "shared/event"
_MOST_PARSERS = 150

# A digest in a state.
_Hex = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{2})*$")]


class _Progress(msgspec.Struct, omit_defaults=True):
    """How far the users were read: up to a digest, except `missing` users and those of `lists` that could not be read.

    The state to resume from has the same form.
    """

    after: _Hex
    missing: list[_Hex] = []
    lists: list[Key] = []
    ids: str = ""

    @classmethod
    def from_state(cls, state: State) -> _Progress:
        """The progress of a state; none where something is missing or does not fit: all users are read again."""
        try:
            return msgspec.convert(state, cls)
        except msgspec.ValidationError:
            return cls("")


class TypedEvents(RecordParser):
    """Records of events of any type, each as the stream of its type has it: with the same id and columns."""

    def __init__(self, types: Mapping[str, EventStream], config: Config) -> None:
        super().__init__(UserEvents.name)
        self._config = config
        self._types = types
        self._parser = lru_cache(_MOST_PARSERS)(self._made)

    def json(self, record: Fields, dumps: Dumps) -> bytes:
        data_type = record.get(TYPE)
        return self._parser(data_type if type(data_type) is str else "").json(record, dumps)

    def _made(self, data_type: str) -> EventRecords:
        stream = self._types.get(data_type) or EventStream(_OF_ANY_TYPE, data_type)
        return stream.events(self._stream_name, self._config)


class _Requests(Iterator[Key | User]):
    """What to request next: a list, unless enough are under way or all were, or else a user of those that have arrived.

    It ends for now where there is neither; with the next list there may be more.
    """

    def __init__(self, list_ids: Iterable[Key], users: DistinctUsers) -> None:
        self._lists = deque(list_ids)
        self._users = users
        self._lists_under_way = 0
        # Their digests.
        self.users_under_way: set[bytes] = set()

    def __next__(self) -> Key | User:
        if self._lists and self._lists_under_way < LISTS_AT_ONCE:
            self._lists_under_way += 1
            return self._lists.popleft()
        user = self._users.take() if len(self.users_under_way) < USERS_AT_ONCE else None
        if user is None:
            raise StopIteration
        self.users_under_way.add(user[0])
        return user

    def list_arrived(self) -> None:
        """A list is no longer under way: its users were added, or never will be."""
        self._lists_under_way -= 1

    @property
    def has_all_lists(self) -> bool:
        """Whether all users are known."""
        return not self._lists and not self._lists_under_way


class UserEvents(Stream):
    """`GET export/userEvents` for every user of any list, once a user.

    Users are read as soon as they are known from a list, while others are still to come: always the one with the smallest
    digest. Once all lists have been read, everybody up to a digest has been, whatever the order in which Iterable returns
    lists and users. So the state is one digest, {"after": ...}, and an interrupted sync resumes behind it. It also holds
    the users that could not be read, {"missing": [...]}, and the lists, {"lists": [...]}; there are at most MOST_UNREAD of
    each (reading/slices.py). There is none before: whoever moves from a list to another meanwhile must not be lost. A sync
    that is interrupted then starts over, lists first.

    Requests: 1 per list (5 a minute), and 1 per user (10 a second).
    """

    name = "events"
    primary_key = ("_event_id",)
    resumable = True
    of_people = True
    needs = ANY_RESPONSE
    lists = LISTS.lists

    def __init__(self, streams: Iterable[EventStream]) -> None:
        types = {stream.data_type: stream for stream in streams}
        # The event streams by the names of their types; some types have two.
        self.types = types | {other: types[name] for name, other in OTHER_SPELLINGS.items()}

    def _read(self, context: StreamContext, state: State) -> Reading:
        mark = mark_of_ids(context.config.hash_salt)
        must_have_ids(self.name, state, mark)
        # What was read by ids of another version, or without a mark, is read again.
        before = _Progress.from_state(state if state.get(IDS) == mark else {})
        after, again = bytes.fromhex(before.after), map(bytes.fromhex, before.missing)
        with closing(DistinctUsers(context.config.hash_salt, after, again)) as users:
            yield from self._read_users(context, users, before.lists, mark)
        yield Checkpoint({})

    def _read_users(self, context: StreamContext, users: DistinctUsers, again: list[Key], mark: str) -> Reading:
        """Read all lists into `users`, and the users. All of the lists `again` are read.

        Raises TransientError if any list or user is unread.
        """

        def name(user: User) -> str:
            short, start = user[0].hex()[:_SHORT], user[1][0]
            return f"user {short}" if context.private_fields else f"user {start}*** ({short})"

        def fetch(user: User) -> SpooledResponse:
            # For an identifier of the wrong kind the response is empty, too: only if all are, the user has no events.
            first, *others = identifiers_of(context.config, user[1])
            response = slices.request(PATH, {first: user[1], "includeCustomEvents": "true"})
            for other in others:
                if not response.size:
                    response.close()
                    response = slices.request(PATH, {other: user[1], "includeCustomEvents": "true"})
            return response

        def attempt(what: Key | User) -> SpooledResponse | IterableError:
            return slices.attempt(fetch, what) if isinstance(what, tuple) else lists.attempt(lists.get, what)

        def save() -> Reading:
            after = users.read_up_to(requests.users_under_way)
            if after is not None:
                if batches:
                    yield joined(batches)
                    batches.clear()
                missing = [digest.hex() for digest, _ in slices.unread]
                yield Checkpoint(msgspec.to_builtins(_Progress(after.hex(), missing, list(lists.unread), mark)))
            left = users.waiting + len(requests.users_under_way)
            context.progress.advance(self.name, share=number / (number + left))

        lists = ListReader(self.name, context)
        slices = SliceReader(self.name, context, READ_TIMEOUT, USER_BYTES, must_hold_records, name)
        records = TypedEvents(self.types, context.config)
        list_ids = context.barrier.in_order(sorted(LISTS.keys(context)))
        requests = _Requests(list_ids, users)
        # A user has a few events, and a batch costs the same whatever its size: those of several users are joined.
        batches: list[RecordBatch] = []
        number = saved = 0
        with lists.sharing(list_ids):
            for what, outcome in run_ahead(attempt, requests, LISTS_AT_ONCE + USERS_AT_ONCE, ordered=False):
                if not isinstance(what, tuple):
                    for chunk in chunks_of(lists.result(what, outcome)):
                        users.add(users_in(chunk), again=what in again)
                    requests.list_arrived()
                    continue
                lines = LineCount(f"{self.name}, user {what[0].hex()[:_SHORT]}", context.logger)
                for chunk in chunks_of(slices.result(what, outcome)):
                    parsed = records.parse(chunk)
                    lines.add(parsed.lines, parsed.bad)
                    batches.append(parsed.batch)
                    if sum(len(batch.lines) for batch in batches) >= BATCH_BYTES:
                        yield joined(batches)
                        batches.clear()
                try:
                    lines.check()
                except BrokenResponse as error:
                    slices.failed(what, error)
                requests.users_under_way.discard(what[0])
                number += 1
                if requests.has_all_lists and number - saved >= USERS_A_STATE:
                    yield from save()
                    saved = number
        if number > saved:
            yield from save()
        slices.finish()
        lists.finish()
