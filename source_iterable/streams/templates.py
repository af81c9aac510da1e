"""Templates, and their contents."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Any

from source_iterable.api.ahead import in_order
from source_iterable.api.request import Parameters, ShapeError, an_object
from source_iterable.errors import NotFound
from source_iterable.reading.by_content import ByContentStream
from source_iterable.reading.context import StreamContext
from source_iterable.reading.stream import Fields
from source_iterable.records.timestamps import rfc3339

TEMPLATE_TYPES = ("Base", "Blast", "Triggered", "Workflow")
MESSAGE_MEDIA = ("Email", "Push", "InApp", "SMS")
# Contents requested at a time (the limit is a hundred a second), and contents per batch: each may be large.
CONTENT_THREADS, CONTENTS = 8, 20


class Templates(ByContentStream):
    """Templates of every type and medium: without both parameters, Iterable returns blast email templates only."""

    name = "templates"
    primary_key: tuple[str, ...] = ("templateId",)
    path = "templates"
    selector = "templates"
    cost = "16 (1 per type and medium), plus 1 per further 1,000 of one"

    def kinds(self) -> dict[str, Parameters]:
        return {
            f"{kind}/{medium}": {"templateType": kind, "messageMedium": medium}
            for kind, medium in product(TEMPLATE_TYPES, MESSAGE_MEDIA)
        }

    def record(self, kind: str, item: Fields) -> Fields:
        template_type, medium = kind.split("/")
        created = rfc3339(item.get("createdAt")) or item.get("createdAt")
        return {**item, "createdAt": created, "templateType": template_type, "messageMedium": medium}


class TemplateContents(Templates):
    """The content of every template whose entry in the list is new or has changed: one request each.

    An edit of the content that leaves the entry as it is is not seen.
    """

    name = "template_contents"
    primary_key: tuple[str, ...] = ("templateId", "messageMedium")
    cost = "those of templates, plus 1 per template whose entry there is new or has changed"

    def batches(self, context: StreamContext, kind: str, items: list[Fields]) -> Iterator[list[Fields]]:
        _, medium = kind.split("/")
        contents: list[Fields] = []
        for _, content in in_order(partial(self.contents, context, medium), items, CONTENT_THREADS):
            contents += content
            if len(contents) >= CONTENTS:
                yield contents
                contents = []
        yield contents

    def contents(self, context: StreamContext, medium: str, item: Fields) -> list[Fields]:
        """The records for a template of the list: one here, none if it no longer exists."""
        try:
            content = content_of(context, medium, item)
        except NotFound:
            context.logger.warning(f"{self.name}: template {item['templateId']} no longer exists; skipped.")
            return []
        return [content]


def content_of(context: StreamContext, medium: str, item: Fields, locale: str | None = None) -> Fields:
    """The record for the content of a template, in its default locale or another. Raises IterableError."""
    template_id = item["templateId"]
    wanted: Parameters = {"templateId": template_id, **({"locale": locale} if locale else {})}

    def shape(response: Any) -> Fields:
        found = an_object(response)
        if found.get("templateId", template_id) != template_id:
            raise ShapeError(f"is not that of template {template_id}")
        return found

    content = context.client.get_json(f"templates/{medium.lower()}/get", wanted, shape)
    created = content.get("createdAt") or item.get("createdAt")
    # The list's updatedAt is the cursor; not all media have one in their content.
    of_list = {"updatedAt": item["updatedAt"]} if "updatedAt" in item else {}
    return {
        **content,
        "templateId": template_id,
        "messageMedium": medium,
        "createdAt": rfc3339(created) or created,
        **of_list,
    }
