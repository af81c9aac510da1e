"""Events from the seed: any window of any data type, made on request and stored nowhere.

They follow on each other: an open, click or bounce belongs to a message sent some hours before, and has its user, campaign,
template and messageId. Some media have more of their messages opened than others, and each campaign fewer as it goes on. The
name of a type decides what its events hold.
"""

import random
import re
import threading
from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from source_iterable.streams import table

from .fixtures import Draw, Maker, Record, fixture, oddities, seeded
from .settings import SandboxSettings
from .times import HOUR_MS, format_time
from .world import Sender, World

USER = "user"
# How much more or less happens on a day than on average; Saturdays and Sundays are those of the calendar, in UTC.
WEEKDAY, WEEKEND = 1.3, 0.25
# At the end of a campaign's life this share of its messages is of no interest any more that was at its beginning.
FADED = 0.85
# A message is opened up to so many hours after it was sent, or later where nothing was sent within them.
HOURS, HOURS_BEFORE = 6, 48
_MESSAGE = re.compile(fixture("events")["message"])  # a family of messages, and what happens to one of them
# So many events, or more in a few hours, stay in memory: those that follow on them need them, and so does every export.
_KEPT = 200_000
# The type that comes before one, where it is not the family's send.
_BEFORE = {later: earlier for earlier, types in fixture("events")["before"].items() for later in types}


def data_types() -> list[str]:
    """All data types that the connector exports; a function, as a test adds one."""
    return [stream.data_type for stream in table.EXPORTS]


def before(data_type: str) -> str | None:
    """The type of event that comes before one of this type; None for the first of a message, or without a message."""
    match = _MESSAGE.fullmatch(data_type)
    return _BEFORE.get(data_type, f"{match[1]}Send" if match and match[2] not in ("Send", "SendSkip") else None)


def medium_of(data_type: str) -> str | None:
    """The medium of the campaigns behind events of this type; None if there are none."""
    earlier, match = before(data_type), _MESSAGE.fullmatch(data_type)
    return medium_of(earlier) if earlier else fixture("events")["media"].get(match[1], "SMS") if match else None


class Kind(NamedTuple):
    """A data type: events an hour, the type that comes before, what sends its messages, the makers of its fields.

    `appeal`: about the share of new messages to which it happens at all; None for all, or all that arrived.
    """

    hourly: float
    before: str | None
    senders: list[Sender]
    appeal: float | None
    shapes: list[Maker]


class Message(NamedTuple):
    """A message: the fields of its campaign, its messageId, and how dull it is, from 0 up."""

    fields: Record
    id: str
    dullness: float


class Moment(NamedTuple):
    """An event before its fields are made."""

    bits: int
    ms: int
    visible_ms: int
    user: int
    message: Message | None


