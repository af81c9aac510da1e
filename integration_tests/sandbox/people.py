"""Users: who they are, which lists hold them, and what their profile says at a given moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .draws import Draw
from .settings import EMAIL_BASED, HYBRID, SandboxSettings
from .shapes import encode
from .times import DAY_MS, SHAPE_OF_16, format_time
from .words import (
    DEVICES,
    FIRST_NAMES,
    LAST_NAMES,
    LOCALES,
    MAIL_DOMAINS,
    MAIL_NAMES,
    ODD_TEXTS,
    PLACES,
    PRODUCTS,
    SIGNUP_SOURCES,
)

FIRST_LIST_ID = 1001

# Custom profile fields of the project, with the types that users/getFields names.
CUSTOM_FIELDS = {
    "firstName": "string",
    "lastName": "string",
    "age": "long",
    "isVip": "boolean",
    "loyaltyPoints": "double",
    "birthday": "date",
    "favouriteProducts": "string",
    "address": "object",
    "lastStore": "geo_location",
    "Größe": "string",
    "note with space": "string",
}
STANDARD_FIELDS = {
    "email": "string",
    "userId": "string",
    "itblUserId": "string",
    "profileUpdatedAt": "date",
    "signupDate": "date",
    "signupSource": "string",
    "emailListIds": "long",
    "subscribedMessageTypeIds": "long",
    "unsubscribedChannelIds": "long",
    "unsubscribedMessageTypeIds": "long",
    "phoneNumber": "string",
    "devices": "object",
    "locale": "string",
    "timeZone": "string",
    "country": "string",
    "city": "string",
    "region": "string",
    "ip": "string",
    "itblInternal.emailDomain": "string",
    "itblInternal.documentCreatedAt": "date",
    "itblInternal.documentUpdatedAt": "date",
    "itblDS.brandAffinityLabel": "string",
}


class User:
    """One user: identifiers that never change, and the rhythm in which the profile is updated."""

    __slots__ = ("created_ms", "email", "index", "itbl_user_id", "period_ms", "phone", "place", "user_id")

    def __init__(self, index: int, settings: SandboxSettings, epoch_ms: int) -> None:
        draw = Draw.named(settings.seed, "user", index)
        # Plus signs, capitals and non-ASCII letters are legal in addresses, and break careless URL building.
        odd = draw.pick(("+shop", "", "", "", ".x", "", "%2B", ""))
        email = f"{draw.pick(MAIL_NAMES)}.{index}{odd}@{draw.pick(MAIL_DOMAINS)}"
        user_id = draw.pick((f"user-{index}", f"user {index}/ü", f"{index:08d}", f"USER&{index}=?"))
        part = draw.below(12)
        kind = settings.project_type
        has_email = kind == EMAIL_BASED or (part < 8 if kind == HYBRID else part < 5)
        has_id = part >= 4 if kind == HYBRID else (part < 5 if kind == EMAIL_BASED else True)
        self.index = index
        self.email = email if has_email else None
        self.user_id = user_id if has_id else None
        self.itbl_user_id = draw.hex(24)
        self.phone = f"+4930{index:07d}"
        self.place = draw.below(len(PLACES))
        self.created_ms = epoch_ms - draw.below(400 * DAY_MS)
        # A quarter of the users never changes after signing up; the others every 1 to 20 days.
        self.period_ms = 0 if draw.one_in(4) else DAY_MS + draw.below(19 * DAY_MS)

    def identifiers(self) -> dict[str, str]:
        """What records know this user by."""
        known = {"itblUserId": self.itbl_user_id}
        if self.email is not None:
            known["email"] = self.email
        if self.user_id is not None:
            known["userId"] = self.user_id
        return known

    def line(self, prefer_user_id: bool) -> str:
        """How lists/getUsers names this user."""
        if (prefer_user_id and self.user_id is not None) or self.email is None:
            return self.user_id or self.itbl_user_id
        return self.email


class People:
    """All users of the project."""

    def __init__(
        self, settings: SandboxSettings, epoch_ms: int, list_ids: list[int], message_type_ids: list[int]
    ) -> None:
        self._settings = settings
        self._list_ids = list_ids
        self._message_type_ids = message_type_ids
        self.users = [User(index, settings, epoch_ms) for index in range(settings.users)]
        self._by_name: dict[str, User] = {}
        for user in self.users:
            for name in user.identifiers().values():
                self._by_name[name] = user

    def find(self, identifier: str) -> User | None:
        """The user with this email, userId or itblUserId."""
        return self._by_name.get(identifier)

    def is_member(self, place: int, user: User) -> bool:
        """Whether the list at this place holds the user: the first holds all, the third none, the fourth one."""
        index = user.index
        if place < 4:
            return (True, index % 2 == 0, False, index == 0)[place]
        return (index * 2_654_435_761 + place * 40_503) % 97 < 97 // (place - 1)

    def members(self, place: int) -> list[User]:
        """The users of the list at this place."""
        return [user for user in self.users if self.is_member(place, user)]

    def latest_update(self, user: User, as_of_ms: int) -> int:
        """How many times the profile had been updated, as far as the export sees at that moment; -1: not there yet."""
        if as_of_ms < user.created_ms:
            return -1
        if user.period_ms == 0:
            return 0
        update = (as_of_ms - user.created_ms) // user.period_ms
        lag = int(self._settings.index_lag * 1000)
        while lag and update > 0 and self._visible_ms(user, update, lag) > as_of_ms:
            update -= 1
        return update

    def _visible_ms(self, user: User, update: int, lag: int) -> int:
        delay = Draw.named(self._settings.seed, "profile lag", user.index, update).below(lag + 1)
        return user.created_ms + update * user.period_ms + delay

    def profiles(self, start_ms: int, end_ms: int, as_of_ms: int) -> Iterator[dict[str, Any]]:
        """The profiles last updated in the window, as the `user` export has them at that moment."""
        for user in self.users:
            update = self.latest_update(user, as_of_ms)
            updated_ms = user.created_ms + update * user.period_ms
            if update >= 0 and start_ms <= updated_ms < end_ms:
                yield self._profile(user, update, updated_ms)

    def _profile(self, user: User, update: int, updated_ms: int) -> dict[str, Any]:
        draw = Draw.named(self._settings.seed, "profile", user.index, update)
        city, region, country, zone = PLACES[user.place]
        shape = draw.pick(SHAPE_OF_16)
        types = self._message_type_ids
        profile: dict[str, Any] = {
            **user.identifiers(),
            "profileUpdatedAt": format_time(updated_ms, shape),
            "signupDate": format_time(user.created_ms, draw.pick(SHAPE_OF_16)),
            "signupSource": draw.pick(SIGNUP_SOURCES),
            "emailListIds": [
                self._list_ids[place] for place in range(len(self._list_ids)) if self.is_member(place, user)
            ],
            "subscribedMessageTypeIds": [draw.pick(types)] if types else [],
            "unsubscribedChannelIds": [],
            "unsubscribedMessageTypeIds": [draw.pick(types)] if types and draw.one_in(4) else [],
            "phoneNumber": user.phone,
            "devices": self._devices(draw),
            "locale": LOCALES[user.place],
            "timeZone": zone,
            "country": country,
            "city": city,
            "region": region,
            "ip": f"192.0.2.{draw.below(256)}",
            "firstName": draw.pick(FIRST_NAMES),
            "lastName": draw.pick(LAST_NAMES),
            "age": 18 + draw.below(70),
            "isVip": draw.one_in(5),
            "loyaltyPoints": draw.below(100_000) / 4,
            "favouriteProducts": [draw.pick(PRODUCTS), draw.pick(PRODUCTS)],
            "address": {"street": "Hauptstraße 1", "zip": f"{draw.below(100_000):05d}", "tags": []},
            "updateCount": update,
        }
        if user.email is not None:
            profile["itblInternal.emailDomain"] = user.email.rpartition("@")[2]
        profile["itblInternal.documentCreatedAt"] = format_time(user.created_ms)
        profile["itblInternal.documentUpdatedAt"] = format_time(updated_ms)
        profile["itblDS.brandAffinityLabel"] = draw.pick(("loyal", "neutral", "negative", None))
        self._make_odd(profile, draw)
        return profile

    @staticmethod
    def _devices(draw: Draw) -> list[dict[str, Any]]:
        return [
            {"token": draw.hex(32), "platform": draw.pick(("APNS", "GCM")), "appPackageName": draw.pick(DEVICES)}
            for _ in range(draw.below(3))
        ]

    @staticmethod
    def _make_odd(profile: dict[str, Any], draw: Draw) -> None:
        choice = draw.below(20)
        if choice == 0:
            profile["age"] = "unknown"
        elif choice == 1:
            profile["phoneNumber"] = 49_301_234_567
        elif choice == 2:
            profile["note with space"] = draw.pick(ODD_TEXTS)
        elif choice == 3:
            profile["data"] = {"a field of this name": True}
        elif choice == 4:
            profile["emailListIds"] = None
        elif choice == 5:
            profile["signupDate"] = ""
        elif choice == 6:
            profile["customerNumber"] = 2**53 + 1 + draw.below(2**60)
        elif choice == 7:
            profile["Größe"] = ["L", None, 42]

    def lines(self, start_ms: int, end_ms: int, as_of_ms: int) -> Iterator[bytes]:
        """The same, encoded."""
        return map(encode, self.profiles(start_ms, end_ms, as_of_ms))
