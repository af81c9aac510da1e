"""What the page embeds: aggregated numbers of whole days, small enough for a browser."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from page import lifetime, queries
from page.queries import BY_CAMPAIGN, BY_CHANNEL, COUNTS

Row = dict[str, Any]
Query = Callable[[str], list[Row]]

# Days of the periods to choose from; besides them, everything.
PERIODS = (7, 28, 90)
# Charts of more days have a point per week. Days go back as far as the longest period and the one before it; those of a
# campaign as far as the longest period.
MOST_DAYS = 2 * max(PERIODS)
# Per channel and period: campaigns in the table, and those of them with days of their own. Projects share these and lists.
MOST_CAMPAIGNS = 400
MOST_WITH_DAYS = 100
MOST_LISTS = 12
# Of each project, the newest.
MOST_EXPERIMENTS = 12
FIGURES = (*COUNTS, "purchases", "revenue")
OWN_FIGURES = ("sent", "delivered", "opens", "clicks")

# The project's name ("": none), and the campaign's id (None: no campaign).
Campaign = tuple[str, int | None]


class Reader:
    """Reads the models by `query` and keeps what the parts of the page share."""

    def __init__(self, query: Query) -> None:
        self.query = query
        (bounds,) = query(lifetime.BOUNDS)
        self.newest: datetime | None = bounds["newest"]
        if self.newest is not None:
            # The first and the last day are partial.
            self.first = bounds["oldest_day"] + timedelta(days=1)
            self.last = (bounds["newest_day"] or self.newest.date()) - timedelta(days=1)
        self.projects = query(lifetime.PROJECTS)
        self.campaigns = {(row["project"], row["id"]): row for row in query(lifetime.CAMPAIGNS)}
        # Campaigns of the page, in the order in which its parts first name them.
        self.places: dict[Campaign, int] = {}

    @property
    def days(self) -> int:
        """How many whole days there are."""
        return 0 if self.newest is None else max(0, (self.last - self.first).days + 1)

    @property
    def weekly(self) -> bool:
        """Whether there are weeks, too."""
        return self.days > MOST_DAYS

    @property
    def monday(self) -> date:
        """The first whole week begins with it."""
        return self.first + timedelta(days=-self.first.weekday() % 7)

    def share(self, most: int) -> int:
        """Of so many things in all, those of each project."""
        return max(1, most // max(1, len(self.projects)))

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
    """All that the page shows. {project: {channel: ...}} has '' for no project, and for purchases that no campaign has."""
    reader = Reader(query)
    can = query(lifetime.CAN)
    found: Row = {
        "newest": reader.newest and _minute(reader.newest),
        "days": reader.days,
        "figures": FIGURES,
        "own_figures": OWN_FIGURES,
        "can": {name: [row["channel"] for row in can if row[name]] for name in can[0] if name != "channel"}
        if can
        else {},
        "most_campaigns": reader.share(MOST_CAMPAIGNS),
        "projects": [
            {"name": row["name"], "oldest": row["oldest"].date().isoformat(), "newest": _minute(row["newest"])}
            for row in reader.projects
        ],
    }
    if reader.days:
        found |= {"first": reader.first.isoformat(), "last": reader.last.isoformat()}
        found["periods"] = [_period(reader, days) for days in (*PERIODS, None) if days is None or days <= reader.days]
        found["series"] = _series(reader)
        found["own"] = _own_days(reader)
        found["lists"] = _lists(query(lifetime.lists(reader.share(MOST_LISTS))))
        found["late"] = _cells(query(queries.late(reader.first, reader.last)))
        found["experiments"] = _named(query(lifetime.experiments(MOST_EXPERIMENTS)))
        found["compared"] = _named(query(lifetime.COMPARED))
        found["different"] = _named(query(lifetime.DIFFERENT))
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
    most = _most(rows, reader.share(MOST_CAMPAIGNS))
    found: Row = {
        "days": days,
        "first": first.isoformat(),
        "last": last.isoformat(),
        "totals": _totals(rows),
        "campaigns": [[reader.place(campaign), channel, *_numbers(row)] for campaign, channel, row in most],
        "campaigns_in_all": sum(campaign[1] is not None for campaign, _, _ in rows),
        "people": _people(reader.query(queries.people(first, last))),
        "journeys": _cells(reader.query(queries.journeys(first, last))),
        "domains": _cells(reader.query(queries.domains(first, last))),
        "skips": _cells(reader.query(queries.skips(first, last))),
    }
    if days is not None and first - timedelta(days=days) >= reader.first:
        before = (first - timedelta(days=days), first - timedelta(days=1))
        found["before"] = {
            "first": before[0].isoformat(),
            "last": before[1].isoformat(),
            "totals": _totals(reader.by_campaign(*before)),
        }
    return found


def _totals(rows: Iterable[tuple[Campaign, str, Row]]) -> Row:
    """{project: {channel: figures}}"""
    totals: Row = defaultdict(lambda: defaultdict(lambda: [0] * len(FIGURES)))
    for (project, _), channel, row in rows:
        known = totals[project][channel]
        totals[project][channel] = [total + number for total, number in zip(known, _numbers(row), strict=True)]
    return totals


def _people(rows: Iterable[Row]) -> Row:
    """{project: {channel ('': in all): persons}}"""
    people: Row = defaultdict(dict)
    for project, channel, *numbers in _cells(rows):
        people[project][channel or ""] = numbers
    return people


def _most(rows: list[tuple[Campaign, str, Row]], most: int) -> list[tuple[Campaign, str, Row]]:
    """The rows of the campaigns that sent the most, in each project and channel."""
    shown: dict[tuple[str, str], int] = defaultdict(int)
    found = []
    for campaign, channel, row in sorted(rows, key=lambda each: (-each[2]["sent"], str(each[0]))):
        shown[campaign[0], channel] += 1
        if campaign[1] is not None and channel and shown[campaign[0], channel] <= most:
            found.append((campaign, channel, row))
    return found


def _series(reader: Reader) -> Row:
    """{project: {channel: ...}} with the figures of each whole day; a 0 is a day without any.

    With many days, of the last ones, and of each whole week.
    """
    if not reader.weekly:
        return {"day": _steps(reader, "day", reader.first, 1)}
    newest = reader.last - timedelta(days=MOST_DAYS - 1)
    return {"day": _steps(reader, "day", newest, 1), "week": _steps(reader, "week", reader.monday, 7)}


def _steps(reader: Reader, unit: str, first: date, step: int) -> Row:
    steps = ((reader.last - first).days + 1) // step
    last = first + timedelta(days=steps * step - 1)
    projects: Row = defaultdict(lambda: defaultdict(lambda: [0] * steps))
    for row in reader.query(queries.figures(first, last, queries.by_time(BY_CHANNEL, "messages.sent_on", unit))):
        place = (row["day"] - first).days // step
        projects[row["project"]][row["channel"]][place] = [*_numbers({**row, "purchases": 0, "revenue": 0})]
    bought = {"project": "events.source_relation", "id": "events.campaign_id"}
    for row in reader.query(queries.purchases(first, last, queries.by_time(bought, "events.created_on", unit))):
        channel = reader.campaigns.get((row["project"], row["id"]), {}).get("channel") or ""
        series, place = projects[row["project"]][channel], (row["day"] - first).days // step
        series[place] = series[place] or [0] * len(FIGURES)
        series[place][-2] += row["purchases"]
        series[place][-1] += _plain(row["revenue"])
    return {"first": first.isoformat(), "step": step, "projects": projects}


def _own_days(reader: Reader) -> Row:
    """Per "campaign channel" its days (and with many days, its weeks): how many days after the first, and OWN_FIGURES."""
    longest = max(PERIODS) if reader.weekly else reader.days
    found: Row = {"day": _own(reader, "day", reader.last - timedelta(days=longest - 1))}
    if reader.weekly:
        found["week"] = _own(reader, "week", reader.monday)
    return found


def _own(reader: Reader, unit: str, first: date) -> Row:
    most = _most(reader.by_campaign(first, reader.last), reader.share(MOST_WITH_DAYS))
    shown = {(campaign, channel) for campaign, channel, _ in most}
    days: dict[str, list[list[Any]]] = defaultdict(list)
    for row in reader.query(
        queries.figures(first, reader.last, queries.by_time(BY_CAMPAIGN, "messages.sent_on", unit))
    ):
        campaign = (row["project"], row["id"])
        if (campaign, row["channel"]) in shown and campaign in reader.places:
            numbers = [_plain(row[name]) for name in OWN_FIGURES]
            days[f"{reader.places[campaign]} {row['channel']}"].append([(row["day"] - first).days, *numbers])
    return {"first": first.isoformat(), "campaigns": {key: sorted(rows) for key, rows in days.items()}}


def _lists(rows: Iterable[Row]) -> list[Row]:
    """Lists, each with its sizes from its first day on; None: it was not counted."""
    found: dict[Campaign, Row] = {}
    for row in rows:
        named = {name: row[name] for name in ("project", "id", "name")}
        kept = found.setdefault((row["project"], row["id"]), {**named, "first": row["day"], "sizes": []})
        missing = (row["day"] - kept["first"]).days - len(kept["sizes"])
        kept["sizes"] += [*[None] * missing, _plain(row["size"])]
    return [{**each, "first": each["first"].isoformat()} for each in found.values()]


def _channels(found: Row) -> list[str]:
    """The channels that sent anything, those with most of it first."""
    sent: dict[str, int] = defaultdict(int)
    for period in found.get("periods", [])[-1:]:
        for totals in period["totals"].values():
            for channel, numbers in totals.items():
                sent[channel] += numbers[0]
    return sorted((channel for channel in sent if channel and sent[channel]), key=lambda name: (-sent[name], name))


def _named(rows: Iterable[Row]) -> list[Row]:
    return [{name: _plain(cell) for name, cell in row.items()} for row in rows]


def _cells(rows: Iterable[Row]) -> list[list[Any]]:
    return [[_plain(cell) for cell in row.values()] for row in rows]


def _numbers(row: Row) -> list[Any]:
    return [_plain(row[name]) for name in FIGURES]


def _minute(time: datetime) -> str:
    return time.isoformat(timespec="minutes")


def _plain(value: Any) -> Any:
    """A value as JSON has it, without digits that nobody reads."""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, (Decimal, float)):
        return int(value) if value == int(value) else round(float(value), 4)
    return value
