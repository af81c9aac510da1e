"""Kinds of personal data: the names under which Iterable, and projects themselves, usually keep them.

Names of things (campaigns, lists, catalogs) belong to no kind. Nor do the domain of an address, devices, user agents and
time zones, which many people share, nor `state`, which is the status of an order as often as a place.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

# In the options, before the name of a kind: all names of the kind.
PREFIX = "kind:"


class Kind(NamedTuple):
    """One kind.

    Args:
        what: what its fields hold, for people.
        declared: all fields of the schemas that hold it, however deep.
        own: common names of custom fields that hold it. No schema has them.
        is_guessable: there are so few values that all can be tried against a hash without a salt.
    """

    what: str
    declared: tuple[str, ...]
    own: tuple[str, ...]
    is_guessable: bool

    @property
    def names(self) -> tuple[str, ...]:
        """All names of the kind."""
        return self.declared + self.own


def _kind(what: str, declared: str, own: str = "", is_guessable: bool = True) -> Kind:
    return Kind(what, tuple(declared.split()), tuple(own.split()), is_guessable)


_STAFF = (
    "author bccEmails ccEmails createdBy createdByUserId creatorUserId fromEmail replyToEmail updatedBy updatedByUserId"
)
KINDS = {
    "email": _kind("email addresses", f"email {_STAFF}", "emailAddress email_address", is_guessable=False),
    "phone": _kind(
        "phone numbers",
        "fromPhoneNumber phoneNumber toPhoneNumber whatsAppPhoneNumber",
        "cellPhone cell_phone homePhone home_phone mobile mobileNumber mobile_number mobilePhone mobile_phone phone "
        "phone_number workPhone work_phone",
    ),
    "ip": _kind("IP addresses", "ip", "ipAddress ip_address"),
    "person-name": _kind(
        "names of people",
        "fromName",
        "familyName family_name firstName first_name fullName full_name givenName given_name lastName last_name "
        "middleName middle_name nickname surname",
    ),
    "place": _kind(
        "places",
        "city country phoneCountry region",
        "address address1 address2 addressLine1 addressLine2 address_line_1 address_line_2 county lat latitude lng "
        "location longitude postalCode postal_code postcode street streetAddress street_address zip zipCode zip_code",
    ),
    "staff": _kind("people who work with Iterable, senders", f"{_STAFF} fromName", is_guessable=False),
}


def kind_in(word: str) -> str | None:
    """The kind that an entry of an option means; None if it is the name of a field.

    Raises ValueError, which lists the kinds, if there is no such kind: taken for a name, it would hide nothing.
    """
    begin, colon, rest = word.partition(":")
    if not colon or begin.rpartition(".")[2].strip().lower() != PREFIX[:-1]:
        return None
    kind = rest.strip().lower()
    if kind not in KINDS or "." in begin:
        raise ValueError(f"there is no such kind of fields; there are {', '.join(PREFIX + each for each in KINDS)}")
    return kind


def expanded(excluded: Iterable[str], hashed: Iterable[str]) -> tuple[list[str], list[str], dict[str, str]]:
    """Both options with the names of each kind in its place; and of each name that only a kind meant, the entry.

    What is named by itself, in either option, is taken out of the kinds: `kind:phone` may be excluded and `phoneNumber`
    hashed. What two kinds mean is excluded.
    """
    given = [*excluded, *hashed]
    taken = {word for word in given if kind_in(word) is None}
    by_kind: dict[str, str] = {}
    options: list[list[str]] = []
    for words in (excluded, hashed):
        names: list[str] = []
        for word in words:
            kind = kind_in(word)
            of_kind = [] if kind is None else [name for name in KINDS[kind].names if name not in taken]
            by_kind.update(dict.fromkeys(of_kind, f"{PREFIX}{kind}"))
            taken.update(of_kind)
            names += [word] if kind is None else of_kind
        options.append(names)
    return options[0], options[1], by_kind


def kind_of(name: str) -> str | None:
    """The narrowest kind of a field, which may be named with the objects that it is in."""
    last = name.rpartition(".")[2]
    return next((kind for kind in reversed(KINDS) if last in KINDS[kind].names), None)
