"""DltDestination: any destination of dlt. One load package a commit, with the states in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import dlt
from dlt.common.exceptions import DltException
from dlt.pipeline.exceptions import PipelineStepFailed

from source_iterable.load.address import without_accounts
from source_iterable.load.destination import DestinationError
from source_iterable.load.dlt_tables import arrow_batches, hints
from source_iterable.load.rows import RowFile
from source_iterable.load.tables import Table
from source_iterable.reading.stream import State

_SOURCE = "iterable"


class DltDestination:
    """A Destination. `destination` is dlt's, `folder` for its files until they are loaded.

    What the destination says was loaded is true: dlt's working folder is made anew, so nothing that a killed load left there
    is loaded twice. Raises DestinationError.
    """

    def __init__(self, destination: Any, dataset: str, part: str, folder: Path) -> None:
        self._part = part
        self._files: dict[str, tuple[Table, list[RowFile]]] = {}
        self._finished: dict[str, Table] = {}
        self._dataset = dataset
        self._pipeline = dlt.pipeline(
            _SOURCE, pipelines_dir=str(folder / "dlt"), destination=destination, dataset_name=dataset
        )
        # dlt's CSV files for PostgreSQL turn empty texts into NULL.
        self._format: Any = "insert_values" if self._pipeline.destination.destination_name == "postgres" else None
        self._calling(self._pipeline.sync_destination)

    def states(self) -> Mapping[str, State]:
        source = self._pipeline.state.get("sources", {}).get(_SOURCE, {})
        return {
            stream: state[self._part] for stream, state in source.get("resources", {}).items() if state.get(self._part)
        }

    def start(self, table: Table, resumed: bool) -> None:
        """No-op: rows of a table that is replaced are kept here until its stream was read to its end."""

    def add(self, table: Table, file: RowFile) -> None:
        self._files.setdefault(table.stream, (table, []))[1].append(file)

    def finish(self, table: Table) -> None:
        self._finished[table.stream] = table

    def commit(self, states: Mapping[str, State]) -> None:
        ready = {name: table for name, (table, _) in self._files.items() if table.merged} | self._finished
        # A table that is replaced and not read to its end has no rows in the warehouse yet, which its state must not say.
        states = {name: state for name, state in states.items() if name in ready}
        resources = [self._resource(table, states.get(name)) for name, table in ready.items()]
        if resources:
            self._calling(lambda: self._pipeline.run(_source(resources), loader_file_format=self._format))
        for name in ready:
            for file in self._files.pop(name, (None, []))[1]:
                file.path.unlink()
            self._finished.pop(name, None)

    def close(self) -> None:
        """No-op: what was not committed is not there."""

    def how_to_open(self) -> str:
        return f"the schema {self._dataset} of {self._pipeline.destination.destination_name}"

    def _resource(self, table: Table, state: State | None) -> Any:
        files = self._files.get(table.stream, (table, []))[1]
        columns = {column.name: column for file in files for column in file.columns} or {
            column.name: column for column in table.columns
        }

        def rows() -> Iterator[Any]:
            if state is not None:
                dlt.current.resource_state()[self._part] = dict(state)
            for file in files:
                yield from arrow_batches(file)

        return dlt.resource(rows, name=table.stream, **hints(table, columns.values()))

    def _calling(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except (DltException, OSError) as error:
            raise DestinationError(
                f"dlt cannot load into {self._pipeline.destination.destination_name}: {self._why(error)}"
            ) from None

    def _why(self, error: BaseException) -> str:
        cause: BaseException = error
        while isinstance(cause, PipelineStepFailed) and cause.exception is not None:
            cause = cause.exception
        return without_accounts(str(cause).strip().split("\n")[0])


@dlt.source(name=_SOURCE, max_table_nesting=0)
def _source(resources: list[Any]) -> Any:
    return resources
