"""Persons: by what records name them, and how the same identifier may be written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple

from source_iterable.records.names import snake_case
from source_iterable.records.schemas import load_schema

EMAIL, USER_ID, ITBL_USER_ID = "email", "userId", "itblUserId"
# The fields of records that identify a person, and what each may hold. Fields of things that name Iterable's own users, such
# as createdByUserId of campaigns, are not among them.
_FIELDS = {EMAIL: (EMAIL,), USER_ID: (USER_ID,), ITBL_USER_ID: (ITBL_USER_ID,), "userIdentifier": (EMAIL, USER_ID)}
_HASH = re.compile("[0-9a-f]{64}")


class Identifying(NamedTuple):
    """A column that identifies a person, the record's field in it, and the kinds of identifier it may hold."""

    column: str
    field: str
    kinds: tuple[str, ...]


@cache
def identifying(table: str) -> list[Identifying]:
    """The columns of a stream's table that identify a person, by its schema; none in the tables of things."""
    columns = load_schema(table)["properties"]
    return [Identifying(snake_case(field), field, kinds) for field, kinds in _FIELDS.items() if field in columns]


class Persons:
    """Identifiers of persons, by kind, each in every way in which it may be written in a table.

    `hash_text` is how private fields are hashed (PrivateFields.hash).
    """

    def __init__(self, hash_text: Callable[[Any], Any]) -> None:
        self._hash = hash_text
        self._all: dict[str, set[str]] = {EMAIL: set(), USER_ID: set(), ITBL_USER_ID: set()}
        self._given: set[tuple[str, str]] = set()
        self._profiles: set[frozenset[tuple[str, str]]] = set()
        self._new: set[tuple[str, str]] = set()

    @property
    def given(self) -> int:
        """How many identifiers were added by themselves."""
        return len(self._given)

    @property
    def profiles(self) -> int:
        """How many profiles were added."""
        return len(self._profiles)

    @property
    def without_profile(self) -> int:
        """How many identifiers that were looked for are in no profile, so that nobody knows the others of these persons."""
        # As they are there, and in lower case.
        found = {(kind, each) for names in self._profiles for kind, text in names for each in (text, folded(text))}
        return sum(not any((kind, each) in found for each in self._spellings(kind, text)) for kind, text in self._given)

    def add(self, kind: str, text: str) -> None:
        """Look for an identifier, which is not blank."""
        self._given.add((kind, text))
        self._add(kind, text)

    def add_profile(self, identifiers: Iterable[tuple[str, str | None]]) -> None:
        """Look for all identifiers of a profile, by their kinds."""
        names = frozenset((kind, text) for kind, text in identifiers if text and text.strip())
        self._profiles.add(names)
        for kind, text in names:
            self._add(kind, text)

    def _add(self, kind: str, text: str) -> None:
        new = self._spellings(kind, text) - self._all[kind]
        self._all[kind] |= new
        self._new.update((kind, each) for each in new)

    def take_new(self) -> list[tuple[str, str]]:
        """Kind and text of the identifiers that were added since the last call."""
        new, self._new = sorted(self._new), set()
        return new

    def named(self, texts: Iterable[str], kinds: Iterable[str]) -> set[str]:
        """Those of `texts` that are identifiers of one of the persons, of one of these kinds."""
        texts, found = list(texts), set[str]()
        for kind in kinds:
            wanted = self._all[kind]
            found |= wanted.intersection(texts)
            if kind != ITBL_USER_ID and wanted:
                found.update(text for text in texts if folded(text) in wanted)
        return found

    def _spellings(self, kind: str, text: str) -> set[str]:
        """A text, trimmed and in lower case, too, as Iterable treats emails and userIds; and the hashes of these."""
        # Also of what looks like a hash: it may be the userId itself.
        trimmed = text.strip()
        clear = {text, trimmed} if kind == ITBL_USER_ID else {text, trimmed, folded(text)}
        return {*clear, *map(self._hash, clear)}


class ForgottenHashes:
    """What forgotten_users lists: the SHA-256 of trimmed identifiers in lower case (reference), by their kind."""

    def __init__(self) -> None:
        self._hashes: dict[str, set[bytes]] = {EMAIL: set(), USER_ID: set()}

    def add(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Add rows of identifierType and hash."""
        for kind, text in rows:
            # In bytes, a million takes about 100 MB.
            if kind in self._hashes and text and is_hash(text.lower()):
                self._hashes[kind].add(bytes.fromhex(text))

    def matches(self, texts: Iterable[str], kinds: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Those of `texts` that are listed, each with its kind; also hashes that are equal, as those made without a salt."""
        wanted = [(kind, self._hashes[kind]) for kind in kinds if self._hashes.get(kind)]
        for text in texts if wanted else ():
            digest = sha256(folded(text).encode()).digest()
            for kind, hashes in wanted:
                if digest in hashes or (is_hash(text) and bytes.fromhex(text) in hashes):
                    yield kind, text


def folded(text: str) -> str:
    """An email or a userId as Iterable compares it."""
    return text.strip().lower()


def is_hash(text: str) -> bool:
    """Whether a text is the hex form of a SHA-256."""
    return len(text) == 64 and _HASH.fullmatch(text) is not None
