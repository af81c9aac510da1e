"""The events of single users: everything that Iterable holds of everybody who is in a list."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from functools import lru_cache
from hashlib import blake2b, sha256
from typing import Annotated

import msgspec

from source_iterable.api.proof import must_hold_records
from source_iterable.api.spooled import SpooledResponse
from source_iterable.config import Config
from source_iterable.errors import BrokenResponse
from source_iterable.exports.choice import OTHER_SPELLINGS
from source_iterable.process.machine import local_errors
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
from source_iterable.streams.lists import LISTS, ListReader, identifiers_of, users_in

PATH = "export/userEvents"
READ_TIMEOUT = 600.0
USER_BYTES = 2 * 2**30
BATCH_BYTES = 512 * 2**10
# Users requested at a time: the limit is ten a second.
THREADS = 8
# Users between two checkpoints.
USERS_A_STATE = 100
# SQLite's page cache, in KiB.
_CACHE = 16 * 1024
# A user in the database.
_USER = "digest BLOB PRIMARY KEY, name TEXT NOT NULL, again INT NOT NULL"
_UPSERT = "ON CONFLICT (digest) DO UPDATE SET again = again OR excluded.again"
# Hexadecimal digits of a digest in messages.
_SHORT = 12
# The schema of events whose type has no stream: the columns that events of all types have. How many types' parsers are kept.
_OF_ANY_TYPE = "shared/event"
_MOST_PARSERS = 150

# A user's digest and identifier; a digest in a state.
User = tuple[bytes, str]
_Hex = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{2})*$")]


class DistinctUsers:
    """The users of all lists, each once, on disk: however many millions, in constant memory.

    They are read in the order of their digests, which is the same in every sync. A 16-byte digest stands in for a user where
    personal data must not be written: in the state and in the log. With a `salt`, only those who know it can compute it.
    The users of the digests `again` are read wherever these are in the order.
    """

    def __init__(self, salt: str = "", again: Iterable[bytes] = ()) -> None:
        self._key = sha256(salt.encode()).digest() if salt else b""
        self._again = set(again)
        # An empty name is a temporary database, in a file that SQLite removes. One thread at a time uses it.
        self._database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "temp_store = FILE", f"cache_size = -{_CACHE}"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute(f"CREATE TABLE users ({_USER}) WITHOUT ROWID")

    def add(self, users: Iterable[str], again: bool = False) -> None:
        """Add users; known ones change nothing. With `again`, they are read wherever their digests are in the order."""
        digests = ((blake2b(user.encode(), digest_size=16, key=self._key).digest(), user) for user in users)
        # In order: neighbors in the file are written together.
        rows = sorted((digest, user, again or digest in self._again) for digest, user in digests)
        with local_errors():
            self._database.execute("BEGIN")
            self._database.executemany(f"INSERT INTO users VALUES (?, ?, ?) {_UPSERT}", rows)
            self._database.execute("COMMIT")

    def count(self, after: bytes = b"") -> int:
        """How many follow a digest, or are read again."""
        query = "SELECT count(*) FROM users WHERE digest > ? OR again"
        with local_errors():
            (count,) = self._database.execute(query, (after,)).fetchone()
        return int(count)

    def after(self, after: bytes = b"") -> Iterator[User]:
        """Digest and name of each that follows a digest, or is read again, in order."""
        query = "SELECT digest, name FROM users WHERE digest > ? OR again ORDER BY digest"
        with local_errors():
            yield from self._database.execute(query, (after,))

    def close(self) -> None:
        """Remove the file."""
        self._database.close()


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
        with closing(DistinctUsers(context.config.hash_salt, map(bytes.fromhex, before.missing))) as users:
            for list_id, members in lists.users(sorted(LISTS.keys(context))):
                for chunk in chunks_of(members):
                    users.add(users_in(chunk), again=list_id in before.lists)
            progress = _Progress(before.after, lists=list(lists.unread), ids=mark)
            yield from self._read_users(context, users, progress)
        lists.finish()
        yield Checkpoint({})

    def _read_users(self, context: StreamContext, users: DistinctUsers, progress: _Progress) -> Reading:
        """Read the users after `progress`, and those to read again, and move it. Raises TransientError if any is unread."""

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

        slices = SliceReader(self.name, context, READ_TIMEOUT, USER_BYTES, must_hold_records, name)
        records = TypedEvents(self.types, context.config)
        start = bytes.fromhex(progress.after)
        total = users.count(start)
        # A user has a few events, and a batch costs the same whatever its size: those of several users are joined.
        batches: list[RecordBatch] = []
        for number, (user, response) in enumerate(slices.read(users.after(start), fetch, THREADS, ordered=True), 1):
            digest = user[0]
            lines = LineCount(f"{self.name}, user {digest.hex()[:_SHORT]}", context.logger)
            for chunk in chunks_of(response):
                parsed = records.parse(chunk)
                lines.add(parsed.lines, parsed.bad)
                batches.append(parsed.batch)
                if sum(len(batch.lines) for batch in batches) >= BATCH_BYTES:
                    yield joined(batches)
                    batches.clear()
            try:
                lines.check()
            except BrokenResponse as error:
                slices.failed(user, error)
            if number % USERS_A_STATE == 0 or number == total:
                # Users before the start were missing. They come first, and no state forgets one before all are read.
                if digest > start or number == total:
                    if batches:
                        yield joined(batches)
                        batches.clear()
                    progress.after = max(start, digest).hex()
                    progress.missing = [unread.hex() for unread, _ in slices.unread]
                    yield Checkpoint(msgspec.to_builtins(progress))
                context.progress.advance(self.name, share=number / total)
        slices.finish()
