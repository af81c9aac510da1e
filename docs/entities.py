"""Draws docs/entities.svg and docs/entities.mmd: the streams and the columns that join them. `python docs/entities.py`."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parent
WIDTH, HEIGHT = 1240, 880
BOX, LINE, HEAD = 230, 17, 26


class Entity(NamedTuple):
    """A box: its title, the streams that it stands for, its key, and its place."""

    title: str
    streams: tuple[str, ...]
    key: str
    x: int
    y: int
    lines: tuple[str, ...] = ()

    @property
    def rows(self) -> list[str]:
        return [f"key: {self.key}", *self.lines]

    @property
    def height(self) -> int:
        return HEAD + LINE * len(self.rows) + 10


class Join(NamedTuple):
    """A column of one entity's streams that names a record of another's."""

    child: str
    column: str
    parent: str
    parent_column: str


def _entities() -> dict[str, Entity]:
    from source_iterable.streams.table import EXPORTS

    events = tuple(each.name for each in EXPORTS if each.name not in ("users", "purchase", "custom_event"))
    return {
        "message_events": Entity(
            f"{len(events)} streams of events",
            events,
            "_event_id",
            505,
            330,
            ("email_… push_… web_push_…", "in_app_… inbox_… embedded_…", "sms_… rcs_… whatsapp_… others"),
        ),
        "own_events": Entity(
            "purchase, custom_event", ("purchase", "custom_event"), "_event_id", 505, 520, ("custom_event: eventName",)
        ),
        "user_history": Entity("events", ("events",), "_event_id", 400, 640, ("all of these again, by user",)),
        "users": Entity("users", ("users",), "email or itblUserId", 60, 400, ("userId, itblUserId, email",)),
        "list_users": Entity("list_users", ("list_users",), "listId, userIdentifier", 60, 260),
        "lists": Entity("lists", ("lists",), "id", 60, 130),
        "user_fields": Entity("user_fields", ("user_fields",), "name", 60, 540),
        "forgotten_users": Entity("forgotten_users", ("forgotten_users",), "hash", 60, 650),
        "campaigns": Entity("campaigns", ("campaigns",), "id", 505, 130, ("recurringCampaignId: campaigns",)),
        "campaigns_metrics": Entity("campaigns_metrics", ("campaigns_metrics",), "id", 505, 20),
        "child_campaigns": Entity("child_campaigns", ("child_campaigns",), "id", 250, 20),
        "experiments_metrics": Entity("experiments_metrics", ("experiments_metrics",), "none", 760, 20),
        "templates": Entity("templates", ("templates",), "templateId", 950, 150),
        "template_contents": Entity("template_contents", ("template_contents",), "templateId, messageMedium", 1000, 40),
        "message_types": Entity("message_types", ("message_types",), "id", 950, 290),
        "channels": Entity("channels", ("channels",), "id", 950, 410),
        "journeys": Entity("journeys", ("journeys",), "id", 950, 530),
        "catalogs": Entity("catalogs", ("catalogs",), "name", 60, 770),
        "catalog_items": Entity("catalog_items", ("catalog_items",), "catalogName, itemId", 400, 740),
        "catalog_field_mappings": Entity(
            "catalog_field_mappings", ("catalog_field_mappings",), "catalogName", 400, 805
        ),
        "metadata": Entity("metadata", ("metadata",), "name", 680, 770),
        "metadata_entries": Entity("metadata_entries", ("metadata_entries",), "table, key", 680, 640),
        "snippets": Entity("snippets", ("snippets",), "id", 950, 620),
        "webhooks": Entity("webhooks", ("webhooks",), "id", 950, 695),
    }


ENTITIES = _entities()
JOINS = [
    Join("message_events", "campaignId", "campaigns", "id"),
    Join("message_events", "templateId", "templates", "templateId"),
    Join("message_events", "messageTypeId", "message_types", "id"),
    Join("message_events", "channelId", "channels", "id"),
    Join("message_events", "workflowId", "journeys", "id"),
    Join("message_events", "itblUserId", "users", "itblUserId"),
    Join("own_events", "itblUserId", "users", "itblUserId"),
    Join("user_history", "email", "users", "email"),
    Join("list_users", "listId", "lists", "id"),
    Join("list_users", "email", "users", "email"),
    Join("campaigns_metrics", "id", "campaigns", "id"),
    Join("child_campaigns", "recurringCampaignId", "campaigns", "id"),
    Join("experiments_metrics", "campaignId", "campaigns", "id"),
    Join("campaigns", "templateId", "templates", "templateId"),
    Join("template_contents", "templateId", "templates", "templateId"),
    Join("templates", "messageTypeId", "message_types", "id"),
    Join("message_types", "channelId", "channels", "id"),
    Join("catalog_items", "catalogName", "catalogs", "name"),
    Join("catalog_field_mappings", "catalogName", "catalogs", "name"),
    Join("metadata_entries", "table", "metadata", "name"),
]


def svg() -> str:
    """The picture."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        ' font-family="ui-sans-serif, system-ui, Helvetica, Arial, sans-serif" font-size="12">',
        "<title>The streams of source-iterable and the columns that join them</title>",
        '<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#5b6b7f"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    # Lines lie under the boxes, their labels over them.
    parts += [_line(join) for join in JOINS]
    parts += [_box(entity) for entity in ENTITIES.values()]
    parts += [_label(join) for join in JOINS]
    return "\n".join([*parts, "</svg>", ""])