class Events:
    """The events of the project. Every (type, hour) has a random generator of its own, every event in it one large
    number from it, so that a window costs only the hours that it touches.
    """

    def __init__(self, settings: SandboxSettings, world: World) -> None:
        self._settings, self._world, self._fixtures = settings, world, world.fixtures
        self._epoch_hour = world.epoch_ms // HOUR_MS
        held = data_types() if settings.data_types is None else settings.data_types
        weights: dict[str, float] = {**fixture("events")["weights"], **settings.event_weights}
        self._weights = {name: weights.get(name, 2.0) for name in sorted(held) if name != USER}
        self._odd = oddities(self._fixtures, "event", 0.25)
        self._odd_custom = oddities(self._fixtures, "customEvent", 0.8)
        self._kind = lru_cache(None)(self._make_kind)
        busiest = max(self._weights.values(), default=0.0) / (sum(self._weights.values()) or 1.0)
        hours = 256 + int(_KEPT / (1 + settings.events_per_day / 24 * busiest))
        self._moments = lru_cache(hours)(self._make_moments)
        self._by_user = lru_cache(1)(self._make_index)
        self._lock = threading.Lock()

    def _make_kind(self, data_type: str) -> Kind:
        forms, earlier = fixture("events")["shapes"].items(), before(data_type)
        while earlier and not self._weights.get(earlier):
            earlier = before(earlier)
        share = self._weights.get(data_type, 0.0) / (sum(self._weights.values()) or 1.0)
        medium, appeal = medium_of(data_type), fixture("events")["appeal"].get(data_type)
        senders = [each for each in self._world.senders if each.medium == medium]
        makers = [self._fixtures.maker(shape) for form, shape in forms if re.search(form, data_type)]
        return Kind(self._settings.events_per_day * share / 24, earlier, senders, appeal, makers)

    def _make_moments(self, data_type: str, hour: int) -> list[Moment]:
        """The events of one hour, in no order of time."""
        settings, kind, moments = self._settings, self._kind(data_type), []
        # The first day of all was a Thursday.
        hourly = kind.hourly * (WEEKEND if (hour // 24 + 3) % 7 >= 5 else WEEKDAY)
        # Hours count from the first one: on another day the same events happen, that much later.
        chance = random.Random(seeded(settings.seed, "events", data_type, hour - self._epoch_hour, size=16))
        for _ in range(int(hourly + chance.random())):
            rest, offset = divmod(chance.getrandbits(64), HOUR_MS)
            user, draw = rest % settings.users, Draw(chance.getrandbits(704))
            ms = hour * HOUR_MS + offset
            # Drawn even without a lag, so that a lag changes when an event is seen, and nothing of the event.
            lag, late, share = chance.random(), chance.random(), chance.random()
            late_ms = share * settings.late_hours * HOUR_MS if late < settings.late_share else 0
            visible_ms = ms + int(lag * settings.index_lag * 1000 + late_ms)
            message = None
            # One purchase in two is attributed to a message.
            if kind.senders and (data_type != "purchase" or draw.below(2)):
                sent = self._earlier(kind, hour, draw, data_type.endswith("Bounce")) if kind.before else None
                user = user if sent is None else sent.user
                message = _sent(kind.senders, ms, draw) if sent is None else sent.message
            moments.append(Moment(draw.bits, ms, visible_ms, user, message))
        return moments

    def _earlier(self, kind: Kind, hour: int, draw: Draw, bounced: bool) -> Moment | None:
        """An event of an hour before; None if there is none, as for a message sent before all history."""
        last, place, best = hour - 1 - draw.below(HOURS), draw.below(2**32), None
        for each in range(last, max(last - HOURS_BEFORE, self._epoch_hour - 1), -1):
            moments = self._moments(kind.before or "", each)
            for step in range(min(len(moments), 32)):
                moment = moments[(place + step) % len(moments)]
                # An eighth of all messages bounce; these are never opened.
                if moment.message is None or (moment.message.id < "2") != bounced:
                    continue
                if kind.appeal is None or moment.message.dullness < kind.appeal:
                    return moment
                if best is None or best.message is None or moment.message.dullness < best.message.dullness:
                    best = moment
        return best

    def _record(self, data_type: str, moment: Moment) -> Record:
        user = self._world.people.users[moment.user]
        draw = Draw(moment.bits, moment.ms, user, moment.ms % 10_000)
        record: Record = {"createdAt": format_time(moment.ms, draw.pick(self._fixtures.shapes)), **user.identifiers}
        if moment.message is not None:
            record.update(moment.message.fields, messageId=moment.message.id)
        for make in self._kind(data_type).shapes:
            record.update(make(draw))
        if data_type == "purchase":
            record["total"] = sum(item["price"] * item["quantity"] for item in record["shoppingCartItems"])
        record["itblInternal.documentCreatedAt"] = format_time(moment.ms)
        record["itblInternal.documentUpdatedAt"] = format_time(moment.ms + 2000)
        if self._settings.odd:
            if data_type == "customEvent":
                self._odd_custom(record, draw)
            self._odd(record, draw)
        if record.pop("-email", "") is None:
            record.pop("email", None)
        if self._settings.padding:
            record["padding"] = "x" * self._settings.padding
        return record

    def records(self, data_type: str, start_ms: int, end_ms: int, as_of_ms: int) -> Iterator[Record]:
        """The records of the window that an export sees at that moment, in no order of time."""
        first = max(start_ms // HOUR_MS, self._epoch_hour)
        hours = range(first, (min(end_ms, as_of_ms + 1) - 1) // HOUR_MS + 1)
        for hour in (*hours[1::2], *hours[::2]) if self._kind(data_type).hourly else ():
            for moment in self._moments(data_type, hour):
                if start_ms <= moment.ms < end_ms and moment.visible_ms <= as_of_ms:
                    yield self._record(data_type, moment)

    def _make_index(self, end_hour: int) -> dict[int, list[tuple[str, Moment]]]:
        index: dict[int, list[tuple[str, Moment]]] = {}
        for data_type, hour in product(self._weights, range(self._epoch_hour, end_hour)):
            for moment in self._moments(data_type, hour):
                index.setdefault(moment.user, []).append((data_type, moment))
        return index

    def of_user(self, user: int, include_custom: bool, as_of_ms: int) -> Iterator[Record]:
        """All events of a user as export/userEvents has them: nested itblInternal, and `_type`."""
        with self._lock:
            found = self._by_user(as_of_ms // HOUR_MS + 1).get(user, ())
        for data_type, moment in found:
            if moment.visible_ms <= as_of_ms and (include_custom or data_type != "customEvent"):
                yield as_user_event(data_type, self._record(data_type, moment))


def _sent(senders: list[Sender], ms: int, draw: Draw) -> Message:
    """A message of one that sends at this time, or of any if there is none, as in small projects."""
    sender = draw.pick([each for each in senders if each.start_ms <= ms < each.end_ms] or senders)
    age = min(max(ms - sender.start_ms, 0) / max(sender.life_ms, 1), 1.0)
    return Message(sender.fields, draw.hex(32), draw.below(1024) / 1024 / (1 - FADED * age))


def as_user_event(data_type: str, record: Record) -> Record:
    """A record as export/userEvents has it: the dotted `itblInternal.*` keys as one nested object, and its type."""
    event: Record = {}
    for name, value in record.items():
        *path, last = name.split(".") if name.startswith("itblInternal.") else [name]
        place = event
        for step in path:
            place = place.setdefault(step, {})
        # The index may write a document anew after the export: its own times then differ, the event's do not.
        place[last] = "2037-01-01 00:00:00 +00:00" if path and last == "documentUpdatedAt" else value
    return {**event, "_type": data_type}
