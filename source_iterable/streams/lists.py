"""Lists of users, and their members."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing

from source_iterable.api.ahead import as_done
from source_iterable.api.parts import Part
from source_iterable.config import Config
from source_iterable.reading.children import ChildStream, Key
from source_iterable.reading.context import StreamContext
from source_iterable.reading.plain_list import PlainList
from source_iterable.reading.slices import SliceReader
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
    cost = "1 per list (5 a minute)"

    def slices(self, context: StreamContext, keys: list[Key]) -> Iterator[tuple[Key, Iterator[list[Fields]]]]:
        for list_id, part in users_of_lists(context, self.name, keys):
            yield list_id, _records(context.config, list_id, part)

    def read_slice(self, context: StreamContext, key: Key) -> Iterator[list[Fields]]:
        for _, records in self.slices(context, [key]):
            yield from records


def users_of_lists(context: StreamContext, stream_name: str, keys: Iterable[Key]) -> Iterator[tuple[Key, Part | None]]:
    """Yield the users of the lists with these ids, whole, as they arrive; None for a skipped list.

    The caller closes the parts.
    """
    slices = SliceReader(stream_name, context, READ_TIMEOUT, LIST_BYTES, json_lines=False)
    # If a user has both names, the userId is the one that never changes.
    prefer_user_id = {} if context.config.project_type == "Email-based" else {"preferUserId": "true"}

    def fetch(list_id: Key) -> Part | None:
        return slices.get(f"list {list_id}", "lists/getUsers", {"listId": list_id, **prefer_user_id})

    with slices.counted():
        yield from as_done(fetch, keys, THREADS)


def names_in(chunk: bytes) -> list[str]:
    """The users' names in a chunk of whole lines."""
    lines = chunk.decode("utf-8", errors="replace").split("\n")
    return [name for line in lines if (name := line.strip("\r"))]


def name_column(config: Config, name: str) -> str:
    """Whether a user's name in a list is an `email` or a `userId`: in hybrid projects the at sign decides."""
    if config.project_type == "Hybrid":
        return "email" if "@" in name else "userId"
    return "email" if config.project_type == "Email-based" else "userId"


def _records(config: Config, list_id: Key, part: Part | None) -> Iterator[list[Fields]]:
    if part is not None:
        with closing(part):
            for chunk in part.chunks():
                yield [
                    {"listId": list_id, "userIdentifier": name, name_column(config, name): name}
                    for name in names_in(chunk)
                ]
