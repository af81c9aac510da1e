"""Handlers of the smaller endpoints: catalogs, snippets, metadata, webhooks, user fields, forgotten users."""

from __future__ import annotations

from typing import Any

from .core import Core
from .errors import bad_params, not_found
from .listings import Asked
from .paging import Page, flag, one
from .replies import Reply, json_reply
from .settings import EMAIL_BASED, USER_ID_BASED

CATALOG_PAGE = 1000  # the reference names no maximum for catalogs


class Details:
    """One method an endpoint."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._library = core.library

    def catalogs(self, asked: Asked) -> Reply:
        """GET catalogs."""
        names = [{"name": name} for name in self._library.catalogs]
        page = Page(asked.query, 10, CATALOG_PAGE)
        answer: dict[str, Any] = {"catalogNames": page.cut(names), "totalCatalogsCount": len(names)}
        return json_reply({**answer, **page.links(self._core.root, "catalogs", len(names))})

    def catalog_items(self, asked: Asked) -> Reply:
        """GET catalogs/{catalogName}/items."""
        catalog = self._catalog(asked)
        items = self._library.catalog_items(catalog)
        flag(asked.query, "sortAscending")
        page = Page(asked.query, 10, CATALOG_PAGE)
        answer: dict[str, Any] = {"catalogItemsWithProperties": page.cut(items), "totalItemsCount": len(items)}
        return json_reply({**answer, **page.links(self._core.root, f"catalogs/{catalog}/items", len(items))})

    def catalog_item(self, asked: Asked) -> Reply:
        """GET catalogs/{catalogName}/items/{itemId}."""
        for item in self._library.catalog_items(self._catalog(asked)):
            if item["itemId"] == asked.path["itemId"]:
                return json_reply(item)
        raise not_found("No catalog item at specified location")

    def field_mappings(self, asked: Asked) -> Reply:
        """GET catalogs/{catalogName}/fieldMappings."""
        return json_reply(self._library.field_mappings(self._catalog(asked)))

    def _catalog(self, asked: Asked) -> str:
        catalog = self._library.find_catalog(asked.path["catalogName"])
        if catalog is None:
            raise not_found("Catalog not found")
        return catalog

    def snippets(self, asked: Asked) -> Reply:
        """GET snippets."""
        return json_reply({"snippets": self._library.snippets()})

    def webhooks(self, asked: Asked) -> Reply:
        """GET webhooks."""
        return json_reply({"webhooks": self._library.webhooks()})

    def tables(self, asked: Asked) -> Reply:
        """GET metadata."""
        return json_reply({"results": [{"name": name} for name in self._library.tables]})

    def entries(self, asked: Asked) -> Reply:
        """GET metadata/{table}: the marker of a page is the last key of the one before."""
        table = self._table(asked)
        marker = one(asked.query, "nextMarker")
        keys = [key for key in self._library.metadata_keys(table) if marker is None or key > marker]
        size = self._core.settings.metadata_page_size
        page = keys[:size]
        answer: dict[str, Any] = {"results": [self._library.metadata_entry(table, key, False) for key in page]}
        if len(keys) > size:
            answer["nextMarker"] = page[-1]
        return json_reply(answer)

    def entry(self, asked: Asked) -> Reply:
        """GET metadata/{table}/{key}."""
        table, key = self._table(asked), asked.path["key"]
        if key not in self._library.metadata_keys(table):
            raise not_found("No metadata at specified location")
        return json_reply(self._library.metadata_entry(table, key, True))

    def _table(self, asked: Asked) -> str:
        name = asked.path["table"].lower()
        table = next((table for table in self._library.tables if table.lower() == name), None)
        if table is None:
            raise not_found("No such table")
        return table

    def user_fields(self, asked: Asked) -> Reply:
        """GET users/getFields: a map in the reference, an array in other documents."""
        fields = self._library.user_fields()
        if self._core.settings.user_fields_shape == "array":
            return json_reply({"userFields": [{"name": name, "type": kind} for name, kind in fields.items()]})
        return json_reply({"fields": fields})

    def forgotten(self, asked: Asked) -> Reply:
        """GET users/forgotten."""
        if self._core.settings.project_type == USER_ID_BASED:
            raise bad_params("This endpoint is only available for email-based and hybrid projects")
        return json_reply({"hashedEmails": self._library.forgotten("email")})

    def forgotten_user_ids(self, asked: Asked) -> Reply:
        """GET users/forgottenUserIds."""
        if self._core.settings.project_type == EMAIL_BASED:
            raise bad_params("This endpoint is only available for userID-based and hybrid projects")
        return json_reply({"hashedUserIds": self._library.forgotten("userId")})
