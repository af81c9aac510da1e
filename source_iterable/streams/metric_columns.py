"""The metrics of a campaign that become columns, whatever Iterable's reports call them."""

from __future__ import annotations

import re
from functools import lru_cache

from source_iterable.reading.stream import Fields

# The names of each column's metric, best first, without the words that name only the medium. They are on Iterable's page of
# metric definitions, and were seen in reports (`Total Email Sends`, `Total Pushes Sent`).
_COLUMNS = {
    "sends": ("total sends", "sends"),
    "delivered": ("total delivered", "delivered"),
    "totalOpens": ("total opens", "opens"),
    "uniqueOpens": ("unique opens",),
    "totalClicks": ("total clicks", "clicks"),
    "uniqueClicks": ("unique clicks",),
    "bounces": ("total bounces", "bounces"),
    "unsubscribes": ("total unsubscribes", "unsubscribes"),
    "complaints": ("total complaints", "complaints"),
    "purchases": ("total purchases", "purchases"),
    "revenue": ("revenue", "total revenue"),
}
_MEDIUM = re.compile(r"\b(e-?mails?|push(es)?|web|sms|mms|in-?apps?|embedded|whats-?app|rcs|messages?)\b")
_SAME = {
    "send": "sends",
    "sent": "sends",
    "opened": "opens",
    "click": "clicks",
    "clicked": "clicks",
    "bounced": "bounces",
}
# Counts fit 64 bits.
_COUNTS_END = 2**63


def columns(metrics: Fields) -> Fields:
    """The columns that the metrics of a campaign fill; those of several media are added up."""
    values: dict[str, dict[str, int | float]] = {}
    for name, value in metrics.items():
        if isinstance(value, (int, float)):
            metric, medium = _metric(name)
            values.setdefault(metric, {}).setdefault(medium, value)
    found: Fields = {}
    for column, names in _COLUMNS.items():
        of_media = next((values[name] for name in names if name in values), None)
        if of_media is not None:
            # A metric without a medium in its name covers all media.
            value = of_media[""] if "" in of_media else sum(of_media.values())
            if column == "revenue":
                found[column] = value
            elif abs(value) < _COUNTS_END and value == int(value):  # what is no count stays in `data` only
                found[column] = int(value)
    return found


@lru_cache(maxsize=1000)
def _metric(name: str) -> tuple[str, str]:
    """The name of a metric without its medium, and the medium: `total opens` and `inapp` of `Total In-App Opens`."""
    medium = _MEDIUM.search(name.lower())
    words = _MEDIUM.sub(" ", name.lower()).split()
    return " ".join(_SAME.get(word, word) for word in words), medium[0].replace("-", "")[:5] if medium else ""
