"""The events of single users: everything that Iterable holds of everybody who is in a list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from functools import lru_cache

import msgspec

from source_iterable.api.proof import must_hold_records
from source_iterable.api.spooled import SpooledResponse
from source_iterable.config import Config
from source_iterable.errors import BrokenResponse
from source_iterable.exports.choice import OTHER_SPELLINGS
from source_iterable.reading.catch_up import ANY_RESPONSE
from source_iterable.reading.distinct_users import DistinctUsers
from source_iterable.reading.export_stream import IDS, EventStream, must_have_ids
from source_iterable.reading.lists import Key
from source_iterable.reading.slices import SliceReader, chunks_of
from source_iterable.reading.stream import Checkpoint, Reading, State, Stream, StreamContext
from source_iterable.records.batch import RecordBatch, joined
from source_iterable.records.columns import Fields
from source_iterable.records.events import EventIds, EventRecords, mark_of_ids
from source_iterable.records.lines import Dumps, LineCount, RecordParser
from source_iterable.records.private_fields import Redact
from source_iterable.records.schemas import load_schema
from source_iterable.records.shape import TYPE
from source_iterable.streams.lists import LISTS, ListReader, identifiers_of, users_in

PATH = "export/userEvents"
READ_TIMEOUT = 600.0
USER_BYTES = 2 * 2**30
BATCH_BYTES = 512 * 2**10
# Users requested at a time: the limit is ten a second.
THREADS = 8
# Users between two checkpoints.
USERS_A_STATE = 100
# The columns that events of all types have, and how many types' parsers are kept.
_COMMON = load_schema("shared/event", required=("_event_id", "createdAt"))
_MOST_PARSERS = 150

# A user's digest and identifier.
User = tuple[bytes, str]


class _Progress(msgspec.Struct, omit_defaults=True):
    """How far the users were read: up to a digest, except `missing` users and those of `lists` that could not be read.

    Digests are hexadecimal.
    """

    after: str = ""
    missing: list[str] = []
    lists: list[Key] = []
    ids: str = ""

    @classmethod
    def from_state(cls, state: State) -> _Progress:
        """The progress of a state; none where something in it does not fit: all users are read again."""
        try:
            progress = msgspec.convert(state, cls)
            for digest in (progress.after, *progress.missing):
                bytes.fromhex(digest)
        except (msgspec.ValidationError, ValueError):
            return cls()
        return progress

    @property
    def state(self) -> State:
        """The state to resume from."""
        return {"after": self.after, **msgspec.to_builtins(self)}


class TypedEvents(RecordParser):
    """Records of events of any type, each as the stream of its type has it: with the same id and columns."""

    def __init__(
        self, stream_name: str, types: Mapping[str, EventStream], config: Config, redact: Redact | None = None
    ) -> None:
        super().__init__(stream_name, redact)
        self._config = config
        self._types = types
        self._parser = lru_cache(_MOST_PARSERS)(self._made)

    def json(self, record: Fields, dumps: Dumps) -> bytes:
        data_type = record.get(TYPE)
        return self._parser(data_type if type(data_type) is str else "").json(record, dumps)

    def _made(self, data_type: str) -> EventRecords:
        if data_type in self._types:
            return self._types[data_type].events(self._stream_name, self._config, self._redact)
        ids = EventIds(data_type, self._config.hash_salt)
        return EventRecords(self._stream_name, _COMMON, ids, self._redact)


class UserEvents(Stream):
    """`GET export/userEvents` for every user of any list, once a user.

    First all lists are read; then the users are read in the order of their digests, whatever the order in which Iterable
    returns them. So the state is one digest, {"after": ...}, and an interrupted sync resumes behind it. It also holds the
    users that could not be read, {"missing": [...]}, and the lists, {"lists": [...]}.

    Requests: 1 per list (5 a minute), then 1 per user (10 a second).
    """

    name = "events"
    primary_key = ("_event_id",)
    resumable = True
    of_people = True
    needs = ANY_RESPONSE

    def __init__(self, streams: Iterable[EventStream]) -> None:
        types = {stream.data_type: stream for stream in streams}
        # The event streams by the names of their types; some types have two.
        self.types = types | {other: types[name] for name, other in OTHER_SPELLINGS.items()}

    def _read(self, context: StreamContext, state: State) -> Reading:
        mark = mark_of_ids(context.config.hash_salt)
        must_have_ids(self.name, state, mark)
        # What was read by ids of another version, or without a mark, is read again.
        before = _Progress.from_state(state if state.get(IDS) == mark else {})
        lists = ListReader(self.name, context)
        with closing(DistinctUsers(context.config.hash_salt)) as users:
            for list_id, members in lists.users(sorted(LISTS.keys(context))):
                for chunk in chunks_of(members):
                    users.add(users_in(chunk), again=list_id in before.lists)
            users.mark(map(bytes.fromhex, before.missing))
            progress = _Progress(before.after, lists=list(lists.unread), ids=mark)
            yield from _with_larger_batches(self._read_users(context, users, progress))
        lists.finish()
        yield Checkpoint({})

    def _read_users(self, context: StreamContext, users: DistinctUsers, progress: _Progress) -> Reading:
        """Read the users that are marked or come after `progress`, and move it. Raises IterableError if some are unread."""

        def name(user: User) -> str:
            digest, identifier = user
            return f"user {_short(digest)}" if context.private_fields else f"user {identifier[0]}*** ({_short(digest)})"

        slices = SliceReader(self.name, context, READ_TIMEOUT, USER_BYTES, must_hold_records, name)

        def fetch(user: User) -> SpooledResponse:
            # Iterable returns nothing for an identifier of the wrong kind: nothing is believed before all are tried.
            first, *others = identifiers_of(context.config, user[1])
            response = slices.request(PATH, {first: user[1], "includeCustomEvents": "true"})
            for other in others:
                if not response.size:
                    response.close()
                    response = slices.request(PATH, {other: user[1], "includeCustomEvents": "true"})
            return response

        records = TypedEvents(self.name, self.types, context.config, self.redaction(context))
        start = bytes.fromhex(progress.after)
        total = users.count(start)
        for number, (user, response) in enumerate(slices.read(users.after(start), fetch, THREADS, ordered=True), 1):
            digest = user[0]
            lines = LineCount(f"{self.name}, user {_short(digest)}", context.logger)
            for chunk in chunks_of(response):
                parsed = records.parse(chunk)
                lines.add(parsed.lines, parsed.bad)
                yield parsed.batch
            try:
                lines.check()
            except BrokenResponse as error:
                slices.failed(user, error)
            if user in slices.unread:
                progress.missing.append(digest.hex())
            progress.after = max(start, digest).hex()
            if number % USERS_A_STATE == 0 or number == total:
                # Users before the start were missing. They come first, and no state forgets one before all are read.
                if digest > start or number == total:
                    yield Checkpoint(progress.state)
                context.progress.advance(self.name, share=number / total)
        slices.finish()


def _with_larger_batches(reading: Reading) -> Reading:
    """The same, with batches joined: a user has a few events, and a batch costs the same whatever its size."""
    batches: list[RecordBatch] = []
    for item in reading:
        if isinstance(item, RecordBatch):
            batches.append(item)
            if sum(len(each.lines) for each in batches) < BATCH_BYTES:
                continue
        if batches:
            yield joined(batches)
            batches = []
        if not isinstance(item, RecordBatch):
            yield item


def _short(digest: bytes) -> str:
    return digest.hex()[:12]
