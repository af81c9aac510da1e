"""Catalogs, their items, and the types of their fields."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from source_iterable.api.paging import pages
from source_iterable.errors import IterableError
from source_iterable.reading.children import ChildStream, Key
from source_iterable.reading.context import StreamContext
from source_iterable.reading.plain_list import PlainList
from source_iterable.reading.stream import Fields

CATALOGS = PlainList("catalogs", "catalogs", "catalogNames", "name", page_size=100)


class CatalogItems(ChildStream):
    """`GET catalogs/{catalogName}/items`, page by page."""

    name = "catalog_items"
    primary_key = ("catalogName", "itemId")
    parent = CATALOGS
    parent_key = "name"
    noun = "catalog"
    resumable = True
    # Iterable returns up to 1,000 per page, of up to 30 KB each: too much to hold in memory.
    page_size = 200
    cost = "1 per catalog, plus 1 per further 200 items"

    def read_slice(self, context: StreamContext, key: Key) -> Iterator[list[Fields]]:
        path = f"catalogs/{quote(str(key), safe='')}/items"
        before: set[str] = set()
        for items in pages(context.client, path, "catalogItemsWithProperties", {}, self.page_size):
            # An item added meanwhile shifts others from the end of one page to the start of the next.
            yield [{"catalogName": key, **item} for item in items if item["itemId"] not in before]
            before = {item["itemId"] for item in items}


class CatalogFieldMappings(ChildStream):
    """`GET catalogs/{catalogName}/fieldMappings`: one record per catalog."""

    name = "catalog_field_mappings"
    primary_key = ("catalogName",)
    parent = CATALOGS
    parent_key = "name"
    noun = "catalog"
    cost = "1 per catalog"

    def read_slice(self, context: StreamContext, key: Key) -> Iterator[list[Fields]]:
        path = f"catalogs/{quote(str(key), safe='')}/fieldMappings"
        response = context.client.get_json(path)
        # Catalog endpoints sometimes wrap their responses in `params` (seen).
        for holder in (response, response.get("params") if isinstance(response, dict) else None):
            if isinstance(holder, dict) and "definedMappings" in holder:
                yield [{**holder, "catalogName": key}]
                return
        raise IterableError(f"The response to GET {path} holds no definedMappings.")
