"""The fields of export records, family by family, as facts about the API name them."""

from __future__ import annotations

from typing import Any

import orjson

from .draws import Draw
from .people import User
from .times import DAY_MS, SHAPE_OF_16, format_time
from .words import AGENTS, DEVICES, EVENT_NAMES, LOCALES, ODD_TEXTS, PLACES, PRODUCTS, REASONS, SIGNUP_SOURCES, STATUSES
from .world import World

Record = dict[str, Any]


class Event:
    """One event in the making: when, whose, and the chance left for its fields."""

    __slots__ = ("draw", "ms", "shape", "user", "world")

    def __init__(self, draw: Draw, ms: int, user: User, world: World) -> None:
        self.draw = draw
        self.ms = ms
        self.user = user
        self.world = world
        self.shape = draw.pick(SHAPE_OF_16)

    def base(self) -> Record:
        """When and whose."""
        record: Record = {"createdAt": format_time(self.ms, self.shape)}
        record.update(self.user.identifiers())
        return record

    def time(self, ms: int) -> str | int:
        """Another time of the event, in a shape of its own."""
        return format_time(ms, self.draw.pick(SHAPE_OF_16))

    def list_ids(self) -> list[int]:
        """Some lists, as subscribing and unsubscribing name them."""
        lists = list(self.world.list_places)
        return [self.draw.pick(lists) for _ in range(self.draw.below(3))] if lists else []

    def message_type_ids(self) -> list[int]:
        """Some message types."""
        types = self.world.message_types
        return [self.draw.pick(types)["id"] for _ in range(self.draw.below(3))] if types else []


def message(event: Event) -> Record:
    """An event about a message: the common fields of its campaign, template, message type, channel and journey."""
    draw, world = event.draw, event.world
    record = event.base()
    if world.campaigns:
        campaign = draw.pick(world.campaigns)
        record["campaignId"] = campaign["id"]
        record["templateId"] = campaign.get("templateId")
        if "workflowId" in campaign:
            record["workflowId"] = campaign["workflowId"]
            record["workflowName"] = f"Journey {campaign['workflowId']} → {LOCALES[event.user.place]}"
        if campaign["id"] in world.experiments:
            record["experimentId"] = world.experiments[campaign["id"]][0]
    record["messageId"] = draw.hex(32)
    if world.message_types:
        message_type = draw.pick(world.message_types)
        record["messageTypeId"] = message_type["id"]
        record["channelId"] = message_type["channelId"]
    record["contentId"] = 1 + draw.below(10**9)
    return record


def send(event: Event) -> Record:
    """A message was sent; `transactionalData` is a JSON document inside a string (seen)."""
    record = message(event)
    draw = event.draw
    record["messageBusId"] = draw.hex(24)
    record["catalogLookupCount"] = draw.below(3)
    record["catalogCollectionCount"] = 0
    record["productRecommendationCount"] = draw.below(5)
    if draw.one_in(3):
        name = draw.pick(EVENT_NAMES)
        document = {"eventName": name, "price": draw.below(1000) / 4, "items": [{"sku": draw.hex(6)}], "no": None}
        record["transactionalData"] = orjson.dumps(document).decode()
    return record


def skip(event: Event) -> Record:
    """A message was not sent."""
    record = message(event)
    record["reason"] = event.draw.pick(REASONS)
    return record


def opened(event: Event) -> Record:
    """A message was opened, somewhere, by some program."""
    record = message(event)
    draw = event.draw
    city, region, country, _ = PLACES[event.user.place]
    record["ip"] = f"198.51.100.{draw.below(256)}"
    record["userAgent"] = draw.pick(AGENTS)
    record["userAgentDevice"] = draw.pick(DEVICES)
    record["city"], record["region"], record["country"] = city, region, country
    record["isBot"] = draw.one_in(9)
    if draw.one_in(4):
        record["proxySource"] = "Apple"
    return record


