"""What catalogs hold: their items, and the types of their fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import quote

from source_iterable.errors import IterableError
from source_iterable.streams.children import ChildStream, Key
from source_iterable.streams.context import StreamContext
from source_iterable.streams.listing import Fields
from source_iterable.streams.lists import PlainList
from source_iterable.streams.paging import pages

CATALOGS = PlainList("catalogs", "catalogs", "catalogNames", "name", page_size=100)


def catalog_names(context: StreamContext) -> list[Key]:
    """The names of all catalogs."""
    shared = context.shared.pages(CATALOGS.path, CATALOGS.selector, {}, CATALOGS.page_size)
    return [item["name"] for items in shared for item in items]


class CatalogItems(ChildStream):
    """`GET catalogs/{catalogName}/items`, page by page."""

    name = "catalog_items"
    primary_key = ("catalogName", "itemId")
    noun = "catalog"
    resumable = True
    # Iterable gives up to 1,000 a page, of up to 30 KB each: more than memory should have to hold.
    page_size = 200
    cost = f"1 per catalog, plus 1 per further {page_size} items"

    def keys(self, context: StreamContext) -> Iterable[Key]:
        return catalog_names(context)

    def read_slice(self, context: StreamContext, key: Key) -> Iterator[list[Fields]]:
        path = f"catalogs/{quote(str(key), safe='')}/items"
        before: set[str] = set()
        for items in pages(context.client, path, "catalogItemsWithProperties", {}, self.page_size):
            # An item added meanwhile moves others from the end of one page to the beginning of the next.
            yield [{"catalogName": key, **item} for item in items if item["itemId"] not in before]
            before = {item["itemId"] for item in items}


class CatalogFieldMappings(ChildStream):
    """`GET catalogs/{catalogName}/fieldMappings`: one record a catalog."""

    name = "catalog_field_mappings"
    primary_key = ("catalogName",)
    cost = "1 per catalog"
    noun = "catalog"

    def keys(self, context: StreamContext) -> Iterable[Key]:
        return catalog_names(context)

    def read_slice(self, context: StreamContext, key: Key) -> Iterator[list[Fields]]:
        path = f"catalogs/{quote(str(key), safe='')}/fieldMappings"
        answer = context.client.get_json(path)
        # Catalog endpoints wrap their answers in `params` at times.
        for holder in (answer, answer.get("params") if isinstance(answer, dict) else None):
            if isinstance(holder, dict) and "definedMappings" in holder:
                yield [{**holder, "catalogName": key}]
                return
        raise IterableError(f"Iterable's answer to GET {path} holds no definedMappings.")
