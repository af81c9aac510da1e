"""Users: who they are, which lists hold them, and what their profile says at a given moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .fixtures import Draw, Fixtures, Record, fixture, oddities, seeded
from .settings import EMAIL_BASED, HYBRID, SandboxSettings
from .times import DAY_MS, format_time


class User:
    """One user: identifiers that never change, and the rhythm in which the profile is updated."""

    def __init__(self, index: int, settings: SandboxSettings, epoch_ms: int, words: dict[str, list[Any]]) -> None:
        draw = Draw(seeded(settings.seed, "user", index))
        # Plus signs, capitals and non-ASCII letters are legal in addresses, and break careless URL building.
        name, tag, domain = (draw.pick(words[part]) for part in ("mail_names", "mail_tags", "mail_domains"))
        user_id = draw.pick((f"user-{index}", f"user {index}/ü", f"{index:08d}", f"USER&{index}=?"))
        kind, part = settings.project_type, draw.below(12)
        has_email = kind == EMAIL_BASED or part < (8 if kind == HYBRID else 5)
        has_id = part >= 4 if kind == HYBRID else kind != EMAIL_BASED or part < 5
        self.index = index
        self.email = f"{name}.{index}{tag}@{domain}" if has_email else None
        self.user_id = user_id if has_id else None
        # What records know this user by.
        self.identifiers = {"itblUserId": draw.hex(24)}
        self.identifiers |= {} if self.email is None else {"email": self.email}
        self.identifiers |= {} if self.user_id is None else {"userId": self.user_id}
        self.phone = f"+4930{index:07d}"
        place = draw.pick(words["places"])
        self.city, self.region, self.country = place["city"], place["region"], place["country"]
        self.zone, self.locale = place["zone"], place["locale"]
        self.list_ids: list[int] = []
        self.created_ms = epoch_ms - draw.below(400 * DAY_MS)
        # A quarter of the users never changes after signing up; the others every 1 to 20 days.
        self.period_ms = 0 if draw.below(4) == 0 else DAY_MS + draw.below(19 * DAY_MS)

    def line(self, prefer_user_id: bool) -> str:
        """How lists/getUsers names this user."""
        if self.email is not None and not (prefer_user_id and self.user_id):
            return self.email
        return self.user_id or self.identifiers["itblUserId"]

    def is_member(self, place: int) -> bool:
        """Whether the list at this place holds the user: the first holds all, the third none, the fourth one."""
        if place < 4:
            return (True, self.index % 2 == 0, False, self.index == 0)[place]
        return (self.index * 2_654_435_761 + place * 40_503) % 97 < 97 // (place - 1)


class People:
    """All users of the project. `list_ids` are the lists that hold them, by place."""

    def __init__(self, settings: SandboxSettings, epoch_ms: int, list_ids: list[int], fixtures: Fixtures) -> None:
        self._settings = settings
        self._fixtures = fixtures
        self._profile = fixtures.maker(fixture("profile"))
        self._odd = oddities(fixtures, "user", 0.4)
        self.users = [User(index, settings, epoch_ms, fixtures.words) for index in range(settings.users)]
        self._members = {
            list_id: [user for user in self.users if user.is_member(place)] for place, list_id in enumerate(list_ids)
        }
        for list_id, members in self._members.items():
            for user in members:
                user.list_ids.append(list_id)
        self._by_name = {name: user for user in self.users for name in user.identifiers.values()}

    def find(self, identifier: str) -> User | None:
        """The user with this email, userId or itblUserId."""
        return self._by_name.get(identifier)

    def lines(self, list_id: int, prefer_user_id: bool) -> list[str]:
        """The users of a list as lists/getUsers names them."""
        prefer = prefer_user_id and self._settings.project_type != EMAIL_BASED
        return [user.line(prefer) for user in self._members[list_id]]

    def profiles(self, start_ms: int, end_ms: int, as_of_ms: int) -> Iterator[Record]:
        """The profiles last updated in the window, as the `user` export has them at that moment."""
        for user in self.users:
            update = self._latest_update(user, as_of_ms)
            updated_ms = user.created_ms + update * user.period_ms
            if update >= 0 and start_ms <= updated_ms < end_ms:
                yield self._make(user, update, updated_ms)

    def _latest_update(self, user: User, as_of_ms: int) -> int:
        """How many updates of the profile the export sees at that moment; -1: the user is not there yet."""
        if as_of_ms < user.created_ms or user.period_ms == 0:
            return -1 if as_of_ms < user.created_ms else 0
        update = (as_of_ms - user.created_ms) // user.period_ms
        lag = int(self._settings.index_lag * 1000)
        while lag and update > 0:
            delay = seeded(self._settings.seed, "profile lag", user.index, update) % (lag + 1)
            if user.created_ms + update * user.period_ms + delay <= as_of_ms:
                break
            update -= 1
        return update

    def _make(self, user: User, update: int, updated_ms: int) -> Record:
        draw = Draw(seeded(self._settings.seed, "profile", user.index, update), updated_ms, user)
        shapes = self._fixtures.shapes
        profile: Record = {
            **user.identifiers,
            "profileUpdatedAt": format_time(updated_ms, draw.pick(shapes)),
            "signupDate": format_time(user.created_ms, draw.pick(shapes)),
            **self._profile(draw),
            "updateCount": update,
            "itblInternal.documentCreatedAt": format_time(user.created_ms),
            "itblInternal.documentUpdatedAt": format_time(updated_ms),
        }
        if user.email is not None:
            profile["itblInternal.emailDomain"] = user.email.rpartition("@")[2]
        if self._settings.odd:
            self._odd(profile, draw)
        return profile
