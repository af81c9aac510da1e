"""The project's users, and the lists that hold them."""

from collections.abc import Collection, Iterator

from .fixtures import ABSENT, Draw, Fixtures, Maker, Record, fixture, oddities, seeded
from .settings import EMAIL_BASED, HYBRID, SandboxSettings
from .times import DAY_MS


class User:
    """One user: identifiers, which never change, and how often the profile is updated."""

    def __init__(self, index: int, settings: SandboxSettings, epoch_ms: int, list_ids: list[int], make: Maker) -> None:
        draw, kind = Draw(seeded(settings.seed, "user", index), n=index), settings.project_type
        self.index, made = index, make(draw)
        # Plus signs, capitals and non-ASCII letters are legal in identifiers, and break careless URL building.
        part, user_id = made["part"], made["userId"]
        if settings.odd and kind == HYBRID and index % 8 == 5:
            user_id = f"user{index}@login.example"
        self.identifiers: dict[str, str] = {"itblUserId": made["itblUserId"]}
        if kind == EMAIL_BASED or part < (8 if kind == HYBRID else 5):
            self.identifiers["email"] = made["email"]
        if part >= 4 if kind == HYBRID else kind != EMAIL_BASED or part < 5:
            self.identifiers["userId"] = user_id
        vars(self).update(made["place"])  # city, region, country, zone and locale
        self.phone = made["phone"]
        self.list_ids = [list_id for place, list_id in enumerate(list_ids) if self._is_member(place)]
        email = self.identifiers.get("email")
        self.domain = ABSENT if email is None else email.rpartition("@")[2]
        self.created_ms = epoch_ms - draw.below(400 * DAY_MS)
        # A quarter of the users never changes after signing up; the others every 1 to 20 days.
        self.period_ms = DAY_MS + draw.below(19 * DAY_MS) if draw.below(4) else 0
        self.lag_ms = draw.below(int(settings.index_lag * 1000) + 1)

    def line(self, prefer_user_id: bool) -> str:
        names = ("userId", "email") if prefer_user_id else ("email", "userId")
        return next(self.identifiers[name] for name in (*names, "itblUserId") if name in self.identifiers)

    def _is_member(self, place: int) -> bool:
        """Whether the list at this place holds the user: the first holds all users, the third none, the fourth one."""
        if place < 4:
            return (True, self.index % 2 == 0, False, self.index == 0)[place]
        return (self.index * 2_654_435_761 + place * 40_503) % 97 < 97 // (place - 1)


class People:
    """All users of the project. `list_ids`: the project's lists, in order."""

    def __init__(self, settings: SandboxSettings, epoch_ms: int, list_ids: list[int], fixtures: Fixtures) -> None:
        self._settings = settings
        self._profile, self._odd = fixtures.maker(fixture("profile")), oddities(fixtures, "user", 0.4)
        make = fixtures.maker(fixture("user"))
        self.users = [User(index, settings, epoch_ms, list_ids, make) for index in range(settings.users)]
        self._by_name = {name: user for user in self.users for name in user.identifiers.values()}

    def find(self, identifier: str, kinds: Collection[str]) -> User | None:
        """The user with this identifier, if it is of one of these kinds: email, userId, itblUserId."""
        user = self._by_name.get(identifier)
        return user if user and identifier in map(user.identifiers.get, kinds) else None

    def lines(self, list_id: int, prefer_user_id: bool = True) -> list[str]:
        prefer = prefer_user_id and self._settings.project_type != EMAIL_BASED
        return [user.line(prefer) for user in self.users if list_id in user.list_ids]

    def profiles(self, start_ms: int, end_ms: int, as_of_ms: int) -> Iterator[Record]:
        """The profiles last updated in the window, as the `user` export has them at that moment."""
        for user in self.users:
            # An update is visible after the user's lag; the sign-up is at once.
            passed = as_of_ms - user.lag_ms - user.created_ms
            update = max(passed // user.period_ms, 0) if user.period_ms else 0
            updated_ms = user.created_ms + update * user.period_ms
            if user.created_ms <= as_of_ms and start_ms <= updated_ms < end_ms:
                times = {"created": user.created_ms, "updated": updated_ms}
                draw = Draw(seeded(self._settings.seed, "profile", user.index, update), 0, user, update, times)
                profile: Record = {**user.identifiers, **self._profile(draw)}
                if self._settings.odd:
                    self._odd(profile, draw)
                yield profile
