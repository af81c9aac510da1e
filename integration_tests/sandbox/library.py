"""The project's further things: catalogs, snippets, metadata, webhooks, metrics, template contents, forgotten users."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import orjson

from .draws import Draw
from .people import CUSTOM_FIELDS, STANDARD_FIELDS
from .settings import SandboxSettings
from .times import DAY_MS, iso_time
from .words import ODD_TEXTS, PRODUCTS, THINGS
from .world import WITHOUT_METRICS, Thing, World

METRICS = {
    "Email": (
        "Average Order Value",
        "Purchases / M (Email)",
        "Revenue / M (Email)",
        "Total Email Sends",
        "Unique Email Clicks",
        "Unique Email Opens",
        "Email Open Rate",
    ),
    "Push": ("Purchases / M (Push)", "Total Pushes Sent", "Unique Pushes Opened", "Total App Uninstalls"),
    "InApp": ("Purchases / M (InApp)", "Total In-App Sent", "Unique In-App Opens, all"),
    "SMS": ("Purchases / M (SMS)", "Total SMS Sent", "Unique SMS Click"),
}
COMMON_METRICS = ("Purchases", "Revenue", "Total Custom Conversions")
EXPERIMENT_COLUMNS = (
    "Campaign ID",
    "Experiment ID",
    "Template ID",
    "Variation",
    "Subject",
    "Total Email Sends",
    "Unique Email Opens",
    "Improvement",
)


class Library:
    """All of these, each as the API sends it."""

    def __init__(self, settings: SandboxSettings, world: World) -> None:
        self._settings = settings
        self._world = world
        self.catalogs = [f"Catalog-{place:02d}" for place in range(settings.catalogs)]
        self.tables = [f"table{place}" for place in range(settings.metadata_tables)]

    # catalogs

    def find_catalog(self, name: str) -> str | None:
        """The catalog of this name; the reference calls names case insensitive."""
        return next((catalog for catalog in self.catalogs if catalog.lower() == name.lower()), None)

    def catalog_items(self, catalog: str) -> list[Thing]:
        """The items of a catalog: the first holds all that the settings say, the second none."""
        place = self.catalogs.index(catalog)
        count = (self._settings.catalog_items, 0)[place] if place < 2 else self._settings.catalog_items // place
        return [self._item(catalog, number) for number in range(count)]

    def _item(self, catalog: str, number: int) -> Thing:
        draw = Draw.named(self._settings.seed, "item", catalog, number)
        value: Thing = {
            "name": f"{draw.pick(PRODUCTS)} {number}",
            "price": draw.below(10_000) / 100,
            "inStock": draw.one_in(2),
            "tags": [draw.pick(ODD_TEXTS)],
            "seller": {"city": "大阪", "rating": None},
        }
        if draw.one_in(4):
            value["itemId"] = "a field of the same name"
        return {
            "catalogName": catalog,
            "itemId": f"Item-{number:04d}",
            "lastModified": self._past(draw),
            "size": len(orjson.dumps(value)),
            "value": value,
        }

    def field_mappings(self, catalog: str) -> Thing:
        """The types that somebody has given to fields, and the fields that nobody has."""
        place = self.catalogs.index(catalog)
        mappings = {"name": "string", "price": "double", "inStock": "boolean"} if place % 3 else {}
        return {"definedMappings": mappings, "undefinedFields": ["tags", "seller.city"] if place % 2 else []}

    # snippets, webhooks

    def snippets(self) -> list[Thing]:
        """All snippets."""
        return [self._snippet(place) for place in range(self._settings.snippets)]

    def _snippet(self, place: int) -> Thing:
        draw = Draw.named(self._settings.seed, "snippet", place)
        created = self._past(draw)
        return {
            "id": 8001 + place,
            "projectId": 42,
            "name": f"{draw.pick(THINGS)} {place}",
            "description": draw.pick(ODD_TEXTS),
            "content": f"Hello {{{{firstName}}}} {draw.pick(ODD_TEXTS)}",
            "variables": ["firstName"] if place % 2 else [],
            "createdAt": iso_time(created),
            "updatedAt": iso_time(created + draw.below(DAY_MS)),
            "createdBy": "editor@example.com",
            "updatedBy": "zoë@example.com",
        }

    def webhooks(self) -> list[Thing]:
        """All webhooks, with the secrets that the API hands out with them: a token, and the values of headers."""
        return [
            {
                "id": 700 + place,
                "endpoint": f"https://hooks.example.com/iterable/{place}",
                "enabled": place % 2 == 0,
                "blastSendEnabled": place % 2 == 1,
                "triggeredSendEnabled": True,
                "authType": ("NoAuth", "Basic", "OAuth2")[place % 3],
                "authToken": f"secret-token-{self._settings.seed}-{place}",
                "headers": [{"key": "X-Signature", "value": f"secret-header-{self._settings.seed}-{place}"}],
                "channelIds": [channel["id"] for channel in self._world.channels[:2]],
                "messageTypeIds": [kind["id"] for kind in self._world.message_types[:place]],
            }
            for place in range(self._settings.webhooks)
        ]

    # metadata

    def metadata_keys(self, table: str) -> list[str]:
        """The keys of a table: the first holds all that the settings say, the second none. Keys know case."""
        place = self.tables.index(table)
        count = (self._settings.metadata_entries, 0)[place] if place < 2 else self._settings.metadata_entries // place
        return sorted(f"{('Key', 'key')[number % 2]}{number // 2:04d}" for number in range(count))

    def metadata_entry(self, table: str, key: str, with_value: bool) -> Thing:
        """One entry of a table, as it is listed or as it is read."""
        draw = Draw.named(self._settings.seed, "metadata", table, key)
        value = {"colour": draw.pick(("red", "größe", "🟢")), "n": draw.below(1000), "deep": {"list": [1, None, "x"]}}
        entry: Thing = {
            "table": table,
            "key": key,
            "lastModified": self._past(draw),
            "size": len(orjson.dumps(value)),
        }
        if with_value:
            entry["value"] = value
        return entry

    # metrics

    def metrics_columns(self, campaigns: list[Thing]) -> list[str]:
        """The columns of campaigns/metrics for these campaigns: they differ with their media (seen)."""
        media = {campaign["messageMedium"] for campaign in campaigns}
        columns = {name for medium in media for name in METRICS.get(medium, ())} | set(COMMON_METRICS)
        return ["id", *sorted(columns)]

    def metrics(self, campaign: Thing) -> dict[str, str]:
        """The cells of a campaign that are not empty. They do not depend on the dates asked for."""
        if campaign["campaignState"] in WITHOUT_METRICS:
            return {}
        draw = Draw.named(self._settings.seed, "metrics", campaign["id"])
        cells = {"id": str(campaign["id"])}
        for name in (*COMMON_METRICS, *METRICS.get(campaign["messageMedium"], ())):
            # A cell may be empty though the column fits the campaign: no order, no average.
            if draw.one_in(7):
                continue
            fraction = name.startswith(("Average", "Revenue", "Email Open Rate"))
            cells[name] = str(draw.below(100_000) / 8) if fraction else str(draw.below(100_000))
        return cells

    def experiment_rows(self, campaign: int, experiment: int) -> list[dict[str, str]]:
        """The report of an experiment: a row for each variation."""
        rows = []
        for variation in range(3):
            draw = Draw.named(self._settings.seed, "experiment", experiment, variation)
            cells = (
                str(campaign),
                str(experiment),
                str(700001 + 2 * variation),
                ("Control", "A", "B")[variation],
                draw.pick(THINGS),
                str(draw.below(10_000)),
                str(draw.below(10_000)),
                "" if variation == 0 else str(draw.below(100) / 8),
            )
            rows.append(dict(zip(EXPERIMENT_COLUMNS, cells, strict=True)))
        return rows

    # templates' contents

    def template_content(self, template: Thing, medium: str) -> Thing:
        """What templates/{medium}/get says of a template. Keys differ from medium to medium."""
        draw = Draw.named(self._settings.seed, "content", template["templateId"])
        content: Thing = {
            "templateId": template["templateId"],
            "name": template["name"],
            "messageTypeId": template["messageTypeId"],
            "clientTemplateId": template.get("clientTemplateId", ""),
            "campaignDataFields": {"theme": draw.pick(ODD_TEXTS)},
        }
        if medium == "Email":
            content |= {
                "subject": draw.pick(THINGS),
                "preheaderText": "",
                "fromName": "Shop",
                "fromEmail": "shop@example.com",
                "replyToEmail": "shop@example.com",
                "html": f"<html><body>{draw.pick(ODD_TEXTS)}</body></html>",
                "plainText": "",
                "ccEmails": [],
                "bccEmails": [],
                "linkParams": [{"key": "utm", "value": "größe"}],
                "dataFeedIds": [],
                "cacheDataFeed": False,
                "mergeDataFeedContext": False,
                "googleAnalyticsCampaignName": "",
                "creatorUserId": template["creatorUserId"],
                "metadata": {name: value for name, value in template.items() if name != "campaignId"},
            }
        elif medium == "Push":
            content |= {
                "title": draw.pick(THINGS),
                "message": draw.pick(ODD_TEXTS),
                "payload": {"n": draw.below(10)},
                "badge": "+1",
                "sound": "default",
                "deeplink": {"ios": "shop://x", "android": "shop://x"},
                "richMedia": {},
                "createdAt": template["createdAt"],
                "updatedAt": template["updatedAt"],
            }
        elif medium == "InApp":
            content |= {
                "html": f"<html>{draw.pick(ODD_TEXTS)}</html>",
                "expirationDateTime": "2030-01-01 00:00:00 +00:00",
                "inAppDisplaySettings": {"top": {"percentage": 0}, "bgColor": {"hex": "#FFFFFF", "alpha": 0.5}},
                "inboxMetadata": {"title": draw.pick(THINGS), "subtitle": "", "icon": ""},
                "payload": {},
            }
        else:
            content |= {
                "message": draw.pick(ODD_TEXTS),
                "imageUrl": "",
                "trackingDomain": "links.example.com",
                "linkParams": [],
                "createdAt": template["createdAt"],
                "updatedAt": template["updatedAt"],
            }
        return content

    # users

    def user_fields(self) -> dict[str, str]:
        """The project's profile fields and their types."""
        return {**STANDARD_FIELDS, **CUSTOM_FIELDS}

    def forgotten(self, kind: str) -> list[str]:
        """Hashes of forgotten users; kind is `email` or `userId`."""
        names = (f"{kind}-forgotten-{number}" for number in range(self._settings.forgotten))
        return [sha256(name.encode()).hexdigest() for name in names]

    def _past(self, draw: Draw) -> int:
        return self._world.epoch_ms + draw.below(max(self._settings.days, 1) * DAY_MS)


def csv_text(columns: list[str], rows: list[dict[str, Any]]) -> str:
    """Rows as CSV; a cell that a row lacks is empty."""

    def cell(text: str) -> str:
        return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',"\r\n') else text

    lines = [",".join(cell(name) for name in columns)]
    lines += [",".join(cell(str(row.get(name, ""))) for name in columns) for row in rows]
    return "\n".join(lines) + "\n"
