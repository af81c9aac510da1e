"""Instants: the sandbox's clock, the dates that requests carry, and every shape of time that records carry."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta, timezone

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

# Shapes in which exports write a time (seen); the first is by far the commonest.
OFFSET_COLON, OFFSET_PLAIN, DOUBLED_FRACTION, EPOCH_MILLIS = range(4)
SHAPE_OF_16 = (OFFSET_COLON,) * 11 + (OFFSET_PLAIN,) * 2 + (DOUBLED_FRACTION,) * 2 + (EPOCH_MILLIS,)

_REQUEST_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?: ?(?:(Z)|([+-])(\d\d):?(\d\d)))?", re.ASCII)
_RECORD_DATE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:\.\d+)? ?(?:Z|([+-])(\d\d):?(\d\d))?", re.ASCII
)


class Clock:
    """The sandbox's time: a wall clock that may stand still, and a stopwatch that never does. Both can be advanced."""

    def __init__(self, now: datetime | None) -> None:
        self._fixed = now
        self._ahead = 0.0

    def now(self) -> datetime:
        """The time of day, in UTC."""
        base = self._fixed if self._fixed is not None else datetime.now(timezone.utc)
        return base.astimezone(timezone.utc) + timedelta(seconds=self._ahead)

    def now_ms(self) -> int:
        """The time of day in epoch milliseconds."""
        return to_ms(self.now())

    def elapsed(self) -> float:
        """Seconds on the stopwatch: rate limits, jobs and links that expire go by it, even where the day is fixed."""
        return time.monotonic() + self._ahead

    def advance(self, seconds: float) -> None:
        """Move both forward."""
        self._ahead += seconds


def to_ms(instant: datetime) -> int:
    """Epoch milliseconds of an aware datetime."""
    return (instant - EPOCH) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    """The aware datetime of epoch milliseconds."""
    return EPOCH + timedelta(milliseconds=ms)


def window_ms(instant: datetime | str) -> int:
    """The instant a caller names a window's edge with, as epoch milliseconds of its whole second."""
    if isinstance(instant, str):
        parsed = parse_request_date(instant) or datetime.fromisoformat(instant.replace("Z", "+00:00"))
        instant = parsed
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=timezone.utc)
    return to_ms(instant) // 1000 * 1000


def parse_request_date(text: str) -> datetime | None:
    """A date as the export takes it (`yyyy-MM-dd HH:mm:ss [ZZ]`; no offset means UTC); None where it is not one."""
    match = _REQUEST_DATE.fullmatch(text)
    if match is None:
        return None
    return _aware(match.group(1, 2, 3, 4, 5, 6), "0", match.group(8), match.group(9), match.group(10))


def parse_iso_date(text: str) -> datetime | None:
    """A date as campaigns/metrics and templates take it: `YYYY-MM-DD` and other ISO 8601 forms."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        text += " 00:00:00"
    match = _RECORD_DATE.fullmatch(text)
    if match is None:
        return None
    return _aware(match.group(1, 2, 3, 4, 5, 6), match.group(7) or "0", *match.group(8, 9, 10))


def parse_record_time(value: object) -> int | None:
    """Epoch milliseconds of a time in any shape that records carry; None where it is none of them."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return int(value)
    if not isinstance(value, str):
        return None
    instant = parse_iso_date(value)
    return None if instant is None else to_ms(instant)


def _aware(
    parts: tuple[str, ...], fraction: str, sign: str | None, hours: str | None, minutes: str | None
) -> datetime | None:
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    zone = timezone(-offset if sign == "-" else offset) if offset < timedelta(hours=24) else None
    if zone is None:
        return None
    try:
        year, month, day, hour, minute, second = (int(part) for part in parts)
        return datetime(year, month, day, hour, minute, second, int(fraction.ljust(6, "0")), tzinfo=zone)
    except ValueError:
        return None


def format_time(ms: int, shape: int = OFFSET_COLON) -> str | int:
    """A time in one of the shapes."""
    if shape == EPOCH_MILLIS:
        return ms
    moment = time.gmtime(ms // 1000)
    day = f"{moment[0]:04d}-{moment[1]:02d}-{moment[2]:02d}"
    clock = f"{moment[3]:02d}:{moment[4]:02d}:{moment[5]:02d}"
    if shape == DOUBLED_FRACTION:
        return f"{day}T{clock}.{ms % 1000:03d}105.000Z"
    return f"{day} {clock} +0000" if shape == OFFSET_PLAIN else f"{day} {clock} +00:00"


def iso_time(ms: int) -> str:
    """RFC 3339 with milliseconds, as snippets and the list of jobs have it."""
    return from_ms(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")
