"""The events of single users: everything that Iterable holds of everybody who is in a list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field

from source_iterable.api.ahead import in_order
from source_iterable.api.proof import must_hold_records
from source_iterable.api.spooled import SpooledResponse
from source_iterable.config import Config
from source_iterable.errors import BrokenResponse, IterableError
from source_iterable.reading.children import Key, keys_of
from source_iterable.reading.context import StreamContext
from source_iterable.reading.distinct_users import DistinctUsers
from source_iterable.reading.export_stream import IDS, EventStream, must_have_ids
from source_iterable.reading.slices import SliceReader, Unread
from source_iterable.reading.stream import Checkpoint, Reading, State, Stream
from source_iterable.records.batch import RecordBatch, joined
from source_iterable.records.columns import Fields
from source_iterable.records.event_ids import EventIds, mark_of_ids
from source_iterable.records.events import EventRecords
from source_iterable.records.lines import Dumps, LineCount, RecordParser
from source_iterable.records.private_fields import Redact
from source_iterable.records.schemas import load_schema
from source_iterable.records.shape import TYPE
from source_iterable.streams.lists import LISTS, identifiers_of, users_in, users_of_lists

PATH = "export/userEvents"
READ_TIMEOUT = 600.0
USER_BYTES = 2 * 2**30
BATCH_BYTES = 512 * 2**10
# Users requested at a time: the limit is ten a second.
THREADS = 8
# Users between two checkpoints.
USERS_A_STATE = 100
# The columns that events of all types have, and types of a project that are kept in mind.
_COMMON = load_schema("shared/event", required=("_event_id", "createdAt"))
_MOST_PARSERS = 100


@dataclass
class _Progress:
    """How far the users were read: to a digest, but for `missing` users and those of the `lists` that were not read."""

    after: bytes = b""
    missing: list[bytes] = field(default_factory=list)
    lists: list[Key] = field(default_factory=list)
    ids: str = ""

    @classmethod
    def from_state(cls, state: State) -> _Progress:
        """That of a state. What does not fit is ignored: the users are read again."""
        missing, lists = state.get("missing"), state.get("lists")
        return cls(
            _digest(state.get("after")),
            [_digest(each) for each in missing] if isinstance(missing, list) else [],
            [each for each in lists if isinstance(each, (int, str))] if isinstance(lists, list) else [],
        )

    @property
    def state(self) -> State:
        missing = {"missing": [digest.hex() for digest in self.missing]} if self.missing else {}
        lists = {"lists": list(self.lists)} if self.lists else {}
        return {"after": self.after.hex(), **missing, **lists, IDS: self.ids}


class TypedEvents(RecordParser):
    """Records of events of any type, each as the stream of its type has it: with the same id and columns."""

    def __init__(
        self, stream_name: str, types: Mapping[str, EventStream], config: Config, redact: Redact | None = None
    ) -> None:
        super().__init__(stream_name, redact)
        self._config = config
        self._types = types
        self._parsers: dict[str, EventRecords] = {}

    def json(self, record: Fields, dumps: Dumps) -> bytes:
        data_type = record.get(TYPE)
        return self._parser(data_type if type(data_type) is str else "").json(record, dumps)

    def _parser(self, data_type: str) -> EventRecords:
        parser = self._parsers.get(data_type)
        if parser is None:
            parser = self._made(data_type)
            if data_type in self._types or len(self._parsers) < _MOST_PARSERS:
                self._parsers[data_type] = parser
        return parser

    def _made(self, data_type: str) -> EventRecords:
        if data_type in self._types:
            return self._types[data_type].events(self._stream_name, self._config, self._redact)
        ids = EventIds(data_type, self._config.hash_salt)
        return EventRecords(self._stream_name, _COMMON, ids, self._redact)


class UserEvents(Stream):
    """`GET export/userEvents` for every user of any list, once a user.

    First all lists are read; then the users are read in the order of their digests, which is the same whatever the order
    in which Iterable returns them. So the state is one digest, {"after": ...}, and a sync that was cut off resumes behind
    it. Users that could not be read are {"missing": [...]} besides, and lists that could not, {"lists": [...]}.
    """

    name = "events"
    primary_key = ("_event_id",)
    resumable = True
    of_people = True
    reads_members = True
    cost = "1 per list (5 a minute), then 1 per user (10 a second)"

    def __init__(self, types: Mapping[str, EventStream]) -> None:
        self.types = types

    def _read(self, context: StreamContext, state: State) -> Reading:
        mark = mark_of_ids(context.config.hash_salt)
        must_have_ids(self.name, state, mark)
        # What was read by ids of another version, or without a mark, is read again.
        before = _Progress.from_state(state if state.get(IDS) == mark else {})
        progress = _Progress(before.after, ids=mark)
        failure: IterableError | None = None
        with closing(DistinctUsers(context.config.hash_salt)) as users:
            try:
                for list_id, part in users_of_lists(context, self.name, sorted(keys_of(LISTS, "id", context))):
                    if isinstance(part, Unread):
                        progress.lists.append(list_id)
                    elif part is not None:
                        with closing(part):
                            for chunk in part.chunks():
                                users.add(users_in(chunk), again=list_id in before.lists)
            except IterableError as error:
                if not progress.lists:
                    raise
                failure = error  # the other lists' users are read first
            users.mark(before.missing)
            yield from self._read_users(context, users, progress)
        if failure is not None:
            raise failure
        yield Checkpoint({})

    def _read_users(self, context: StreamContext, users: DistinctUsers, progress: _Progress) -> Reading:
        """Read the users that are marked or come after `progress`, and move it. Raises IterableError if some are unread."""
        slices = SliceReader(self.name, context, READ_TIMEOUT, USER_BYTES, must_hold_records)
        records = TypedEvents(self.name, self.types, context.config, self.redaction(context))
        start = progress.after
        total = users.count(start)
        batches: list[RecordBatch] = []
        for number, (digest, part) in enumerate(self._parts(context, slices, users, start), 1):
            progress.after = max(start, digest)
            if isinstance(part, Unread):
                progress.missing.append(digest)
            elif part is not None:
                try:
                    # A user has a few events, and a batch costs the same whatever its size.
                    for batch in self._batches(context, records, digest, part):
                        batches.append(batch)
                        if sum(len(each.lines) for each in batches) >= BATCH_BYTES:
                            yield joined(batches)
                            batches = []
                except BrokenResponse as error:
                    slices.failed(f"user {_shown(digest)}", error)
                    progress.missing.append(digest)
            if number % USERS_A_STATE == 0 or number == total:
                if batches:
                    yield joined(batches)
                    batches = []
                # Users before the start are those that were missing: all of them come first, and only then is any done.
                if digest > start or number == total:
                    yield Checkpoint(progress.state)
                context.progress.advance(self.name, share=number / total)
        slices.finish()

    def _parts(
        self, context: StreamContext, slices: SliceReader, users: DistinctUsers, after: bytes
    ) -> Iterator[tuple[bytes, SpooledResponse | Unread | None]]:
        def fetch(item: tuple[bytes, str]) -> SpooledResponse | Unread | None:
            digest, user = item
            first, last = ("", "") if context.private_fields else (f"{user[:1]}*** (", ")")
            part: SpooledResponse | Unread | None = None
            # Iterable returns nothing for an identifier of the wrong kind: nothing is believed before all are tried.
            for identifier in identifiers_of(context.config, user):
                if isinstance(part, SpooledResponse):
                    part.close()
                parameters = {identifier: user, "includeCustomEvents": "true"}
                part = slices.get(f"user {first}{_shown(digest)}{last}", PATH, parameters)
                if not isinstance(part, SpooledResponse) or part.size:
                    break
            return part

        for (digest, _), part in in_order(fetch, users.after(after), THREADS):
            yield digest, part

    def _batches(
        self, context: StreamContext, records: RecordParser, digest: bytes, part: SpooledResponse
    ) -> Iterator[RecordBatch]:
        lines = LineCount(f"{self.name}, user {_shown(digest)}", context.logger)
        with closing(part):
            for chunk in part.chunks():
                parsed = records.parse(chunk)
                lines.add(parsed.lines, parsed.bad)
                yield parsed.batch
        lines.check()


def _shown(digest: bytes) -> str:
    return digest.hex()[:12]


def _digest(text: object) -> bytes:
    try:
        return bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        return b""
