"""Views of custom events: one for each event name, with a column for each field that such events have.

They are made from the table FIELDS. Rows that are added bring it up to date in their transaction: no load looks at others.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from string import punctuation
from typing import Any, NamedTuple, Protocol

from source_iterable.errors import ConfigError
from source_iterable.load.rows import definitions, literal, quoted
from source_iterable.load.tables import Column, type_for
from source_iterable.records.columns import PROJECT
from source_iterable.records.names import free_name

# A row for each event name, field and JSON type of its values. `view_name`, `column_name` and `place`, which counts the
# columns of a view, are of the view that shows the field. `made`: the view was made since the row came.
# A row that has a place but no column says that some fields of this name are left out.
FIELDS = "_source_iterable_event_fields"
_TEXTS = ("event_name", "field", "json_type", "view_name", "column_name")
_COLUMNS = {**dict.fromkeys(_TEXTS, "text"), "place": "integer", "made": "boolean"}
# PostgreSQL takes 1,600 columns.
MOST_FIELDS = 1_000
# In one transaction, at most. PostgreSQL locks each view that it makes, and has some thousand locks.
_VIEWS, _ROWS = 500, 10_000
# The columns of custom_event that its views begin with.
_SHOWN = ("_event_id", "created_at", "email", "user_id", "itbl_user_id")
# To be formatted, with SQL for the JSON type of `value`. An integer of more than 64 bits has the type "json".
JSON_TYPE = """CASE WHEN {0} <> 'number' THEN {0} WHEN value::text ~ '^-?[0-9]{{19,}}$' THEN 'json'
WHEN value::text ~ '^-?[0-9]+$' THEN 'integer' ELSE 'number' END"""
# Those of an event that have columns, and some others: there may be a million of them.
_OF_EVENTS = """
SELECT event_name, field, json_type, view_name, column_name, place, made FROM (
    SELECT *, dense_rank() OVER (PARTITION BY event_name ORDER BY known, field) AS nth FROM (
        SELECT *, coalesce(min(place) OVER (PARTITION BY event_name, field), {most} + 1) AS known
        FROM {table} WHERE {of_events}
    ) AS placed
) AS numbered WHERE nth <= {most} + 1
"""
_MARK = """
UPDATE {table} SET view_name = given.view_name, column_name = given.column_name, place = given.place, made = true
FROM (VALUES {marks}) AS given(event_name, field, view_name, column_name, place)
WHERE {table}.event_name = given.event_name AND {table}.field = given.field
"""


class Database(Protocol):
    """A database with views. Every method raises DestinationError."""

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Execute SQL; returns the rows of its last statement."""

    def begin(self) -> None:
        """Begin a transaction, unless one is open."""

    def end_transaction(self) -> None:
        """Commit."""

    def fields_of(self, source: str) -> Iterable[str]:
        """SQL, in one query or several, for the rows of a table of custom events: event name, field, JSON type."""

    def select(self, columns: Sequence[Column]) -> str:
        """SQL for fields in the column `data`, in this order; NULL where a value is not of its column's type."""

    def make_view(self, name: str, columns: Iterable[str], query: str, otherwise: str) -> None:
        """Make a view with these names of columns, or replace it. `otherwise` is executed if it has to stay as it is."""


class View(NamedTuple):
    """A view of the events of one name, with its columns in their order.

    `marks` are what FIELDS lacks: field, column (None: it is left out), and place. `overflows`: fields are left out, which
    was not known before.
    """

    name: str
    event_name: str
    columns: list[Column]
    marks: list[tuple[str, str | None, int]]
    overflows: bool


def note(database: Database, source: str, columns: Mapping[str, str]) -> None:
    """Add to FIELDS what a table of custom events has and it lacks, within a transaction.

    `columns` are those of the table, and their types. Names or fields may be private.
    """
    for fields in database.fields_of(source) if _has_fields(columns) else ():
        new = f"{fields} EXCEPT SELECT event_name, field, json_type FROM {FIELDS}"
        database.run(
            f"INSERT INTO {FIELDS} SELECT event_name, field, json_type, NULL, NULL, NULL, false FROM ({new}) AS new"
        )


