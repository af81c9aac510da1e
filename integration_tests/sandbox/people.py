"""The project's users, and the lists that hold them."""

from collections.abc import Collection, Iterator

from .fixtures import Draw, Fixtures, Record, fixture, oddities, seeded
from .settings import EMAIL_BASED, HYBRID, SandboxSettings
from .times import DAY_MS, format_time


class User:
    """One user: identifiers, which never change, and how often the profile is updated."""

    def __init__(self, index: int, settings: SandboxSettings, epoch_ms: int, fixtures: Fixtures) -> None:
        draw, words, kind = Draw(seeded(settings.seed, "user", index)), fixtures.words, settings.project_type
        self.index = index
        # Plus signs, capitals and non-ASCII letters are legal in addresses, and break careless URL building.
        name, tag, domain = (draw.pick(words[part]) for part in ("mail_names", "mail_tags", "mail_domains"))
        user_id = draw.pick((f"user-{index}", f"user {index}/ü", f"{index:08d}", f"USER&{index}=?"))
        if settings.odd and kind == HYBRID and index % 8 == 5:
            user_id = f"user{index}@login.example"
        part = draw.below(12)
        self.identifiers = {"itblUserId": draw.hex(24)}
        if kind == EMAIL_BASED or part < (8 if kind == HYBRID else 5):
            self.identifiers["email"] = f"{name}.{index}{tag}@{domain}"
        if part >= 4 if kind == HYBRID else kind != EMAIL_BASED or part < 5:
            self.identifiers["userId"] = user_id
        self.phone = f"+4930{index:07d}"
        vars(self).update(draw.pick(words["places"]))  # city, region, country, zone and locale
        self.list_ids: list[int] = []
        self.created_ms = epoch_ms - draw.below(400 * DAY_MS)
        # A quarter of the users never changes after signing up; the others every 1 to 20 days.
        self.period_ms = DAY_MS + draw.below(19 * DAY_MS) if draw.below(4) else 0
        self.lag_ms = draw.below(int(settings.index_lag * 1000) + 1)

    def line(self, prefer_user_id: bool) -> str:
        """The user's line in lists/getUsers."""
        names = ("userId", "email") if prefer_user_id else ("email", "userId")
        return next(self.identifiers[name] for name in (*names, "itblUserId") if name in self.identifiers)

    def is_member(self, place: int) -> bool:
        """Whether the list at this place holds the user: the first holds all users, the third none, the fourth one."""
        if place < 4:
            return (True, self.index % 2 == 0, False, self.index == 0)[place]
        return (self.index * 2_654_435_761 + place * 40_503) % 97 < 97 // (place - 1)


class People:
    """All users of the project. `list_ids`: the project's lists, in order."""

    def __init__(self, settings: SandboxSettings, epoch_ms: int, list_ids: list[int], fixtures: Fixtures) -> None:
        self._settings, self._shapes = settings, fixtures.shapes
        self._profile, self._odd = fixtures.maker(fixture("profile")), oddities(fixtures, "user", 0.4)
        self.users = [User(index, settings, epoch_ms, fixtures) for index in range(settings.users)]
        self._by_name = {name: user for user in self.users for name in user.identifiers.values()}
        for user in self.users:
            user.list_ids = [list_id for place, list_id in enumerate(list_ids) if user.is_member(place)]

    def find(self, identifier: str, kinds: Collection[str]) -> User | None:
        """The user with this identifier, if it is of one of these kinds: email, userId, itblUserId."""
        user = self._by_name.get(identifier)
        return user if user and identifier in map(user.identifiers.get, kinds) else None

    def lines(self, list_id: int, prefer_user_id: bool = True) -> list[str]:
        """The lines of lists/getUsers."""
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
                yield self._make(user, update, updated_ms)

    def _make(self, user: User, update: int, updated_ms: int) -> Record:
        draw = Draw(seeded(self._settings.seed, "profile", user.index, update), updated_ms, user)
        profile: Record = {**user.identifiers, "profileUpdatedAt": format_time(updated_ms, draw.pick(self._shapes))}
        profile["signupDate"] = format_time(user.created_ms, draw.pick(self._shapes))
        profile |= {**self._profile(draw), "updateCount": update}
        profile["itblInternal.documentCreatedAt"] = format_time(user.created_ms)
        profile["itblInternal.documentUpdatedAt"] = format_time(updated_ms)
        if "email" in profile:
            profile["itblInternal.emailDomain"] = profile["email"].rpartition("@")[2]
        if self._settings.odd:
            self._odd(profile, draw)
        return profile
