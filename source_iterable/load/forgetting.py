"""Forgetting: deleting all rows about a person from a destination, in one commit.

`persons.py` knows what identifies a person; a destination that can forget is Erasable.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from source_iterable.errors import ConfigError
from source_iterable.load.destination import Destination
from source_iterable.load.persons import ITBL_USER_ID, ForgottenHashes, Persons, identifying, is_hash
from source_iterable.load.rows import literal, quoted

# A temporary table of the texts in one column that name the persons.
_WANTED = "_source_iterable_forgetting"
# Rows that are written, and read, at a time.
FEW = 1_000
CHUNK = 10_000
_FORGOTTEN_USERS = "forgotten_users"


class Part(NamedTuple):
    """Rows of the table `table` that are kept together: a table of a database, or a file.

    `loading`: they wait until their stream was read to its end. `name` is the part's own name, `source` SQL for its rows,
    `columns` are the names of its columns and their SQL types in lower case, `mark` begins like that of the private options
    with which they were written (Table.private); None: unknown.
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


def no_tables() -> ConfigError:
    """The error for a dataset that no load has made."""
    return ConfigError("There is no table of any stream: check --to and --dataset.")


class Erased(NamedTuple):
    """How many rows were deleted, by table and whether they were still waiting.

    `unmatched` are columns, each with its tables, that could not be compared. `without_profile` is how many identifiers are
    in no profile of `users`. `otherwise` are tables with rows that were written with other private options.
    """

    rows: dict[tuple[str, bool], int]
    unmatched: dict[str, list[str]]
    without_profile: int
    otherwise: list[str]


def forget(
    destination: Erasable,
    persons: Persons,
    marks: Mapping[str, str],
    forgotten: bool = False,
    all_profiles: bool = False,
) -> Erased:
    """Delete all rows about persons and commit that; if `forgotten`, about all whom the table forgotten_users lists.

    `marks` are those that tables of persons have by the private options with which `persons` hashes (Table.private).
    `all_profiles`: also if they have more profiles than identifiers were given. Raises ConfigError and DestinationError;
    then nothing is deleted.
    """
    parts = destination.parts()
    if not parts:
        raise no_tables()
    unmatched = _find_forgotten(destination, parts, persons) if forgotten else {}
    _add_profiles(
        destination, [part for part in parts if part.table == "users" and not part.loading], persons, all_profiles
    )
    # A name of a table shows no more of its mark.
    marked = [(part.table, part.mark) for part in parts if part.mark is not None and part.table in marks]
    otherwise = {table for table, mark in marked if mark[:8] != marks[table][:8]}
    erased = Erased({}, unmatched, persons.without_profile, sorted(otherwise))
    for part in parts:
        key = (part.table, part.loading)
        for _, sql, kinds in part.identifiers():
            # Compared here: databases do not agree with Iterable, or each other, on blanks and lower case.
            found = [text for texts in _texts(destination, part, sql) for text in persons.named(texts, kinds)]
            if found:
                condition = _condition(destination, sql, found)
                ((rows,),) = destination.run(f"SELECT count(*) FROM {part.source} WHERE {condition}")
                part = destination.erase(part, condition)
                erased.rows[key] = erased.rows.get(key, 0) + rows
    if erased.rows:
        destination.commit({})
    return erased


def _add_profiles(destination: Erasable, profiles: list[Part], persons: Persons, all_profiles: bool) -> None:
    """Add the identifiers of all profiles that have one of the persons', and of those that share these.

    Raises ConfigError if they are more than the identifiers that were given, unless they are wanted as well.
    """
    while persons.take_new():
        for part in profiles:
            columns = [(sql, kinds[0]) for _, sql, kinds in part.identifiers()]
            for chunk in destination.chunks(f"SELECT {', '.join(sql for sql, _ in columns)} FROM {part.source}"):
                named = [
                    {*persons.named(filter(None, texts), (kind,))}
                    for (_, kind), texts in zip(columns, zip(*chunk, strict=True), strict=True)
                ]
                for row in chunk if any(named) else ():
                    if any(text in names for text, names in zip(row, named, strict=True)):
                        persons.add_profile((kind, text) for (_, kind), text in zip(columns, row, strict=True))
                if not all_profiles and persons.profiles > persons.given + CHUNK:
                    break
        if not all_profiles and persons.profiles > persons.given:
            raise ConfigError(
                f"Nothing was deleted: {persons.given} identifiers lead to at least {persons.profiles:,} profiles of users."
                " Several persons may share an identifier. Look at them; --all-profiles deletes all."
            )


def _texts(destination: Erasable, part: Part, sql: str) -> Iterator[list[str]]:
    """The texts in a column, each once, CHUNK at a time."""
    for chunk in destination.chunks(f"SELECT DISTINCT {sql} FROM {part.source} WHERE {sql} IS NOT NULL"):
        yield [text for (text,) in chunk]


def _condition(destination: Erasable, sql: str, texts: list[str]) -> str:
    """SQL for whether a column has one of these texts, by way of a temporary table: databases join that by hash."""
    destination.run(f"DROP TABLE IF EXISTS {_WANTED}")
    destination.run(f"CREATE TEMP TABLE {_WANTED} (identifier varchar)")
    for start in range(0, len(texts), FEW):
        # DuckDB's SQL ends at a NUL.
        rows = [f"({literal(text)})".replace("\0", "' || chr(0) || '") for text in texts[start : start + FEW]]
        destination.run(f"INSERT INTO {_WANTED} VALUES {', '.join(rows)}")
    return f"{sql} IN (SELECT identifier FROM {_WANTED})"


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
            place = (column, part.table)
            for texts in _texts(destination, part, sql):
                hashed[place] = hashed.get(place, True) and all(map(is_hash, texts))
                for kind, text in hashes.matches(texts, kinds):
                    persons.add(kind, text)
    unmatched: dict[str, list[str]] = {}
    for (column, table), only in hashed.items():
        if only:
            unmatched.setdefault(column, []).append(table)
    return unmatched
