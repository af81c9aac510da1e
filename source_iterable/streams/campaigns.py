"""Campaigns and templates: paged lists, newest update first."""

from __future__ import annotations

from itertools import product

from source_iterable.api import Params
from source_iterable.exports.timestamps import rfc3339
from source_iterable.streams.listing import Fields
from source_iterable.streams.newest_first import NewestFirstStream

TEMPLATE_TYPES = ("Base", "Blast", "Triggered", "Workflow")
MESSAGE_MEDIA = ("Email", "Push", "InApp", "SMS")


class Campaigns(NewestFirstStream):
    """All campaigns, in whatever state."""

    name = "campaigns"
    primary_key = ("id",)
    path = "campaigns"
    selector = "campaigns"


class Templates(NewestFirstStream):
    """Templates of every type and medium: asked without both, Iterable answers with blast email templates only."""

    name = "templates"
    primary_key = ("templateId",)
    path = "templates"
    selector = "templates"

    def kinds(self) -> dict[str, Params]:
        return {
            f"{kind}/{medium}": {"templateType": kind, "messageMedium": medium}
            for kind, medium in product(TEMPLATE_TYPES, MESSAGE_MEDIA)
        }

    def record(self, kind: str, item: Fields) -> Fields:
        template_type, medium = kind.split("/")
        created = rfc3339(item.get("createdAt")) or item.get("createdAt")
        return {**item, "createdAt": created, "templateType": template_type, "messageMedium": medium}
