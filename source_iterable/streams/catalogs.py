"""Catalogs, their items, and the types of their fields."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial

from source_iterable.api.paging import Pages, numbered
from source_iterable.api.request import holder_of, segment
from source_iterable.reading.lists import ChildStream, Key, PlainList
from source_iterable.reading.stream import Fields, StreamContext

CATALOGS = PlainList("catalogs", "catalogs", "catalogNames", "name", page_size=100)


class CatalogItems(ChildStream):
    """`GET catalogs/{catalogName}/items`, page by page.

    Requests: 1 per catalog, plus 1 per further 1,000 items.
    """

    name = "catalog_items"
    primary_key = ("catalogName", "itemId")
    parent = CATALOGS
    noun = "catalog"
    resumable = True
    # The most that Iterable allows.
    page_size = 1000

    def read_slice(self, context: StreamContext, key: Key) -> Iterator[list[Fields]]:
        path = f"catalogs/{segment(key)}/items"
        before: set[Key] = set()
        read, total = 0, None
        fetch = numbered(context.client, path, "catalogItemsWithProperties", "itemId", {}, self.page_size)
        for page in Pages(path, fetch):
            known: set[Key] = set()
            with closing(page.items) as blocks:
                for items in blocks:
                    # An item added meanwhile shifts others from the end of one page to the start of the next.
                    yield [{"catalogName": key, **item} for item in items if item["itemId"] not in before]
                    known.update(item["itemId"] for item in items)
            read, total = read + page.items.number - len(known & before), page.total
            before = known
        if total is not None and read < total:
            # A deleted one shifts them the other way. A catalog may be too large to be kept and read again.
            context.logger.warning(
                f"{self.name}: {read:,} of {total:,} items of catalog {key} were read: it changed meanwhile. The next sync "
                "reads it again."
            )


class CatalogFieldMappings(ChildStream):
    """`GET catalogs/{catalogName}/fieldMappings`: one record per catalog.

    Requests: 1 per catalog.
    """

    name = "catalog_field_mappings"
    primary_key = ("catalogName",)
    parent = CATALOGS
    noun = "catalog"

    def read_slice(self, context: StreamContext, key: Key) -> Iterator[list[Fields]]:
        path = f"catalogs/{segment(key)}/fieldMappings"
        mappings = context.client.get_json(path, None, partial(holder_of, name="definedMappings"))
        yield [{**mappings, "catalogName": key}]
