"""Things that the API lists: made from fixtures, the same each time; changed, updated and deleted by tests."""

import threading
from functools import cache
from typing import Any

from .fixtures import Draw, Fixtures, fixture, seeded
from .settings import SandboxSettings
from .times import DAY_MS, HOUR_MS, Clock

Thing = dict[str, Any]
# Made of other things, so made anew when one of those changes.
_DERIVED = ("list_users", "child_campaigns", "template_contents", "template_locales")


class Things:
    """The things of the project by stream. Each is the dictionary that the API sends."""

    def __init__(self, settings: SandboxSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self.start_day_ms = clock.now_ms() // DAY_MS * DAY_MS
        self.epoch_ms = self.start_day_ms - settings.days * DAY_MS
        self._things: dict[str, list[Thing]] = {}
        self._scheduled: dict[int, int] = {}  # campaigns that start and finish by themselves, and when they start
        self._lock = threading.RLock()
        # Events and campaigns go on to name lists that are deleted.
        self.fixtures = Fixtures(lambda name: self._lists if name == "lists" else self.things(name), settings.odd)
        self._maker = cache(lambda name: self.fixtures.maker(fixture(name)))
        self._lists = self.things("lists")

    def things(self, name: str) -> list[Thing]:
        """The things of a stream, in the order of their ids: from the method `_make_` and its name, or else from its
        fixture, as many as the setting of its name says.
        """
        with self._lock:
            if name not in self._things:
                made = getattr(self, f"_make_{name}", None)
                self._things[name] = self._of_fixture(name) if made is None else made()
            return self._things[name]

    def _of_fixture(self, name: str) -> list[Thing]:
        return [self.fill(name, place, name, place) for place in range(getattr(self._settings, name, 10))]

    def fill(self, template: str, place: int, *name: object) -> Thing:
        """A thing of this fixture at this place of its list; its name decides its values and times."""
        draw = Draw(seeded(self._settings.seed, *name), n=place)
        draw.created_ms = self.epoch_ms + draw.below(max(self._settings.days, 1) * DAY_MS)
        draw.updated_ms = draw.created_ms + draw.below(max(self.start_day_ms - draw.created_ms, 1))
        if draw.below(2):
            # Several things share an update's time, as after a bulk edit: a page may end between two of them.
            draw.updated_ms = max(draw.created_ms, draw.updated_ms // (6 * HOUR_MS) * (6 * HOUR_MS))
        # What is sent is sent after its last edit.
        draw.started_ms = (draw.updated_ms + self.start_day_ms) // 2
        draw.ended_ms = (draw.started_ms + self.start_day_ms) // 2
        thing: Thing = self._maker(template)(draw)
        return thing

    def touch(self, name: str, key: str, thing_id: int) -> None:
        """Update the campaign, template or journey with this id now."""
        self.change(name, key, thing_id, updatedAt=self._clock.now_ms())

    def change(self, name: str, key: str, thing_id: int, /, **fields: Any) -> None:
        """Change fields of the campaign, template or journey with this id. Its updatedAt stays, unless it is one of them."""
        self._scheduled.pop(thing_id, None)
        self._replace(name, [{**each, **fields} if each[key] == thing_id else each for each in self.things(name)])

    def delete(self, name: str, key: str, thing_id: int) -> None:
        """Delete the list, campaign, template or journey with this id."""
        self._scheduled.pop(thing_id, None)
        self._replace(name, [each for each in self.things(name) if each[key] != thing_id])

    def _replace(self, name: str, things: list[Thing]) -> None:
        """A new list, as other threads may be sending the old one."""
        with self._lock:
            self._things[name] = things
            for derived in _DERIVED:
                self._things.pop(derived, None)