def mermaid() -> str:
    """The same for mermaid."""
    lines = ["erDiagram"]
    lines += [f'    {join.child} }}o--|| {join.parent} : "{join.column} = {join.parent_column}"' for join in JOINS]
    joined = {name for join in JOINS for name in (join.child, join.parent)}
    lines += [f"    {name}" for name in ENTITIES if name not in joined]
    return "\n".join([*lines, ""])


def _ends(join: Join) -> tuple[float, float, float, float]:
    """Where the line between two boxes leaves the one and reaches the other."""
    child, parent = ENTITIES[join.child], ENTITIES[join.parent]
    a, b = _middle(child), _middle(parent)
    return (*_edge(child, a, b), *_edge(parent, b, a))


def _middle(entity: Entity) -> tuple[float, float]:
    return entity.x + BOX / 2, entity.y + entity.height / 2


def _edge(entity: Entity, start: tuple[float, float], to: tuple[float, float]) -> tuple[float, float]:
    dx, dy = to[0] - start[0], to[1] - start[1]
    scale = min(
        BOX / 2 / abs(dx) if dx else float("inf"),
        entity.height / 2 / abs(dy) if dy else float("inf"),
    )
    return start[0] + dx * scale, start[1] + dy * scale


def _line(join: Join) -> str:
    x1, y1, x2, y2 = _ends(join)
    return (
        f'<line x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}" stroke="#5b6b7f" stroke-width="1.3"'
        ' marker-end="url(#end)"/>'
    )


def _label(join: Join) -> str:
    x1, y1, x2, y2 = _ends(join)
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    width = 6.3 * len(join.column) + 6
    return (
        f'<rect x="{x - width / 2:.0f}" y="{y - 8:.0f}" width="{width:.0f}" height="15" rx="3" fill="#ffffff"/>'
        f'<text x="{x:.0f}" y="{y + 4:.0f}" text-anchor="middle" font-size="11" fill="#33475b">{escape(join.column)}</text>'
    )


def _box(entity: Entity) -> str:
    x, y = entity.x, entity.y
    texts = "".join(
        f'<text x="{x + 10}" y="{y + HEAD + LINE * place + 15}" fill="#33475b">{escape(row)}</text>'
        for place, row in enumerate(entity.rows)
    )
    return (
        f'<rect x="{x}" y="{y}" width="{BOX}" height="{entity.height}" rx="6" fill="#f5f7fa" stroke="#8496ab"/>'
        f'<path d="M{x} {y + HEAD}v-{HEAD - 6}a6 6 0 0 1 6-6h{BOX - 12}a6 6 0 0 1 6 6v{HEAD - 6}z" fill="#2f4b6e"/>'
        f'<text x="{x + 10}" y="{y + 18}" fill="#ffffff" font-weight="600" font-size="13">{escape(entity.title)}</text>'
        f"{texts}"
    )


if __name__ == "__main__":
    (DOCS / "entities.svg").write_text(svg(), encoding="utf-8")
    (DOCS / "entities.mmd").write_text(mermaid(), encoding="utf-8")
