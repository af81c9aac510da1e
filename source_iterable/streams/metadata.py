"""Metadata tables, and their entries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any

from source_iterable.api.ahead import run_ahead
from source_iterable.api.paging import Pages, by_marker
from source_iterable.api.request import Request, ShapeError, an_object, segment
from source_iterable.reading.lists import ChildStream, Key, PlainList
from source_iterable.reading.slices import skipping
from source_iterable.reading.stream import Fields, StreamContext

METADATA = PlainList("metadata", "metadata", "results", "name")
# Entries requested at a time: the limit is ten a second.
THREADS = 4


class MetadataEntries(ChildStream):
    """`GET metadata/{table}` lists a table's keys; each value is a separate request.

    Requests: 1 per entry, plus the lists of the tables' keys (10 a second).
    """

    name = "metadata_entries"
    primary_key = ("table", "key")
    parent = METADATA
    noun = "metadata table"
    resumable = True

    def read_slice(self, context: StreamContext, key: Key) -> Iterator[list[Fields]]:
        path = f"metadata/{segment(key)}"
        pages = Pages(path, by_marker(context.client, path, "results", "key"))
        for _, entry in run_ahead(partial(self._entry, context, path), _listed(pages), THREADS):
            if entry is not None:
                # Alone: one may be large.
                yield [entry]

    def _entry(self, context: StreamContext, path: str, listed: Fields) -> Fields | None:
        """The record of a listed entry; None if the entry no longer exists."""
        # Keys may be those of people.
        name, redacted = (listed["key"], None) if not context.private_fields else ("***", f"{path}/***")
        with skipping(context, self.name, f"entry {name} of {path}"):
            request = Request(f"{path}/{segment(listed['key'])}", redacted_path=redacted)
            return {**listed, **context.client.json(request, partial(_entry_of, listed["key"]))}
        return None


def _listed(pages: Pages) -> Iterator[Fields]:
    for page in pages:
        with closing(page.items) as blocks:
            for items in blocks:
                yield from items


def _entry_of(key: Any, response: Any) -> Fields:
    entry = an_object(response)
    if "value" not in entry or entry.get("key", key) != key:
        raise ShapeError("is not the entry of this key")
    return entry
