"""Metadata tables, and their entries."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import quote

from source_iterable.api.ahead import in_order
from source_iterable.api.paging import Pages, by_marker
from source_iterable.api.request import Request, ShapeError, an_object
from source_iterable.errors import NotFound
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
        pages = Pages(path, by_marker(context.client, path, "results", "key"))
        listed = (item for page in pages for item in page.items)
        for _, entry in in_order(partial(self._entry, context, path), listed, THREADS):
            records += entry
            if len(records) >= ENTRIES:
                yield records
                records = []
        yield records

    def _entry(self, context: StreamContext, path: str, listed: Fields) -> list[Fields]:
        """The record of a listed entry, in a list; empty if the entry no longer exists."""
        # Keys may be those of people.
        name, shown = (listed["key"], None) if not context.private_fields else ("***", f"{path}/***")
        try:
            request = Request(f"{path}/{quote(str(listed['key']), safe='')}", redacted_path=shown)
            entry = context.client.json(request, partial(_entry_of, listed["key"]))
        except NotFound:
            context.logger.warning(f"{self.name}: entry {name} of {path} no longer exists; skipped.")
            return []
        return [{**listed, **entry}]


def _entry_of(key: Any, response: Any) -> Fields:
    entry = an_object(response)
    if "value" not in entry or entry.get("key", key) != key:
        raise ShapeError("is not the entry of this key")
    return entry
