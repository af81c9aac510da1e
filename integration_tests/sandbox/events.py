"""Events from the seed: any window of any type, made when it is asked for and held nowhere."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

from .draws import Draw, seeded
from .fields import Event, Record
from .kinds import KINDS
from .settings import SandboxSettings
from .shapes import make_odd, nest_internal
from .times import HOUR_MS, format_time
from .world import World


class Moment:
    """What is known of an event before its fields are made."""

    __slots__ = ("draw", "ms", "user", "visible_ms")

    def __init__(self, draw: Draw, ms: int, visible_ms: int, user: int) -> None:
        self.draw = draw
        self.ms = ms
        self.visible_ms = visible_ms
        self.user = user


class Events:
    """The events of the project.

    Time is cut into hours. Every (type, hour) has a generator of its own, every event in it one large random number, so
    that a window costs the hours it touches, whatever came before it.
    """

    def __init__(self, settings: SandboxSettings, world: World) -> None:
        self._settings = settings
        self._world = world
        self._epoch_hour = world.epoch_ms // HOUR_MS
        held = set(KINDS) if settings.data_types is None else set(settings.data_types) & set(KINDS)
        weights = {name: settings.event_weights.get(name, KINDS[name].weight) for name in held}
        total = sum(weights.values()) or 1.0
        self._hourly = {name: settings.events_per_day * weight / total / 24 for name, weight in weights.items()}
        self._lag_ms = int(settings.index_lag * 1000)
        self._late_ms = int(settings.late_hours * HOUR_MS)
        self._by_user: dict[int, list[tuple[str, int, int]]] = {}
        self._indexed_to = self._epoch_hour
        self._lock = threading.Lock()

    def _hour(self, data_type: str, hour: int) -> Iterator[Moment]:
        """The events of one hour, in no order of time."""
        hourly = self._hourly.get(data_type, 0.0)
        chance = self._chance(data_type, hour)
        count = int(hourly) + (chance.random() < hourly - int(hourly))
        start = hour * HOUR_MS
        late_parts = int(self._settings.late_share * 1000)
        for _ in range(count):
            draw = Draw(chance.getrandbits(768))
            ms = start + draw.below(HOUR_MS)
            # Shares, not amounts: the lag then changes when an event is seen, and nothing of the event.
            delay = draw.below(1_000_000) * self._lag_ms // 1_000_000
            late = draw.below(1000) < late_parts
            share = draw.below(1_000_000)
            user = draw.below(self._settings.users)
            if late:
                delay += share * self._late_ms // 1_000_000
            yield Moment(draw, ms, ms + delay, user)

    def _chance(self, data_type: str, hour: int) -> random.Random:
        return seeded(self._settings.seed, "events", data_type, hour)

    def _record(self, data_type: str, moment: Moment) -> Record:
        user = self._world.people.users[moment.user]
        event = Event(moment.draw, moment.ms, user, self._world)
        record = KINDS[data_type].make(event)
        record["itblInternal.documentCreatedAt"] = format_time(moment.ms)
        record["itblInternal.documentUpdatedAt"] = format_time(moment.ms + 2000)
        make_odd(record, moment.draw)
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
                for moment in self._hour(data_type, hour):
                    if start_ms <= moment.ms < end_ms and moment.visible_ms <= as_of_ms:
                        yield self._record(data_type, moment)

    def of_user(self, user: int, include_custom: bool, as_of_ms: int) -> Iterator[Record]:
        """All events of a user as export/userEvents has them: nested itblInternal, and `_type`."""
        self._index(as_of_ms)
        for data_type, hour, place in self._by_user.get(user, ()):
            if data_type == "customEvent" and not include_custom:
                continue
            for at, moment in enumerate(self._hour(data_type, hour)):
                if at == place:
                    if moment.visible_ms <= as_of_ms:
                        yield as_user_event(data_type, self._record(data_type, moment))
                    break

    def _index(self, as_of_ms: int) -> None:
        """Note which events are whose, up to the hour of that moment."""
        with self._lock:
            upto = as_of_ms // HOUR_MS + 1
            for data_type in self._hourly:
                for hour in range(self._indexed_to, upto):
                    for place, moment in enumerate(self._hour(data_type, hour)):
                        self._by_user.setdefault(moment.user, []).append((data_type, hour, place))
            self._indexed_to = max(self._indexed_to, upto)


def as_user_event(data_type: str, record: Record) -> Record:
    """A record as export/userEvents has it.

    The index may have written the document anew since the export: its own times then differ, the event's do not.
    """
    nested = nest_internal(record)
    internal = nested.get("itblInternal")
    if isinstance(internal, dict) and "documentUpdatedAt" in internal:
        internal["documentUpdatedAt"] = "2037-01-01 00:00:00 +00:00"
    nested["_type"] = data_type
    return nested
