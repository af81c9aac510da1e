"""The odd shapes: what real records look like on a bad day. Each occurs regularly, none on purpose of the reader."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from .draws import Draw
from .words import ODD_TEXTS

Record = dict[str, Any]


def _without_email(record: Record, draw: Draw) -> None:
    # Only where another identifier is left: an event always belongs to somebody.
    if "itblUserId" in record or "userId" in record:
        record.pop("email", None)


def _null_field(record: Record, draw: Draw) -> None:
    record[draw.pick(("campaignId", "templateId", "messageTypeId", "workflowId", "city", "ip", "contentId"))] = None


def _unexpected_type(record: Record, draw: Draw) -> None:
    name, value = draw.pick(
        (
            ("campaignId", "123456"),
            ("templateId", {"id": 7}),
            ("workflowName", ["a", "list"]),
            ("isBot", "maybe"),
            ("catalogLookupCount", 1.5),
            ("emailListIds", "all"),
            ("total", "12,50"),
            ("contentId", True),
            ("experimentId", "none"),
            ("channelIds", [1, "two", None]),
            ("messageTypeId", "promotional"),
            ("shoppingCartItems", {"0": {"id": "a"}}),
            ("badge", [1]),
            ("deviceInfo", "iPhone"),
            ("sentAt", "yesterday"),
            ("expiresAt", ""),
        )
    )
    record[name] = value


def _unknown_field(record: Record, draw: Draw) -> None:
    record[f"newField{draw.below(5)}"] = {"deep": [{"er": [[], {}, [None]]}], "n": draw.below(1000)}


def _big_number(record: Record, draw: Draw) -> None:
    record["sequenceNumber"] = 2**53 + 1 + draw.below(2**62)
    record["ratio"] = draw.pick((1e-9, 1e22, -0.0, 1.0, 0.1, 1.7976931348623157e308))


def _odd_text(record: Record, draw: Draw) -> None:
    record[draw.pick(("workflowName", "city", "note", "linkUrl"))] = draw.pick(ODD_TEXTS)


def _odd_transactional_data(record: Record, draw: Draw) -> None:
    record["transactionalData"] = draw.pick(
        (
            "[1, 2, 3]",
            '"only text"',
            "not json {",
            "",
            "null",
            '{"a": {"b": "\u2028"}, "c": 12.50, "c": 13}',
            "{}",
            None,
        )
    )


def _reserved_names(record: Record, draw: Draw) -> None:
    # A sender may name a field as the connector names its own.
    record[draw.pick(("data", "_event_id", "_airbyte_data"))] = draw.pick(({"x": 1}, "text", 7, None, ["y"]))


def _odd_key(record: Record, draw: Draw) -> None:
    name = draw.pick(("with.dot", "with space", "größe", "UPPER", "a" * 130, "1digit", "campaignid", "$set", "🎈"))
    record[name] = draw.below(100)


def _odd_internal(record: Record, draw: Draw) -> None:
    record["itblInternal.deep.nested.flag"] = draw.one_in(2)
    record["itblInternal.score"] = draw.below(1000) / 8


ODDITIES: tuple[Callable[[Record, Draw], None], ...] = (
    _without_email,
    _null_field,
    _unexpected_type,
    _unknown_field,
    _big_number,
    _odd_text,
    _odd_transactional_data,
    _reserved_names,
    _odd_key,
    _odd_internal,
    _unexpected_type,
    _odd_text,
)


def make_odd(record: Record, draw: Draw) -> None:
    """Give about one record in four an odd shape."""
    choice = draw.below(48)
    if choice < 12:
        ODDITIES[choice](record, draw)


def nest_internal(record: Record) -> Record:
    """The record as export/userEvents has it: the flat dotted `itblInternal.*` keys as one nested object."""
    nested: Record = {}
    internal: Record = {}
    for name, value in record.items():
        if name.startswith("itblInternal."):
            place = internal
            *path, last = name.split(".")[1:]
            for step in path:
                place = place.setdefault(step, {})
            place[last] = value
        else:
            nested[name] = value
    if internal:
        nested["itblInternal"] = internal
    return nested


def encode(record: Record) -> bytes:
    """The record as one line, without its end. U+2028 and its like stay unescaped, as JSON allows."""
    return orjson.dumps(record)
