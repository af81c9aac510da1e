"""Forgetting: deleting all rows about a person from a destination, in one commit.

`persons.py` knows what identifies a person; a destination that can forget is Erasable.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from source_iterable.errors import ConfigError
from source_iterable.load.destination import Destination, DestinationError, no_tables
from source_iterable.load.persons import ITBL_USER_ID, ForgottenHashes, Persons, identifying, is_hash
from source_iterable.load.rows import literal, quoted

# A temporary table of what identifies the persons: kind and text.
_WANTED = "_source_iterable_forgetting"
FEW = 1_000
# Rows that are read at a time.
CHUNK = 10_000
_FORGOTTEN_USERS = "forgotten_users"


class Part(NamedTuple):
    """Rows of the table `table` that are kept together: a table of a database, or a file.

    `loading`: they wait until their stream was read to its end. `name` is the part's own name, `source` SQL for its rows,
    `columns` are the names of its columns and their SQL types in lower case, `mark` begins like that of the private options
    with which they were written (mark_of_options); None: unknown.
    """

    table: str
    loading: bool
    name: str
    source: str
    columns: Mapping[str, str]
    mark: str | None = None

    def identifiers(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """What identifies a person in these rows: the column, SQL for its text, and the kinds of identifier it may be.

        A value that does not fit its column, such as a userId that is a number, is in `data`.
        """
        for column, field, kinds in identifying(self.table):
            if column in self.columns:
                yield column, quoted(column), kinds
            if self.columns.get("data", "").startswith("json"):
                yield column, f"(data ->> {literal(field)})", kinds


class Erasable(Destination):
    """A Destination whose rows can be deleted. Every method raises DestinationError.

    `remains` says what is left of deleted rows once that is committed.
    """

    remains: str

    @abstractmethod
    def parts(self) -> list[Part]:
        """All parts of tables of streams."""

    @abstractmethod
    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Execute SQL; returns the rows of its last statement."""

    @abstractmethod
    def chunks(self, sql: str) -> Iterator[Sequence[tuple[Any, ...]]]:
        """The rows of a query, CHUNK at a time. Nothing else is executed meanwhile."""

    @abstractmethod
    def erase(self, part: Part, condition: str) -> Part:
        """Delete the rows for which an SQL condition is true, and give their table a new generation.

        Returns the part without them.
        """

    @abstractmethod
    def settle(self) -> None:
        """After the commit: leave as little as possible of what was deleted."""


class Erased(NamedTuple):
    """How many rows were deleted, by table and whether they were still waiting.

    `unmatched` are columns, each with its tables, that could not be compared. `without_profile` is how many identifiers are
    in no profile of `users`. `otherwise` are tables with rows that were written with other private options.
    """

    rows: dict[tuple[str, bool], int]
    unmatched: dict[str, list[str]]
    without_profile: int
    otherwise: list[str]


def forget(destination: Erasable, persons: Persons, mark: str, forgotten: bool) -> Erased:
    """Delete all rows about persons and commit that; if `forgotten`, about all whom the table forgotten_users lists.

    `mark` is that of the private options by which `persons` hashes (mark_of_options). Raises ConfigError if there are no
    tables, and DestinationError; then nothing is deleted, unless str() says so.
    """
    parts = destination.parts()
    if not parts:
        raise no_tables()
    unmatched = _find_forgotten(destination, parts, persons) if forgotten else {}
    wanted = _Wanted(destination)
    profiles = [part for part in parts if part.table == "users" and not part.loading]
    while added := persons.take_new():
        wanted.add(added)
        for part in profiles:
            # A profile names the other identifiers of its person.
            columns = [(sql, kinds[0]) for _, sql, kinds in part.identifiers()]
            for condition in wanted.conditions(part):
                query = f"SELECT {', '.join(sql for sql, _ in columns)} FROM {part.source} WHERE {condition}"
                for row in destination.run(query):
                    persons.add_profile((kind, text) for (_, kind), text in zip(columns, row, strict=True))
    # A name of a table shows no more of its mark.
    otherwise = {part.table for part in parts if part.mark is not None and part.mark[:8] != mark[:8]}
    erased = Erased({}, unmatched, persons.without_profile, sorted(filter(identifying, otherwise)))
    for part in parts:
        key = (part.table, part.loading)
        for condition in wanted.conditions(part):
            ((rows,),) = destination.run(f"SELECT count(*) FROM {part.source} WHERE {condition}")
            if rows:
                part = destination.erase(part, condition)
                erased.rows[key] = erased.rows.get(key, 0) + rows
    if erased.rows:
        destination.commit({})
        try:
            destination.settle()
        except DestinationError as error:
            raise DestinationError(f"The rows are deleted, but their bytes were not tidied up: {error}") from None
    return erased


