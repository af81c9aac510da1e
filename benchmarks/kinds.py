"""Kinds: the sorts of records that are measured, drawn alike on every run.

Plain email sends have only fields that are columns of their stream. Real projects send more: fields of their own in custom
events, purchases and profiles, and events get fields that no schema has yet.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any, NamedTuple

# Stand for the hour of a block, the same hour four and eight years before, and the number of the block (data.py).
HOURS, BLOCK = ("@@@@-@@-@@ @@", "@@@#-@@-@@ @@", "@@##-@@-@@ @@"), "########"
# Half the events are of triggered campaigns, which include the data that they were rendered with.
_TRIGGERED_SHARE = 0.5
_WORDS = ("order", "welcome", "señor", "café", "reminder", "weekly offer", "übersicht", "delivery", "東京", "account")
_AGENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "Outlook-iOS/2.0",
)
Fields = dict[str, Any]


class Kind(NamedTuple):
    """A sort of record: `draw` makes one from a generator, its time, and its identifier.

    `has_own_times`: no two records of a block have the same time.
    """

    title: str
    stream: str
    data_type: str
    identifier: str  # the field that is different in every record
    draw: Callable[[random.Random, str, str], Fields]
    has_own_times: bool = False


def _email_send(draw: random.Random, time: str, identifier: str) -> Fields:
    campaign = draw.randrange(400)
    event: Fields = {
        "email": _email(draw),
        "createdAt": time,
        "campaignId": 1_000_000 + campaign,
        "templateId": 2_000_000 + campaign * 7,
        "messageId": identifier,
        "messageTypeId": 10_000 + campaign % 6,
        "channelId": 20_000 + campaign % 3,
        "contentId": 3_000_000 + campaign * 7,
        "messageBusId": f"{draw.getrandbits(128):032x}",
        "userId": f"{draw.getrandbits(64):016x}",
        "itblUserId": f"{draw.getrandbits(128):032x}",
        "catalogCollectionCount": 0,
        "catalogLookupCount": draw.randrange(3),
        "productRecommendationCount": 0,
        **_internal(time),
    }
    if draw.random() < _TRIGGERED_SHARE:
        event["transactionalData"] = json.dumps(_transaction(draw), ensure_ascii=False)
    return event


def _with_three(draw: random.Random, time: str, identifier: str) -> Fields:
    own = {"ip": _address(draw), "userAgent": draw.choice(_AGENTS), "userAgentDevice": draw.choice(("Gmail", "Mobile"))}
    return {**_email_send(draw, time, identifier), **own}


def _as_in_projects(draw: random.Random, time: str, identifier: str) -> Fields:
    fourth = {"experimentGroup": draw.choice(_WORDS)} if draw.random() < 0.5 else {}
    return {**_with_three(draw, time, identifier), **fourth}


def _with_thirty(draw: random.Random, time: str, identifier: str) -> Fields:
    return {**_email_send(draw, time, identifier), **_own_fields(draw)}


def _custom_event(draw: random.Random, time: str, identifier: str) -> Fields:
    return {
        "email": _email(draw),
        "createdAt": time,
        "eventName": draw.choice(("checkout-started", "Artikel übersehen", 'wishlist "add"')),
        "eventUpdatedAt": time,
        "userId": identifier,
        **_internal(time),
        "sku": f"SKU-{draw.randrange(10**6):06d}",
        "price": draw.randrange(100, 99_999) / 100,
        "quantity": draw.randrange(1, 9),
        "inStock": draw.random() < 0.9,
        "url": f"https://shop.example.com/p/{draw.randrange(10**6)}?utm_source=iterable&utm_campaign={draw.randrange(400)}",
        "title": " ".join(draw.choices(_WORDS, k=5)),
        "coupon": draw.choice((None, "SPRING", "SOMMER-ÜBERRASCHUNG")),
        "tags": draw.sample(_WORDS, draw.randrange(4)),
        "context": {"page": draw.randrange(9), "device": {"os": "iOS", "version": "17.5"}, "locale": "de-DE"},
    }


def _user(draw: random.Random, time: str, identifier: str) -> Fields:
    return {
        "email": _email(draw),
        "userId": identifier,
        "itblUserId": f"{draw.getrandbits(128):032x}",
        "profileUpdatedAt": time,
        "signupDate": time,
        "signupSource": "WebForm",
        "emailListIds": [draw.randrange(10**5, 10**6) for _ in range(draw.randrange(4))],
        "subscribedMessageTypeIds": [],
        "unsubscribedChannelIds": [20_000] if draw.random() < 0.2 else [],
        "unsubscribedMessageTypeIds": [],
        "phoneNumber": f"+49300{draw.randrange(10**6):06d}",
        "devices": [{"token": f"{draw.getrandbits(128):032x}", "platform": "APNS", "endpointEnabled": True}],
        "locale": "de-DE",
        "timeZone": "Europe/Berlin",
        "country": "Germany",
        "city": draw.choice(("Köln", "Zürich", "São Paulo")),
        "ip": _address(draw),
        "itblInternal.emailDomain": "example.com",
        **_internal(time),
        **_own_fields(draw),
    }


def _own_fields(draw: random.Random) -> Fields:
    """Thirty fields that no schema of Iterable has, of all types."""
    fields: Fields = {
        "firstName": draw.choice(("Anna", "José", "Li")),
        "note": 'says "hello"\n\tand more — ' + draw.choice(_WORDS),
    }
    for number in range(6):
        fields[f"score{number}"] = draw.randrange(10**6)
        fields[f"ratio{number}"] = draw.random() * 100
        fields[f"segment{number}"] = draw.choice(_WORDS)
        fields[f"isMember{number}"] = draw.random() < 0.5
    fields["favorites"] = draw.sample(_WORDS, 3)
    fields["address"] = {"street": "Hauptstraße 1", "city": "Köln", "geo": {"lat": 50.9, "lon": 6.9}}
    fields["referrer"] = None
    fields["lastOrderAt"] = "2024-05-01T10:20:30.000Z"
    return fields


def _internal(time: str) -> Fields:
    return {"itblInternal.documentCreatedAt": time, "itblInternal.documentUpdatedAt": time}


def _email(draw: random.Random) -> str:
    return f"{draw.choice(('anna', 'li.wei', 'o.brien', 'jose.garcia'))}.{draw.randrange(10**7)}@example.com"


def _address(draw: random.Random) -> str:
    return f"203.0.{draw.randrange(256)}.{draw.randrange(256)}"


def _transaction(draw: random.Random) -> Fields:
    items = [
        {"sku": f"SKU-{draw.randrange(10**6):06d}", "price": draw.randrange(100, 9_999) / 100, "quantity": 1}
        for _ in range(draw.randrange(1, 6))
    ]
    return {
        "eventName": draw.choice(_WORDS),
        "orderId": draw.randrange(10**9),
        "subject": " ".join(draw.choices(_WORDS, k=8)),
        "firstName": draw.choice(("Anna", "José", "Li")),
        "items": items,
        "gift": draw.random() < 0.1,
        "coupon": None,
    }


PLAIN = Kind("email sends, columns only", "email_send", "emailSend", "messageId", _email_send)
OWN_FIELDS = (
    Kind("email sends as in projects", "email_send", "emailSend", "messageId", _as_in_projects, has_own_times=True),
    Kind("email sends, 3 fields of their own", "email_send", "emailSend", "messageId", _with_three),
    Kind("email sends, 30 fields of their own", "email_send", "emailSend", "messageId", _with_thirty),
    Kind("custom events", "custom_event", "customEvent", "userId", _custom_event),
    Kind("users", "users", "user", "userId", _user),
)
KINDS = (PLAIN, *OWN_FIELDS)
