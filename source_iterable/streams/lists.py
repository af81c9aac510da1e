"""Lists of users, and their members."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial

from source_iterable.api.ahead import as_done
from source_iterable.api.proof import must_hold_identifiers
from source_iterable.api.spooled import SpooledResponse
from source_iterable.config import Config
from source_iterable.reading.children import ChildStream, Key
from source_iterable.reading.context import StreamContext
from source_iterable.reading.plain_list import PlainList
from source_iterable.reading.slices import SliceReader, Unread
from source_iterable.reading.stream import Fields

LISTS = PlainList("lists", "lists", "lists", "id")
# Seconds. The response for a list of a million users takes more than an hour (seen).
READ_TIMEOUT = 2 * 3600.0
LIST_BYTES = 16 * 2**30
# Lists requested at a time: the limit is five a minute, and long ones must not hold up the others.
THREADS = 4


class ListUsers(ChildStream):
    """`GET lists/getUsers` for every list: one line per user."""

    name = "list_users"
    primary_key = ("listId", "userIdentifier")
    parent = LISTS
    parent_key = "id"
    noun = "list"
    resumable = True
    reads_members = True
    cost = "1 per list (5 a minute)"

    def slices(self, context: StreamContext, keys: list[Key]) -> Iterator[tuple[Key, Iterator[list[Fields]]]]:
        """The lists that could be read, and those that are skipped. Raises IterableError at the end for all others."""
        for list_id, users in users_of_lists(context, self.name, keys):
            if not isinstance(users, Unread):
                yield list_id, _records(context, list_id, users)

    def read_slice(self, context: StreamContext, key: Key) -> Iterator[list[Fields]]:
        for _, records in self.slices(context, [key]):
            yield from records


def users_of_lists(
    context: StreamContext, stream_name: str, keys: Iterable[Key]
) -> Iterator[tuple[Key, SpooledResponse | Unread | None]]:
    """The users of the lists with these ids, as they arrive; None for a list that is skipped. The caller closes the parts.

    Raises IterableError at the end if there were unread lists.
    """
    emails_only = context.config.project_type == "Email-based"
    proof = partial(must_hold_identifiers, sign=b"@") if emails_only else must_hold_identifiers
    slices = SliceReader(stream_name, context, READ_TIMEOUT, LIST_BYTES, proof)
    # Where a user has both identifiers, the userId is the one that never changes.
    prefer_user_id = {} if emails_only else {"preferUserId": "true"}

    def fetch(list_id: Key) -> SpooledResponse | Unread | None:
        share = partial(context.members.get, stream_name, list_id)
        return slices.get(f"list {list_id}", "lists/getUsers", {"listId": list_id, **prefer_user_id}, share)

    list_ids = list(keys)
    context.members.want(stream_name, list_ids)
    try:
        yield from as_done(fetch, list_ids, THREADS)
    finally:
        # Also when it gives up: the other stream would keep lists for it, and wait.
        context.members.done(stream_name)
    slices.finish()


def users_in(chunk: bytes) -> list[str]:
    """The users in a chunk of whole lines, which end with CR, LF or both."""
    lines = chunk.decode("utf-8-sig").replace("\r", "\n").split("\n")
    return [line for line in lines if line.strip()]


def identifiers_of(config: Config, user: str) -> tuple[str, ...]:
    """What the identifier of a user in a list may be, most probable first: `email`, `userId`.

    In hybrid projects, an identifier without an at sign is a userId, and one with it may be either.
    """
    if config.project_type == "Hybrid":
        return ("email", "userId") if "@" in user else ("userId",)
    return ("email",) if config.project_type == "Email-based" else ("userId",)


def _records(context: StreamContext, list_id: Key, part: SpooledResponse | None) -> Iterator[list[Fields]]:
    if part is not None:
        with closing(part):
            for chunk in part.chunks():
                yield [_record(context, list_id, user) for user in users_in(chunk)]


def _record(context: StreamContext, list_id: Key, user: str) -> Fields:
    possible, private = identifiers_of(context.config, user), context.private_fields
    shown = user
    if any(map(private.hashes, possible)) and not private.hashes("userIdentifier"):
        # So that it joins to whatever it is.
        shown = private.hash(user)
    record: Fields = {"listId": list_id, "userIdentifier": shown}
    # A column is filled only where it is known which one it is.
    return {**record, possible[0]: user} if len(possible) == 1 else record
