"""Timestamps: every time format that Iterable sends, to one RFC 3339 form in UTC."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# 12 or 13 digits: the milliseconds of the years 1973 to 2286. Fewer digits could be anything.
_MILLISECONDS = range(10**11, 10**13)
_SHAPE = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:\.\d+)? ?(?:Z|UTC|([+-])(\d\d):?(\d\d))?)?", re.ASCII
)
# Cache of parsed times: many events share a second. Cleared when full.
_known: dict[str, str] = {}
_MOST_KNOWN = 20_000
# The RFC 3339 form of a text that was seen before, or None.
known_time = _known.get


def rfc3339(value: Any) -> str | None:
    """`value` as an RFC 3339 time with the offset +00:00, or None if it is not a time.

    Seen in exports: `2021-04-14 16:52:42 +00:00`, `... +0000`, `2025-12-19T22:43:34.134105.000Z` (a doubled fraction)
    and epoch milliseconds. A fraction is kept, without trailing zeros, so that one instant has one form. A time without
    an offset is UTC, as everything in the export API is. A day alone, as dates of profiles are written, is its midnight.
    """
    if type(value) is str:
        known = _known.get(value)
        return _parse(value) if known is None else known
    if type(value) is int and value in _MILLISECONDS:
        time = _EPOCH + timedelta(milliseconds=value)
        return _format(time.strftime("%Y-%m-%dT%H:%M:%S"), f"{value % 1000:03d}")
    return None


def is_date(text: str) -> bool:
    """Whether a text is a day, as YYYY-MM-DD."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def milliseconds(value: Any) -> Any:
    """A time in milliseconds since the epoch; any other value as it is."""
    time = rfc3339(value) if type(value) is str else None
    if time is None:
        return value
    whole, _, fraction = time.removesuffix("+00:00").partition(".")
    return (datetime.fromisoformat(f"{whole}+00:00") - _EPOCH) // timedelta(milliseconds=1) + int(f"{fraction}000"[:3])


def _parse(text: str) -> str | None:
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    day, clock, fraction, sign, hours, minutes = match.groups()
    try:
        time = datetime.fromisoformat(f"{day}T{clock or '00:00:00'}")
        if sign and (hours, minutes) != ("00", "00"):
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            time = time - offset if sign == "+" else time + offset
    except (ValueError, OverflowError):
        return None
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    return _known.setdefault(text, _format(time.isoformat(), fraction or ""))


def _format(whole: str, fraction: str) -> str:
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}+00:00" if fraction else f"{whole}+00:00"
