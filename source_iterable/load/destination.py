"""Destination: what a warehouse must do for a load, its errors, and how much of its address a message may show."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Protocol
from urllib.parse import unquote

from source_iterable.errors import ConfigError, IterableError
from source_iterable.load.rows import RowFile
from source_iterable.load.tables import Table
from source_iterable.reading.stream import Held, State

_URL = re.compile(r"([a-z][a-z0-9+._-]*):(.*)", re.IGNORECASE | re.DOTALL)
_PATH_OR_NAME = re.compile(r"[\w./~ -]+")
_DELIMITERS = re.compile(r"[:/?#\[\]@&=,;\s]+")
# PostgreSQL shows no more of a name.
_LONGEST_NAME = 63


class DestinationError(IterableError):
    """The warehouse cannot be used; str() says why, and what to do."""


class Rejected(DestinationError):
    """The warehouse does not take some rows, or changes of their table. It may take those of other streams."""


class ConnectionLost(DestinationError):
    """The connection to the warehouse was lost, and what was not committed with it."""


class Destination(Protocol):
    """A warehouse, used by one thread at a time. Rows and states become visible together, at `commit`.

    Every method raises DestinationError. After Rejected, `rollback` makes it usable again. `keeps_nul`: the warehouse stores
    the character U+0000. `commit_bytes`: a load commits after so many bytes of rows at the latest.
    """

    keeps_nul: bool = True
    commit_bytes: int = 256 * 2**20

    def states(self, tables: Iterable[Table]) -> Mapping[str, State]:
        """The states that were committed last, by stream, of those whose rows are still there: for a table that is replaced,
        what an interrupted load collected with the same private options.
        """

    def columns(self, table: str) -> Held:
        """A table's columns, and which of the project's own fields each holds; none if it is not there."""
        return {}

    def update_to_project(self, tables: Collection[str], project: str) -> str:
        """SQL by which all rows of tables that were begun without a project become those of one; "" if there is no SQL."""
        return ""

    def private(self) -> Mapping[str, str]:
        """With which private options the rows of a table were written (mark_of_options), for tables that are there."""

    def collects_otherwise(self, table: Table) -> bool:
        """Whether interrupted loads left rows for this table, which is replaced, that have other private options."""
        return False

    def other_parts(self) -> Collection[tuple[str, str]]:
        """The states of other projects and parts of a backfill: stream and backfill key, also if not committed yet."""

    def reload(self, tables: Iterable[Table]) -> None:
        """Delete all rows of the project in these tables, and the states of their streams for all parts of its backfill.

        Those of other projects stay, unless the table had no projects, or had other private options. Commits that.
        """

    def start_over(self, tables: Iterable[Table]) -> None:
        """Their streams have no state, and are read from the beginning. Commits that.

        Drops what interrupted loads collected for a table that is replaced, and the states of a table that is missing: those
        of all projects and parts of a backfill, whose rows are gone as well.
        """

    def add(self, file: RowFile) -> None:
        """Add rows: merged into their table, or collected until it is finished."""

    def commit(self, states: Mapping[str, State], finished: Iterable[Table] = ()) -> None:
        """Commit rows and states, all or nothing. A stream that is not named keeps its state.

        The streams of `finished` were read to their end: a table that is replaced gets what was collected.
        """

    def rollback(self) -> None:
        """Undo what was added since the last commit, also if committing it failed: for those that raise Rejected."""
        return

    def compact(self) -> None:
        """Once, after the last commit: make what is stored faster to read. If that fails, nothing is lost or said."""
        return

    def close(self) -> None:
        """Roll back what is not committed."""

    def how_to_open(self) -> str:
        """What to type to look at the tables."""


def mixed_rows(names: Collection[str], anew: str) -> ConfigError:
    """The error for tables that would get rows with other private fields; `anew` is how to load them from the beginning."""
    return ConfigError(
        f"The rows of {', '.join(names)} were written with other private fields: excluded_fields, hashed_fields or hash_salt"
        f" has changed. Restore these options, or load the tables again from the beginning: {anew}."
    )


def parsed(to: str) -> tuple[str, str]:
    """The scheme in lower case ("" for a path or a name) and what follows it, without surrounding blanks."""
    found = _URL.fullmatch(to.strip())
    return (found[1].lower(), found[2]) if found else ("", to.strip())


def redacted(to: str) -> str:
    """What a message may quote of an address: behind a scheme there may be a password."""
    scheme, rest = parsed(to)
    if scheme:
        return f"{scheme}:…"
    return rest if _PATH_OR_NAME.fullmatch(rest) else "…"


def redact(to: str, text: str) -> str:
    """Hide in a text, such as a library's message, every piece of what follows the scheme of an address."""
    scheme, rest = parsed(to)
    if not scheme or not rest:
        return text
    raw = {rest, *_DELIMITERS.split(rest)} - {""}
    pieces = {piece[:length] for each in raw for piece in (each, unquote(each)) for length in (_LONGEST_NAME, None)}
    any_piece = "|".join(re.escape(piece) for piece in sorted(pieces, key=len, reverse=True))
    return re.sub(rf"(?<!\w)({any_piece})(?!\w)", "…", text, flags=re.IGNORECASE)
