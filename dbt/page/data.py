"""What the page embeds: aggregated numbers of whole days, small enough for a browser."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from page import queries
from page.queries import BY_CAMPAIGN, BY_CHANNEL, COUNTS

Row = dict[str, Any]
Query = Callable[[str], list[Row]]

# Days of the periods to choose from; besides them, everything.
PERIODS = (7, 28, 90)
# Charts of more days have a point per week. Campaigns' own days go back as far as the longest period.
MOST_DAYS = 180
# Per channel and period: campaigns in the table, and those of them with days of their own.
MOST_CAMPAIGNS = 400
MOST_WITH_DAYS = 100
FIGURES = (*COUNTS, "purchases", "revenue")
OWN_FIGURES = ("sent", "delivered", "opens", "clicks")
# Which channels can have what; all have sends and purchases.
BOUNCING = ("Email", "Push", "SMS", "WhatsApp")
CAN = {
    "opens": ("Email", "Push", "InApp", "WhatsApp", "Embedded"),
    "clicks": ("Email", "Web push", "InApp", "SMS", "Embedded", "WhatsApp"),
    "bounced": BOUNCING,
    "unsubscribed": ("Email",),
    "complained": ("Email",),
}

Campaign = tuple[str, int | None]


class Reader:
    """Reads the models by `query` and keeps what the parts of the page share."""

    def __init__(self, query: Query) -> None:
        self.query = query
        (bounds,) = query(queries.BOUNDS)
        self.newest: datetime | None = bounds["newest"]
        if self.newest is not None:
            # The first and the last day are partial.
            self.first = bounds["oldest_day"] + timedelta(days=1)
            self.last = (bounds["newest_day"] or self.newest.date()) - timedelta(days=1)
        self.campaigns = {(row["project"], row["id"]): row for row in query(queries.CAMPAIGNS)}
        # Campaigns of the page, in the order in which its parts first name them.
        self.places: dict[Campaign, int] = {}

    @property
    def days(self) -> int:
        """How many whole days there are."""
        return 0 if self.newest is None else max(0, (self.last - self.first).days + 1)

    def place(self, campaign: Campaign) -> int:
        return self.places.setdefault(campaign, len(self.places))

    def by_campaign(self, first: date, last: date, unit: str = "") -> list[tuple[Campaign, str, Row]]:
        """(campaign, channel, figures) for each campaign, and for each day or week with a unit."""
        sends = queries.by_time(BY_CAMPAIGN, "messages.sent_on", unit) if unit else BY_CAMPAIGN
        bought = {"project": "events.source_relation", "id": "events.campaign_id"}
        bought = dict(queries.by_time(bought, "events.created_on", unit)) if unit else bought
        found: dict[tuple[Campaign, str, date | None], Row] = {}
        for row in self.query(queries.figures(first, last, sends)):
            found[(row["project"], row["id"]), row["channel"], row.get("day")] = {**row, "purchases": 0, "revenue": 0}
        for row in self.query(queries.purchases(first, last, bought)):
            campaign = (row["project"], row["id"])
            channel = self.campaigns.get(campaign, {}).get("channel") or ""
            empty = {**row, **dict.fromkeys(FIGURES, 0)}
            kept = found.setdefault((campaign, channel, row.get("day")), empty)
            kept["purchases"] += row["purchases"]
            kept["revenue"] += row["revenue"]
        return [(campaign, channel, row) for (campaign, channel, _), row in found.items()]


def read(query: Query) -> Row:
    """All that the page shows."""
    reader = Reader(query)
    found: Row = {
        "newest": reader.newest and reader.newest.isoformat(timespec="minutes"),
        "days": reader.days,
        "figures": FIGURES,
        "own_figures": OWN_FIGURES,
        "can": CAN,
        "most_campaigns": MOST_CAMPAIGNS,
        "projects": [
            {"name": row["source_relation"], "newest": row["newest"].isoformat(timespec="minutes")}
            for row in query(queries.PROJECTS)
        ],
        "optional": {
            name: _table(query(sql)) for name, (model, sql) in queries.OPTIONAL.items() if _exists(query, model)
        },
    }
    if "reconciliation" in found["optional"]:
        found["compared"] = _cells(query(queries.COMPARED))
    if reader.days:
        found |= {"first": reader.first.isoformat(), "last": reader.last.isoformat()}
        found["periods"] = [_period(reader, days) for days in (*PERIODS, None) if days is None or days <= reader.days]
        found["series"] = _series(reader)
        found["own"] = _own_days(reader)
        found["lists"] = _lists(query)
        found["late"] = _cells(query(queries.late(reader.first, reader.last)))
    found["channels"] = _channels(found)
    found["campaigns"] = [
        {"id": campaign[1], "name": reader.campaigns.get(campaign, {}).get("name"), "project": campaign[0]}
        for campaign in reader.places
    ]
    return found


def _period(reader: Reader, days: int | None) -> Row:
    """The figures of the last days (None: of all), and those of as many days before, if all of these are whole."""
    last = reader.last
    first = reader.first if days is None else last - timedelta(days=days - 1)
    rows = reader.by_campaign(first, last)
    found: Row = {
        "days": days,
        "first": first.isoformat(),
        "last": last.isoformat(),
        "totals": _by_channel(rows),
        "campaigns": [[reader.place(campaign), channel, *_numbers(row)] for campaign, channel, row in _most(rows)],
        "campaigns_in_all": sum(campaign[1] is not None for campaign, _, _ in rows),
        "people": {channel or "": numbers for channel, *numbers in _cells(reader.query(queries.people(first, last)))},
        "journeys": _cells(reader.query(queries.journeys(first, last))),
        "domains": _cells(reader.query(queries.domains(first, last))),
    }
    if days is not None and first - timedelta(days=days) >= reader.first:
        before = (first - timedelta(days=days), first - timedelta(days=1))
        found["before"] = {
            "first": before[0].isoformat(),
            "last": before[1].isoformat(),
            "totals": _by_channel(reader.by_campaign(*before)),
        }
    return found


def _by_channel(rows: Iterable[tuple[Campaign, str, Row]]) -> Row:
    """Figures by channel; purchases that no campaign has are those of channel ''."""
    totals: dict[str, list[Any]] = defaultdict(lambda: [0] * len(FIGURES))
    for _, channel, row in rows:
        totals[channel] = [total + number for total, number in zip(totals[channel], _numbers(row), strict=True)]
    return dict(totals)


def _most(rows: list[tuple[Campaign, str, Row]], most: int = MOST_CAMPAIGNS) -> list[tuple[Campaign, str, Row]]:
    """The rows of the campaigns that sent the most, in each channel."""
    shown: dict[str, int] = defaultdict(int)
    found = []
    for campaign, channel, row in sorted(rows, key=lambda each: (-each[2]["sent"], str(each[0]))):
        shown[channel] += 1
        if campaign[1] is not None and channel and shown[channel] <= most:
            found.append((campaign, channel, row))
    return found


def _series(reader: Reader) -> Row:
    """Per channel, the figures of each whole day; with many days, those of each whole week too. A 0: a day without."""
    found: Row = {"day": _steps(reader, "day", reader.first, 1)}
    if reader.days > MOST_DAYS:
        found["week"] = _steps(reader, "week", reader.first + timedelta(days=-reader.first.weekday() % 7), 7)
    return found


def _steps(reader: Reader, unit: str, first: date, step: int) -> Row:
    steps = ((reader.last - first).days + 1) // step
    last = first + timedelta(days=steps * step - 1)
    by_time = queries.by_time(BY_CHANNEL, "messages.sent_on", unit)
    channels: dict[str, list[Any]] = defaultdict(lambda: [0] * steps)
    for row in reader.query(queries.figures(first, last, by_time)):
        channels[row["channel"]][(row["day"] - first).days // step] = [*_numbers({**row, "purchases": 0, "revenue": 0})]
    bought = {"project": "events.source_relation", "id": "events.campaign_id"}
    for row in reader.query(queries.purchases(first, last, queries.by_time(bought, "events.created_on", unit))):
        series = channels[reader.campaigns.get((row["project"], row["id"]), {}).get("channel") or ""]
        place = (row["day"] - first).days // step
        series[place] = series[place] or [0] * len(FIGURES)
        series[place][-2] += row["purchases"]
        series[place][-1] += _plain(row["revenue"])
    return {"first": first.isoformat(), "step": step, "channels": channels}


def _own_days(reader: Reader) -> Row:
    """Per "campaign channel" its days (and with many days, its weeks): how many days after the first, and OWN_FIGURES."""
    longest = min(reader.days, MOST_DAYS if reader.days <= MOST_DAYS else max(PERIODS))
    found: Row = {"day": _own(reader, "day", reader.last - timedelta(days=longest - 1))}
    if reader.days > MOST_DAYS:
        found["week"] = _own(reader, "week", reader.first + timedelta(days=-reader.first.weekday() % 7))
    return found


def _own(reader: Reader, unit: str, first: date) -> Row:
    sends = _most(reader.by_campaign(first, reader.last), MOST_WITH_DAYS)
    shown = {(campaign, channel) for campaign, channel, _ in sends}
    days: dict[str, list[list[Any]]] = defaultdict(list)
    for row in reader.query(
        queries.figures(first, reader.last, queries.by_time(BY_CAMPAIGN, "messages.sent_on", unit))
    ):
        campaign = (row["project"], row["id"])
        if (campaign, row["channel"]) in shown and campaign in reader.places:
            numbers = [_plain(row[name]) for name in OWN_FIGURES]
            days[f"{reader.places[campaign]} {row['channel']}"].append([(row["day"] - first).days, *numbers])
    return {"first": first.isoformat(), "campaigns": {key: sorted(rows) for key, rows in days.items()}}


def _lists(query: Query) -> list[Row]:
    found: dict[Campaign, Row] = {}
    for row in query(queries.LISTS):
        key = (row["project"], row["id"])
        kept = found.setdefault(key, {"id": row["id"], "name": row["name"], "project": row["project"], "sizes": []})
        kept["sizes"].append([row["day"].isoformat(), _plain(row["size"])])
    return list(found.values())


def _channels(found: Row) -> list[str]:
    """The channels that sent anything, those with most of it first."""
    sent = {
        channel: numbers[0]
        for period in found.get("periods", [])
        for channel, numbers in period["totals"].items()
        if channel and numbers[0]
    }
    return sorted(sent, key=lambda channel: (-sent[channel], channel))


def _exists(query: Query, model: str) -> bool:
    schema = "table_schema = current_schema()"
    return bool(query(f"SELECT 1 FROM information_schema.tables WHERE {schema} AND table_name = '{model}'"))


def _table(rows: list[Row]) -> Row:
    return {"columns": list(rows[0]) if rows else [], "rows": _cells(rows)}


def _cells(rows: list[Row]) -> list[list[Any]]:
    return [[_plain(cell) for cell in row.values()] for row in rows]


def _numbers(row: Row) -> list[Any]:
    return [_plain(row[name]) for name in FIGURES]


def _plain(value: Any) -> Any:
    """A value as JSON has it, without digits that nobody reads."""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, (Decimal, float)):
        return int(value) if value == int(value) else round(float(value), 4)
    return value