def clicked(event: Event) -> Record:
    """A link was clicked."""
    record = opened(event)
    draw = event.draw
    url = f"https://shop.example.com/p/{draw.below(10_000)}?q=größe&utm=%F0%9F%8E%88"
    record["url"] = record["linkUrl"] = url
    record["clickedUrl"] = url
    record["hrefIndex"] = draw.below(12)
    record["linkId"] = draw.hex(12)
    return record


def bounced(event: Event) -> Record:
    """A message came back."""
    record = message(event)
    record["recipientState"] = event.draw.pick(("HardBounce", "SoftBounce"))
    record["status"] = event.draw.pick(STATUSES)
    return record


def complained(event: Event) -> Record:
    """A message was reported as spam."""
    record = message(event)
    record["recipientState"] = "Complaint"
    return record


def subscribed(event: Event) -> Record:
    """A user subscribed; the record carries the user's own profile fields too."""
    record = event.base()
    draw = event.draw
    record["signupSource"] = draw.pick(SIGNUP_SOURCES)
    record["profileUpdatedAt"] = event.time(event.ms - draw.below(DAY_MS))
    record["emailListIds"] = event.list_ids()
    record["channelIds"] = []
    record["messageTypeIds"] = event.message_type_ids()
    record["messageId"] = draw.hex(32)
    record["firstName"] = draw.pick(("Ada", "Zoë", "さくら"))
    record["loyaltyPoints"] = draw.below(1000) / 4
    record["address"] = {"zip": f"{draw.below(100_000):05d}"}
    return record


def unsubscribed(event: Event) -> Record:
    """A user unsubscribed."""
    record = message(event)
    draw = event.draw
    record["recipientState"] = "Unsubscribed"
    record["unsubSource"] = draw.pick(("EmailLink", "PreferenceCenter", "API", "ListUnsubscribeHeader"))
    record["emailListIds"] = event.list_ids()
    record["channelIds"] = [record["channelId"]] if "channelId" in record and draw.one_in(2) else []
    record["messageTypeIds"] = event.message_type_ids()
    return record


def purchased(event: Event) -> Record:
    """A purchase, attributed to a campaign or not."""
    record = message(event) if event.draw.one_in(2) else event.base()
    draw = event.draw
    items: list[Record] = [
        {
            "id": draw.hex(6),
            "name": draw.pick(PRODUCTS),
            "price": draw.below(10_000) / 100,
            "quantity": 1 + draw.below(3),
            "categories": ["tools", "größe"],
            "dataFields": {"colour": draw.pick(("red", None, "🟢"))},
        }
        for _ in range(1 + draw.below(3))
    ]
    record["total"] = sum(item["price"] * item["quantity"] for item in items)
    record["shoppingCartItems"] = items
    record["purchaseId"] = draw.hex(20)
    return record


def custom(event: Event) -> Record:
    """An event of the sender's own; its dataFields are whatever the sender sends."""
    record = event.base()
    draw = event.draw
    record["eventName"] = draw.pick(EVENT_NAMES)
    record["eventUpdatedAt"] = event.time(event.ms + draw.below(60_000))
    record["visit"] = draw.hex(20)
    choice = draw.below(8)
    if choice == 0:
        record["data"] = {"page": "/größe", "n": draw.below(9)}
    elif choice == 1:
        record["_event_id"] = f"theirs-{draw.below(10**6)}"
    elif choice == 2:
        record["campaignId"] = "summer"
    elif choice == 3:
        record["nested"] = {"a": [1, {"b": None}], "ü": draw.pick(ODD_TEXTS)}
    elif choice == 4:
        record["amount"] = 2**53 + 1 + draw.below(2**61)
    elif choice == 5:
        record["email_sent.at"] = draw.pick(ODD_TEXTS)
    elif choice == 6:
        record["list"] = [draw.below(5), "5", 5.5, None, False]
    return record