def make(database: Database, held: dict[str, dict[str, str]], here: str) -> None:
    """Make and commit the views that are missing, or lack a field, some hundred in a transaction.

    `held` has the columns of all tables, and their types; `here` is SQL that is true for their schema in the information
    schema. If there is no table FIELDS, it is made of all rows. Raises ConfigError if custom events have no names or fields.
    """
    columns = held.get("custom_event")
    if columns is None:
        return
    if not _has_fields(columns):
        raise ConfigError("There are no views of custom events without eventName and data: keep both as they are.")
    if FIELDS not in held:
        database.begin()
        database.run(f"CREATE TABLE {FIELDS} ({definitions(_COLUMNS)})")
        note(database, "custom_event", columns)
        database.end_transaction()
        held[FIELDS] = _COLUMNS
    views = f"SELECT table_name::text FROM information_schema.tables WHERE {here} AND table_type = 'VIEW'"
    waiting = f"SELECT event_name FROM {FIELDS} WHERE NOT made OR view_name NOT IN ({views})"
    events = database.run(f"SELECT event_name, count(*) FROM {FIELDS} WHERE event_name IN ({waiting}) GROUP BY 1")
    if not events:
        return
    taken = {*held, *(name for (name,) in database.run(f"SELECT DISTINCT view_name FROM {FIELDS}"))}
    shown = [column for column in (*_SHOWN, PROJECT) if column in columns]
    # Names are given in this order: so did earlier versions.
    for names in _batches(sorted(events)):
        database.begin()
        overflowing = _make_some(database, names, taken, shown)
        database.end_transaction()
        for name in overflowing:
            logging.getLogger("source_iterable").warning(
                f"{name} has columns for {MOST_FIELDS:,} fields. The other fields of its events are only in the column "
                "data of custom_event."
            )


def _make_some(database: Database, names: Iterable[str], taken: set[str], shown: list[str]) -> list[str]:
    """Make the views of these event names. Returns the names of those that leave out fields for the first time."""
    of_events = f"event_name IN ({', '.join(map(_text, names))})"
    rows = database.run(_OF_EVENTS.format(table=FIELDS, of_events=of_events, most=MOST_FIELDS))
    made = [*views_of(sorted(rows, key=itemgetter(0)), taken, {*_SHOWN, *shown})]
    marks = [
        f"({_text(view.event_name)}, {_text(field)}, {literal(view.name)}, {literal(name) if name else 'NULL'}, {place})"
        for view in made
        for field, name, place in view.marks
    ]
    if marks:
        database.run(_MARK.format(table=FIELDS, marks=", ".join(marks)))
    # Those that are left out are not kept: there may be new ones with every event.
    database.run(f"DELETE FROM {FIELDS} WHERE NOT made AND {of_events}")
    for view in made:
        event_name = f"event_name = {_text(view.event_name)}"
        columns = [*shown, *(column.name for column in view.columns)]
        select = f"SELECT {', '.join(map(quoted, shown))}, {database.select(view.columns)}"
        again = f"UPDATE {FIELDS} SET made = false WHERE {event_name}"
        database.make_view(view.name, columns, f"{select} FROM custom_event WHERE {event_name}", again)
    return [view.name for view in made if view.overflows]


def views_of(rows: Iterable[Sequence[Any]], taken: set[str], shown: set[str]) -> Iterator[View]:
    """The views of some events, from their rows of FIELDS, which are in the order of event names.

    Fields that have a column keep it. The others get one, in the order of their names, until there are MOST_FIELDS.
    `taken` are names of tables and views, to which new ones are added, `shown` the other columns of each view.
    """
    for event_name, of_event in groupby(rows, itemgetter(0)):
        view: str | None = None
        types: dict[str, list[str]] = {}
        given: dict[str, tuple[int, str | None]] = {}
        waiting: set[str] = set()
        for _, field, json_type, view_name, name, place, made in of_event:
            view = view or view_name
            types.setdefault(field, []).append(json_type)
            if place is not None:
                given[field] = (place, name)
            if not made:
                waiting.add(field)
        if view is None:
            view = free_name(f"custom_event_{event_name.strip(punctuation)}", taken)
            taken.add(view)
        left_out = [field for field, (_, name) in given.items() if name is None]
        columns: dict[str, Column] = {}
        in_order = sorted(types.keys() - {*left_out}, key=lambda field: (given.get(field, (MOST_FIELDS, ""))[0], field))
        for field in in_order[:MOST_FIELDS]:
            name = given[field][1] if field in given else None
            name = free_name(field, shown.union(columns)) if name is None or name in shown else name
            columns[name] = Column(field, name, type_for(types[field]))
        overflows = len(in_order) > MOST_FIELDS and not left_out
        marks: list[tuple[str, str | None, int]] = [
            (each.field, name, place) for place, (name, each) in enumerate(columns.items()) if each.field in waiting
        ]
        marks += [(field, None, MOST_FIELDS) for field in left_out or in_order[MOST_FIELDS:][:1] if field in waiting]
        yield View(view, event_name, [*columns.values()], marks, overflows)


def _has_fields(columns: Mapping[str, str]) -> bool:
    return "event_name" in columns and columns.get("data", "").startswith("json")


def _batches(events: Iterable[Sequence[Any]]) -> Iterator[list[str]]:
    """Event names, each with its number of rows in FIELDS, in lists for a transaction each."""
    names: list[str] = []
    rows = 0
    for name, count in events:
        if names and (len(names) == _VIEWS or rows + count > _ROWS):
            yield names
            names, rows = [], 0
        names.append(name)
        rows += count
    if names:
        yield names


def _text(text: str) -> str:
    """A text of an event in SQL. DuckDB's ends at a NUL."""
    return literal(text).replace("\0", "' || chr(0) || '")
