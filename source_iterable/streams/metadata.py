"""Metadata tables, and their entries."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import quote

from source_iterable.api.ahead import in_order
from source_iterable.api.paging import items_of
from source_iterable.errors import IterableError, NotFound
from source_iterable.reading.children import ChildStream, Key
from source_iterable.reading.context import StreamContext
from source_iterable.reading.plain_list import PlainList
from source_iterable.reading.stream import Fields

METADATA = PlainList("metadata", "metadata", "results", "name")
# Entries requested at a time (the limit is ten a second), and entries per batch.
THREADS, ENTRIES = 4, 50


class MetadataEntries(ChildStream):
    """`GET metadata/{table}` lists a table's keys; each value is a separate request."""

    name = "metadata_entries"
    primary_key = ("table", "key")
    parent = METADATA
    parent_key = "name"
    noun = "metadata table"
    resumable = True
    cost = "1 per entry, plus the lists of the tables' keys (10 a second)"

    def read_slice(self, context: StreamContext, key: Key) -> Iterator[list[Fields]]:
        path = f"metadata/{quote(str(key), safe='')}"
        records: list[Fields] = []
        for _, entry in in_order(partial(self._entry, context, path), _listed(context, path), THREADS):
            records += entry
            if len(records) >= ENTRIES:
                yield records
                records = []
        yield records

    def _entry(self, context: StreamContext, path: str, listed: Fields) -> list[Fields]:
        """The one record for a listed entry, none if it no longer exists."""
        try:
            entry = context.client.get_json(f"{path}/{quote(listed['key'], safe='')}")
        except NotFound:
            context.logger.warning(f"{self.name}: entry {listed['key']} of {path} no longer exists; skipped.")
            return []
        return [{**listed, **entry}]


def _listed(context: StreamContext, path: str) -> Iterator[Fields]:
    """Yield the entries of a table, without their values."""
    marker: Any = None
    while True:
        response = context.client.get_json(path, {"nextMarker": marker} if marker else None)
        yield from items_of(path, response, "results")
        last, marker = marker, response.get("nextMarker")
        if not marker:
            return
        if marker == last:
            raise IterableError(f"The responses to GET {path} do not end: the marker {marker!r} leads to itself.")