class _Wanted:
    """The identifiers that are looked for, as SQL: in its text, or in a temporary table if they are more than a FEW."""

    def __init__(self, destination: Erasable) -> None:
        self._destination = destination
        self._texts: dict[str, list[str]] = {}
        self._few = True

    def add(self, identifiers: list[tuple[str, str]]) -> None:
        """Add identifiers: kind and text."""
        for kind, text in identifiers:
            # DuckDB's SQL ends at a NUL.
            self._texts.setdefault(kind, []).append(literal(text).replace("\0", "' || chr(0) || '"))
        if self._few and sum(map(len, self._texts.values())) <= FEW:
            return
        if self._few:
            self._few = False
            self._destination.run(f"CREATE TEMP TABLE {_WANTED} (kind varchar, identifier varchar)")
        for kind, texts in self._texts.items():
            for start in range(0, len(texts), FEW):
                rows = ", ".join(f"({literal(kind)}, {text})" for text in texts[start : start + FEW])
                self._destination.run(f"INSERT INTO {_WANTED} VALUES {rows}")
        self._texts.clear()

    def conditions(self, part: Part) -> list[str]:
        """SQL for whether a row is about one of the persons: any of these; none if nothing in it could identify one.

        With many identifiers it is one for each column, which databases join by hash.
        """
        conditions = []
        for _, sql, kinds in part.identifiers():
            if self._few:
                wanted = f"({', '.join(text for kind in kinds for text in self._texts.get(kind, ())) or 'NULL'})"
            else:
                wanted = f"(SELECT identifier FROM {_WANTED} WHERE kind IN ({', '.join(map(literal, kinds))}))"
            conditions.append(f"{sql} IN {wanted}")
            if kinds != (ITBL_USER_ID,):
                conditions.append(f"lower(trim({sql})) IN {wanted}")
        return [" OR ".join(conditions)] if self._few and conditions else conditions


def _find_forgotten(destination: Erasable, parts: list[Part], persons: Persons) -> dict[str, list[str]]:
    """Add to `persons` all identifiers in the tables whose hashes are in forgotten_users.

    Returns the columns, and their tables, that hold hashes only.
    """
    lists = [part for part in parts if part.table == _FORGOTTEN_USERS and not part.loading]
    if not lists:
        raise ConfigError("There is no table forgotten_users: load the stream forgotten_users first.")
    hashes = ForgottenHashes()
    for part in lists:
        for chunk in destination.chunks(f"SELECT identifier_type, hash FROM {part.source}"):
            hashes.add(chunk)
    hashed: dict[tuple[str, str], bool] = {}
    for part in parts:
        for column, sql, kinds in part.identifiers():
            if kinds == (ITBL_USER_ID,):
                continue
            query = f"SELECT DISTINCT {sql} FROM {part.source} WHERE {sql} IS NOT NULL"
            for chunk in destination.chunks(query):
                place, texts = (column, part.table), [text for (text,) in chunk]
                hashed[place] = hashed.get(place, True) and all(map(is_hash, texts))
                for kind, text in hashes.matches(texts, kinds):
                    persons.add(kind, text)
    unmatched: dict[str, list[str]] = {}
    for (column, table), only in hashed.items():
        if only:
            unmatched.setdefault(column, []).append(table)
    return unmatched
