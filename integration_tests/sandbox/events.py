"""Events from the seed: any window of any type, made when it is asked for and held nowhere.

They tell a story: what happens to a message (opened, clicked, bounced) happens to one that was sent in an hour before, to
the same user, with the same campaign, template and messageId.
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from .fixtures import Draw, Maker, Record, fixture, oddities, patched, seeded
from .kinds import USER, before, data_types, medium_of
from .settings import SandboxSettings
from .times import HOUR_MS, format_time
from .world import World

# A message is opened up to so many hours after it was sent; where nothing was sent then, what was sent earlier is taken.
HOURS, HOURS_BEFORE = 6, 48


class Moment(NamedTuple):
    """An event before its fields are made. `message`: the fields that are its campaign's, and its messageId."""

    bits: int
    ms: int
    visible_ms: int
    user: int
    message: tuple[Record, str] | None

    @property
    def bounced(self) -> bool:
        """Whether the message came back: then nobody opens it. An eighth of all do."""
        return self.message is not None and self.message[1] < "2"


class Events:
    """The events of the project.

    Time is cut into hours. Every (type, hour) has a generator of its own, every event in it one large random number, so
    that a window costs the hours it touches, whatever came before it.
    """

    def __init__(self, settings: SandboxSettings, world: World) -> None:
        self._settings = settings
        self._world = world
        self.data_types = data_types()
        self._epoch_hour = world.epoch_ms // HOUR_MS
        events, makers = fixture("events"), world.fixtures
        held = set(self.data_types if settings.data_types is None else settings.data_types) - {USER}
        weights = {**dict.fromkeys(held, events["weights"]["others"]), **events["weights"], **settings.event_weights}
        total = sum(weights[name] for name in held) or 1.0
        self._hourly = {n: settings.events_per_day * weights[n] / total / 24 for n in self.data_types if n in held}
        self._before = {name: self._held_before(name) for name in self._hourly}
        self._messages = {name: world.messages(medium_of(name)) for name in self._hourly}
        self._shapes: dict[str, list[Maker]] = {
            name: [makers.maker(shape) for form, shape in events["shapes"].items() if re.search(form, name)]
            for name in self._hourly
        }
        self._custom = [makers.maker(shape) for shape in events["custom"]]
        self._odd = oddities(makers, "event", 0.25)
        self._odd_custom = oddities(makers, "customEvent", 0.8)
        # An hour's moments are asked for again by the events that follow on them.
        self._moments = lru_cache(256)(self._make_moments)
        self._by_user: dict[int, list[tuple[str, Moment]]] = {}
        self._indexed_to = self._epoch_hour
        self._lock = threading.Lock()

    def _held_before(self, data_type: str) -> str | None:
        earlier = before(data_type)
        while earlier and not self._hourly.get(earlier):
            earlier = before(earlier)
        return earlier

    def _make_moments(self, data_type: str, hour: int) -> list[Moment]:
        """The events of one hour, in no order of time."""
        settings, hourly = self._settings, self._hourly[data_type]
        chance = random.Random(seeded(settings.seed, "events", data_type, hour, size=16))
        count = int(hourly) + (chance.random() < hourly - int(hourly))
        earlier, messages = self._before[data_type], self._messages[data_type]
        moments = []
        for _ in range(count):
            rest, offset = divmod(chance.getrandbits(64), HOUR_MS)
            user = rest % settings.users
            ms = visible_ms = hour * HOUR_MS + offset
            # Shares, not amounts: the lag then changes when an event is seen, and nothing of the event.
            lag, late, share = chance.random(), chance.random(), chance.random()
            visible_ms += int(lag * settings.index_lag * 1000)
            if late < settings.late_share:
                visible_ms += int(share * settings.late_hours * HOUR_MS)
            draw = Draw(chance.getrandbits(704))
            message = None
            # One purchase in two is attributed to a message.
            if messages and (data_type != "purchase" or draw.below(2)):
                sent = self._earlier(earlier, hour, draw, data_type.endswith("Bounce")) if earlier else None
                user = user if sent is None else sent.user
                message = (draw.pick(messages), draw.hex(32)) if sent is None else sent.message
            moments.append(Moment(draw.bits, ms, visible_ms, user, message))
        return moments

    def _earlier(self, data_type: str, hour: int, draw: Draw, bounced: bool) -> Moment | None:
        """An event of an hour before; None where there is none, as of a message that was sent before all history."""
        last = hour - 1 - draw.below(HOURS)
        place = draw.below(2**32)
        for each in range(last, max(last - HOURS_BEFORE, self._epoch_hour - 1), -1):
            moments = self._moments(data_type, each)
            for step in range(min(len(moments), 16)):
                moment = moments[(place + step) % len(moments)]
                if moment.bounced == bounced:
                    return moment
        return None

    def _record(self, data_type: str, moment: Moment) -> Record:
        user = self._world.people.users[moment.user]
        draw = Draw(moment.bits, moment.ms, user)
        draw.n = moment.ms % 10_000
        record: Record = {
            "createdAt": format_time(moment.ms, draw.pick(self._world.fixtures.shapes)),
            **user.identifiers,
        }
        if moment.message is not None:
            record.update(moment.message[0])
            record["messageId"] = moment.message[1]
        for make in self._shapes[data_type]:
            patched(record, make(draw))
        if data_type == "customEvent":
            record.update(draw.pick(self._custom)(draw))
        elif data_type == "purchase":
            record["total"] = sum(item["price"] * item["quantity"] for item in record["shoppingCartItems"])
        elif data_type == "journeyExit" and self._world.things("journeys"):
            journey = draw.pick(self._world.things("journeys"))
            record["workflowId"], record["workflowName"] = journey["id"], journey["name"]
        record["itblInternal.documentCreatedAt"] = format_time(moment.ms)
        record["itblInternal.documentUpdatedAt"] = format_time(moment.ms + 2000)
        if self._settings.odd:
            if data_type == "customEvent":
                self._odd_custom(record, draw)
            self._odd(record, draw)
        if self._settings.padding:
            record["padding"] = "x" * self._settings.padding
        return record

    def records(self, data_type: str, start_ms: int, end_ms: int, as_of_ms: int) -> Iterator[Record]:
        """The records of the window that an export sees at that moment, in no order of time.

        Half the hours come before the other half: a window of hours is as unsorted as one of minutes.
        """
        if data_type not in self._hourly:
            return
        first = max(start_ms // HOUR_MS, self._epoch_hour)
        last = (min(end_ms, as_of_ms + 1) - 1) // HOUR_MS
        for begin in (first + 1, first):
            for hour in range(begin, last + 1, 2):
                for moment in self._moments(data_type, hour):
                    if start_ms <= moment.ms < end_ms and moment.visible_ms <= as_of_ms:
                        yield self._record(data_type, moment)

    def of_user(self, user: int, include_custom: bool, as_of_ms: int) -> Iterator[Record]:
        """All events of a user as export/userEvents has them: nested itblInternal, and `_type`."""
        self._index(as_of_ms // HOUR_MS + 1)
        for data_type, moment in self._by_user.get(user, ()):
            if moment.visible_ms <= as_of_ms and (include_custom or data_type != "customEvent"):
                yield as_user_event(data_type, self._record(data_type, moment))

    def _index(self, hour: int) -> None:
        """Note which events are whose, up to that hour."""
        with self._lock:
            for data_type in self._hourly:
                for each in range(self._indexed_to, hour):
                    for moment in self._moments(data_type, each):
                        self._by_user.setdefault(moment.user, []).append((data_type, moment))
            self._indexed_to = max(self._indexed_to, hour)


def as_user_event(data_type: str, record: Record) -> Record:
    """A record as export/userEvents has it: the dotted `itblInternal.*` keys as one nested object, and its type.

    The index may have written the document anew since the export: its own times then differ, the event's do not.
    """
    event: Record = {}
    for name, value in record.items():
        *path, last = name.split(".") if name.startswith("itblInternal.") else [name]
        place = event
        for step in path:
            place = place.setdefault(step, {})
        place[last] = value
    if "documentUpdatedAt" in (event.get("itblInternal") or {}):
        event["itblInternal"]["documentUpdatedAt"] = "2037-01-01 00:00:00 +00:00"
    event["_type"] = data_type
    return event
