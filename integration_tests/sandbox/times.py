"""Times: the sandbox's clock, the dates of requests, and every form of time in records."""

import re
import time
from datetime import datetime, timedelta, timezone
from functools import cache

from dateutil.parser import isoparse

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
# Forms in which exports write a time (seen), the last one as epoch milliseconds; the first is by far the commonest.
OFFSET_COLON, OFFSET_PLAIN = "{day} {clock} +00:00", "{day} {clock} +0000"
DOUBLED_FRACTION, EPOCH_MILLIS = "{day}T{clock}.{fraction:03d}105.000Z", ""
SHAPE_OF_16 = (OFFSET_COLON,) * 11 + (OFFSET_PLAIN,) * 2 + (DOUBLED_FRACTION,) * 2 + (EPOCH_MILLIS,)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_OFFSET = r"(?: ?(Z|[+-]\d\d:?\d\d))?"
_REQUEST_DATE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d" + _OFFSET, re.ASCII)
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:?\d\d)", re.ASCII)
# A fraction may be doubled: 22:43:34.134105.000Z (seen).
_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(?:([ T]\d\d:\d\d:\d\d(?:\.\d{1,6})?)(?:\.\d+)?" + _OFFSET + ")?", re.ASCII)


class Clock:
    """The time of day, which may stand still, and a stopwatch, which never does. advance() moves both forward."""

    def __init__(self, now: datetime | None) -> None:
        self._fixed, self._ahead = now, 0.0

    def now(self) -> datetime:
        """The time of day, in UTC."""
        base = self._fixed or datetime.now(timezone.utc)
        return base.astimezone(timezone.utc) + timedelta(seconds=self._ahead)

    def now_ms(self) -> int:
        return to_ms(self.now())

    def elapsed(self) -> float:
        """Seconds on the stopwatch, for rate limits, jobs and links that expire."""
        return time.monotonic() + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += seconds


def to_ms(moment: datetime) -> int:
    """Epoch milliseconds of a time; UTC if it has no offset."""
    return ((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)) - _EPOCH) // timedelta(milliseconds=1)


def window_ms(edge: datetime | str) -> int:
    """Epoch milliseconds of the edge of a window, which is a whole second."""
    ms = parse_date(edge) if isinstance(edge, str) else to_ms(edge)
    if ms is None:
        raise ValueError(f"not a time: {edge!r}")
    return ms // 1000 * 1000


def parse_date(text: str) -> int | None:
    """Epoch milliseconds of a date in any form of requests or records, UTC if it has no offset; None for anything else."""
    match = _DATE.fullmatch(text)
    try:
        return to_ms(isoparse("".join(filter(None, match.groups())))) if match else None
    except ValueError:
        return None


def parse_request_date(text: str, iso: bool = False) -> int | None:
    """The same for a date as exports take it: `yyyy-MM-dd HH:mm:ss [ZZ]`, or with `iso` ISO 8601."""
    return parse_date(text) if _REQUEST_DATE.fullmatch(text) or (iso and _ISO_DATE.fullmatch(text)) else None


def parse_record_time(value: object) -> int | None:
    """The same for a time in any form of records, which may be a number."""
    if isinstance(value, str):
        return parse_date(value)
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


@cache
def _day(number: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(number * DAY_MS // 1000))


def format_time(ms: int, shape: str = OFFSET_COLON) -> str | int:
    """A time in one of the forms of exports."""
    minute, second = divmod(ms // 1000, 60)
    clock = f"{minute // 60 % 24:02d}:{minute % 60:02d}:{second:02d}"
    return shape.format(day=_day(ms // DAY_MS), clock=clock, fraction=ms % 1000) if shape else ms


def iso_time(ms: int) -> str:
    """RFC 3339 with milliseconds, as snippets and jobs have it."""
    return (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
