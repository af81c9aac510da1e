"""Timestamps: every time format that Iterable sends, to one RFC 3339 form in UTC."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from dateutil.parser import isoparse

# All times here are in UTC, and say so only in their text.
_EPOCH = datetime(1970, 1, 1)
# 12 or 13 digits: the milliseconds of the years 1973 to 2286. Fewer digits could be anything.
_MILLISECONDS = range(10**11, 10**13)
_SHAPE = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(\.\d{1,9})?(?:\.\d+)? ?(?:Z|UTC|([+-])(\d\d):?(\d\d))?)?", re.ASCII
)
# Caches of parsed times, and of their minutes: many events share a second, and nearly all a minute. Cleared when full.
_known: dict[str, str] = {}
_minutes: dict[str, str] = {}
_MOST_KNOWN = 20_000
# What follows the minute of a time in UTC without a fraction, and its form.
_SECONDS = {f":{n:02d}{zone}": f":{n:02d}+00:00" for n in range(60) for zone in (" +00:00", " +0000", "Z", ".000Z")}
# The RFC 3339 form of a text that was seen before, or None.
known_time = _known.get


def rfc3339(value: Any) -> str | None:
    """`value` as an RFC 3339 time with the offset +00:00, or None if it is not a time.

    Seen in exports: `2021-04-14 16:52:42 +00:00`, `... +0000`, `2025-12-19T22:43:34.134105.000Z` (a doubled fraction)
    and epoch milliseconds. A fraction is kept, without trailing zeros, so that one instant has one form. A time without
    an offset is UTC, as everything in the export API is. A day alone, as dates of profiles are written, is its midnight.
    """
    if type(value) is str:
        return _known.get(value) or _parse(value)
    if type(value) is int and value in _MILLISECONDS:
        seconds, thousandths = divmod(value, 1000)
        return _text(_EPOCH + timedelta(seconds=seconds), f".{thousandths:03d}")
    return None


def is_date(text: str) -> bool:
    """Whether a text is a day, as YYYY-MM-DD."""
    return len(text) == 10 and rfc3339(text) is not None


def milliseconds(value: Any) -> Any:
    """A time in milliseconds since the epoch; any other value as it is."""
    time = rfc3339(value) if type(value) is str else None
    return value if time is None else (isoparse(time).replace(tzinfo=None) - _EPOCH) // timedelta(milliseconds=1)


def _parse(text: str) -> str | None:
    minute, second = _minutes.get(text[:16]), _SECONDS.get(text[16:])
    time = minute + second if minute and second else _of_any_shape(text)
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
        _minutes.clear()
    if time:
        _known[text] = time
        if second and not minute:
            _minutes[text[:16]] = time[:16]
    return time


def _of_any_shape(text: str) -> str | None:
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
    return _text(time, fraction or "")


def _text(time: datetime, fraction: str) -> str:
    """A time of whole seconds, and what there is of the next, as `.5`."""
    return f"{time.isoformat()}{fraction.rstrip('.0')}+00:00"
