"""dlt: any of its destinations for the command `load`, and how rows of a table are handed to dlt."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import dlt
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.common.exceptions import DltException
from dlt.pipeline.exceptions import PipelineStepFailed

from source_iterable.load.destination import Destination, DestinationError
from source_iterable.load.dlt_formats import FIELD, format_for, hints, items, no_rows_of, remove_lines
from source_iterable.load.rows import RowFile, literal
from source_iterable.load.tables import Table, has_projects, project_of
from source_iterable.process.machine import causes
from source_iterable.reading.stream import Held, State
from source_iterable.records.columns import PROJECT

# Replaces a table in one transaction, instead of emptying it first.
_IN_ONE_GO = "insert-from-staging"
SOURCE = "iterable"
# Where the state of a resource has the mark of the private options with which its rows were written. No backfill key is so.
PRIVATE = "private"
# Drops a table and its states, and makes it again.
ANEW: Any = "drop_resources"
_LOGGER = logging.getLogger("source_iterable")


class DltDestination(Destination):
    """Any destination of dlt. One load package a commit, with the states in it. Raises DestinationError.

    `folder` is for dlt's files until they are loaded. It is new for every load, so only the destination itself says what was
    loaded, and nothing that a killed load left behind is loaded twice.
    """

    keeps_nul = False

    def __init__(self, destination: Any, dataset: str, backfill: str, folder: Path) -> None:
        self._backfill = backfill
        self._project = project_of(backfill)
        self._files: dict[str, list[RowFile]] = {}
        # Tables that are dropped and made again with their next rows.
        self._anew: set[str] = set()
        # Tables of which the project loses its states with the next package.
        self._without_states: set[str] = set()
        self.pipeline = dlt.pipeline(SOURCE, str(folder / "dlt"), destination=destination, dataset_name=dataset)
        self._name = self.pipeline.destination.destination_name
        self._folder = folder
        with self._errors():
            self._format = format_for(self.pipeline)
            self.pipeline.sync_destination()

    def states(self, tables: Iterable[Table]) -> Mapping[str, State]:
        there = {table.name: self._resources.get(table.name, {}) for table in tables if table.name in self._there}
        return {name: states[self._backfill] for name, states in there.items() if states.get(self._backfill)}

    def columns(self, table: str) -> Held:
        if table not in self._there:
            return {}
        # Somebody may have added it, as update_to_project says.
        added = {PROJECT: None} if PROJECT in self._there[table] else {}
        return {**added, **columns_in(self.pipeline.default_schema, table)}

    def update_to_project(self, tables: Collection[str], project: str) -> str:
        with self._errors(), self.pipeline.sql_client() as client:
            names = [client.make_qualified_table_name(table) for table in tables]
        return " ".join(
            f"ALTER TABLE {name} ADD COLUMN {PROJECT} varchar; UPDATE {name} SET {PROJECT} = {literal(project)};"
            for name in names
        )

    def private(self) -> Mapping[str, str]:
        resources = self._resources.items()
        return {name: states[PRIVATE] for name, states in resources if PRIVATE in states and name in self._there}

    def other_parts(self) -> Collection[tuple[str, str]]:
        found = [(name, part) for name in self._resources.keys() - self._anew for part in self._resources[name]]
        return [(name, part) for name, part in found if part not in (self._backfill, PRIVATE)]

    def reload(self, tables: Iterable[Table]) -> None:
        tables, marks = list(tables), self.private()
        own_rows = {
            table.name
            for table in tables
            if table.project
            and marks.get(table.name, table.private) == table.private
            and has_projects(self.columns(table.name))
        }
        self._run([table for table in tables if table.name not in own_rows], {}, ANEW)
        # States first: whatever happens, the rows that are deleted then are read again.
        self._without_states = own_rows
        self._run([table for table in tables if table.name in own_rows], {})
        self._without_states = set()
        self._delete_own_rows(own_rows)
        self._there.update({table.name: {each.name for each in table.columns} for table in tables})

    def start_over(self, tables: Iterable[Table]) -> None:
        """Rows are kept here until their commit. That first drops tables which are missing or get columns of other types."""
        marks = self.private()
        for table in tables:
            missing = table.name in self._known and table.name not in self._there
            if missing or not (table.merged or marks.get(table.name, table.private) == table.private):
                self._anew.add(table.name)

    def add(self, file: RowFile) -> None:
        if not file.table.merged:
            # Its stream may go on for some commits, and files are deleted after the next one.
            file = replace(file, path=file.path.rename(file.path.with_suffix(".kept")))
        self._files.setdefault(file.table.name, []).append(file)

    def commit(self, states: Mapping[str, State], finished: Iterable[Table] = ()) -> None:
        finished = list(finished)
        # dlt replaces the rows of a project by new ones, so it does not if there are none.
        emptied = [
            table.name for table in finished if table.project and not (table.merged or table.name in self._files)
        ]
        # A table that is replaced and not read to its end has no rows in the warehouse yet, which its state must not say.
        merged = [files[0].table for files in self._files.values() if files[0].table.merged]
        ready = {table.name: table for table in [*merged, *finished]}
        self._run([table for name, table in ready.items() if name in self._anew], states, ANEW)
        self._run([table for name, table in ready.items() if name not in self._anew], states)
        self._anew.difference_update(ready)
        self._delete_own_rows(emptied)

    def close(self) -> None:
        """No-op: what was not committed is not there."""

    def how_to_open(self) -> str:
        return f"the schema {self.pipeline.dataset_name} of {self._name}"

    @property
    def _resources(self) -> dict[str, Any]:
        """The states of the resources as dlt has them: by backfill key, and PRIVATE."""
        resources: dict[str, Any] = self.pipeline.state.get("sources", {}).get(SOURCE, {}).get("resources", {})
        return resources

    @cached_property
    def _known(self) -> set[str]:
        """The tables that the destination has, or had: dlt would take those for present that somebody has dropped."""
        schema = self.pipeline.default_schema_name and self.pipeline.default_schema
        return {*self._resources, *(schema.data_table_names() if schema else ())}

    @cached_property
    def _there(self) -> dict[str, set[str]]:
        """The tables that are there, and their columns as far as the destination says them."""
        with self._errors(), self.pipeline.destination_client() as client:
            # Not every destination can say so.
            tables = getattr(client, "get_storage_tables", lambda names: ((name, [name]) for name in names))
            return {name: {*map(str.lower, columns)} for name, columns in tables(sorted(self._known)) if columns}

    def _run(self, tables: Iterable[Table], states: Mapping[str, State], refresh: Any = None) -> None:
        """Load a package with the rows of these tables and their states. With ANEW it drops the tables first."""
        if resources := [self._resource(table, states.get(table.name)) for table in tables]:
            with self._errors():
                self.pipeline.run(resources, refresh=refresh)
            remove_lines(self._folder)

    def _resource(self, table: Table, state: State | None) -> Any:
        files = self._files.pop(table.name, [])

        def rows() -> Iterator[Any]:
            states = dlt.current.resource_state()
            states[PRIVATE] = table.private
            if table.name in self._without_states:
                for key in [key for key in states if project_of(key) == self._project]:
                    del states[key]
            if state is not None:
                states[self._backfill] = dict(state)
            # So that a table that has no rows yet is not missing.
            yield from items(files, self._format) if files else [no_rows_of(table)]

        return dlt.resource(rows, name=table.name, **hints(table, table.columns, self._format))

    def _delete_own_rows(self, tables: Collection[str]) -> None:
        """Delete the rows of this project in tables."""
        if tables:
            with self._errors(), self.pipeline.sql_client() as client:
                for name in map(client.make_qualified_table_name, tables):
                    client.execute_sql(f"DELETE FROM {name} WHERE {PROJECT} = {literal(self._project)}")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (DltException, OSError) as error:
            cause = next(each for each in causes(error) if not isinstance(each, PipelineStepFailed))
            # It may have the form user:password@host.
            why = re.sub(r"\S*@\S*", "…", str(cause).strip().split("\n")[0])
            raise DestinationError(f"dlt cannot load into {self._name}: {why}") from None


def destination_named(name: str) -> Any:
    """dlt's destination of this name; None if there is none."""
    try:
        able = dlt.destination(name).capabilities()
    except (UnknownDestinationModule, ValueError):
        return None
    # Destinations with a selector choose by table format: files, without transactions.
    if not able.replace_strategies_selector and _IN_ONE_GO in (able.supported_replace_strategies or ()):
        return dlt.destination(name, replace_strategy=_IN_ONE_GO)
    return dlt.destination(name)


def columns_in(schema: Any, table: str) -> Held:
    """The columns that a table has in a schema of dlt's, and the field of each."""
    columns = schema.tables[table]["columns"] if table in schema.tables else {}
    return {name: column.get(FIELD) for name, column in columns.items()}
