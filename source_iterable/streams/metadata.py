"""The entries of metadata tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any
from urllib.parse import quote

from source_iterable.ahead import in_order
from source_iterable.errors import IterableError, NotFound
from source_iterable.streams.children import ChildStream, Key
from source_iterable.streams.context import StreamContext
from source_iterable.streams.listing import Fields
from source_iterable.streams.lists import PlainList
from source_iterable.streams.paging import items_of

METADATA = PlainList("metadata", "metadata", "results", "name")
# Entries asked for at a time (ten a second may be), and handed over at a time.
THREADS, ENTRIES = 4, 50


class MetadataEntries(ChildStream):
    """`GET metadata/{table}` lists a table's keys; the value of each is a request of its own."""

    name = "metadata_entries"
    primary_key = ("table", "key")
    cost = "1 per entry, plus the lists of the tables' keys (10 a second)"
    noun = "metadata table"
    resumable = True

    def keys(self, context: StreamContext) -> Iterable[Key]:
        shared = context.shared.pages(METADATA.path, METADATA.selector, {}, None)
        return [item["name"] for items in shared for item in items]

    def read_slice(self, context: StreamContext, key: Key) -> Iterator[list[Fields]]:
        path = f"metadata/{quote(str(key), safe='')}"
        records = []
        for _, entry in in_order(partial(self._entry, context, path), _listed(context, path), THREADS):
            records += entry
            if len(records) >= ENTRIES:
                yield records
                records = []
        yield records

    def _entry(self, context: StreamContext, path: str, listed: Fields) -> list[Fields]:
        """The one record for a listed entry, none when it does not exist any more."""
        try:
            entry = context.client.get_json(f"{path}/{quote(listed['key'], safe='')}")
        except NotFound:
            context.logger.warning(f"{self.name}: entry {listed['key']} of {path} does not exist any more; skipped.")
            return []
        return [{**listed, **entry}]


def _listed(context: StreamContext, path: str) -> Iterator[Fields]:
    """The entries of a table, without their values."""
    marker: Any = None
    while True:
        answer = context.client.get_json(path, {"nextMarker": marker} if marker else None)
        yield from items_of(path, answer, "results")
        last, marker = marker, answer.get("nextMarker")
        if not marker:
            return
        if marker == last:
            raise IterableError(f"Iterable's answers to GET {path} do not end: the marker {marker!r} leads to itself.")
