"""The command `source-iterable load`: streams into a warehouse, and a table of what was loaded."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping
from contextlib import closing, nullcontext, suppress
from io import BytesIO, TextIOWrapper
from pathlib import Path
from traceback import format_exception
from typing import NoReturn

from source_iterable.api.client import IterableClient
from source_iterable.errors import ConfigError, IterableError
from source_iterable.load.address import hidden
from source_iterable.load.destination import Destination, HasViews
from source_iterable.load.loader import COMMIT_ROWS, Loaded, Loader
from source_iterable.load.open import open_destination
from source_iterable.load.parts import part_of
from source_iterable.load.work_folder import work_folder
from source_iterable.process.display import heartbeat, progress_display
from source_iterable.process.ending import StopSignals, end
from source_iterable.process.machine import trouble
from source_iterable.reading.context import StreamContext
from source_iterable.streams.configuration import read_config
from source_iterable.streams.groups import EXPENSIVE, GROUPS, chosen
from source_iterable.streams.table import STREAMS


def run(arguments: list[str]) -> NoReturn:
    """Run the command and exit: 0 if everything was loaded, 1 if not, 2 for wrong arguments."""
    options = _options(arguments)
    logger = logging.getLogger("source_iterable")
    logger.setLevel(logging.INFO)
    logger.addHandler(_Stderr())
    stop = StopSignals("Stopping: what is being committed is finished, export jobs are cancelled.\n")
    try:
        code = _load(options, logger)
        stop.ignore()
    except BaseException as error:
        stop.ignore()
        if stop.number is not None:
            # Whatever has come of its SystemExit: DuckDB raises an error of its own.
            _tell("The load was stopped. What it has committed is kept: run it again to load the rest.")
            code = 128 + stop.number
        else:
            code = 1
            if isinstance(error, (OSError, MemoryError)):
                error = trouble(error)
            if isinstance(error, IterableError):
                _tell(str(error))
            else:
                _tell(hidden(options.to, "".join(format_exception(error)).rstrip()))
    end(code)


def _load(options: argparse.Namespace, logger: logging.Logger) -> int:
    config = read_config(options.config)
    names = chosen(options.streams)
    if options.streams == "default":
        logger.info(f"Left out, since they take long: {', '.join(EXPENSIVE)}. --streams all reads them, too.")
    context = StreamContext(config, IterableClient(config, logger), logger)
    try:
        with (
            work_folder() as folder,
            closing(open_destination(options.to, options.dataset, part_of(config), folder)) as destination,
        ):
            if options.custom_event_tables and not isinstance(destination, HasViews):
                raise ConfigError(
                    "--custom-event-tables is for a DuckDB file and PostgreSQL: the others have no views."
                )
            loader = Loader(context, destination, folder, commit_rows=options.commit_rows)
            with (
                nullcontext() if sys.stderr.isatty() else heartbeat(context.progress, logger),
                progress_display(context.progress, alone=True),
            ):
                loader.run([STREAMS[name] for name in names])
                without_views = _make_views(destination) if options.custom_event_tables else None
            code = _report(loader.results, destination)
            if without_views is not None:
                _tell(f"The rows are loaded, but the views of custom events are not made: {without_views}")
            return 1 if without_views is not None else code
    finally:
        context.close()


def _make_views(destination: Destination) -> IterableError | None:
    """The error if there is none."""
    try:
        if isinstance(destination, HasViews):
            destination.make_custom_event_views()
        return None
    except IterableError as error:
        return error


def _report(results: Mapping[str, Loaded], destination: Destination) -> int:
    from rich.console import Console
    from rich.table import Table

    # Written in one go, when all is loaded. Lines and letters that stdout does not know are replaced.
    report = TextIOWrapper(BytesIO(), encoding=sys.stdout.encoding, errors="replace")
    console = Console(file=report, force_terminal=sys.stdout.isatty(), highlight=False, soft_wrap=True)
    filled = {name: loaded for name, loaded in results.items() if loaded.rows}
    empty = [name for name, loaded in results.items() if not loaded.rows and loaded.error is None]
    failed = {name: loaded.error for name, loaded in results.items() if loaded.error is not None}
    if filled:
        table = Table(show_edge=False, header_style="bold", show_footer=True)
        table.add_column("stream", footer="all", no_wrap=True)
        table.add_column("rows", footer=f"{sum(loaded.rows for loaded in filled.values()):,}", justify="right")
        table.add_column(
            "seconds", footer=f"{max((each.seconds for each in results.values()), default=0):.1f}", justify="right"
        )
        for name, loaded in filled.items():
            table.add_row(name, f"{loaded.rows:,}", f"{loaded.seconds:.1f}")
        console.print(table)
    if empty:
        streams = "1 stream" if len(empty) == 1 else f"{len(empty)} streams"
        console.print(f"{streams} had nothing new.")
    console.print(f"\nTo look at the tables:\n\n    {destination.how_to_open()}\n", markup=False)
    report.flush()
    try:
        sys.stdout.buffer.write(report.buffer.getvalue())
        sys.stdout.flush()
    except OSError as error:
        _tell(f"The rows are loaded, but the report cannot be written to stdout: {error.strerror}.")
    for name, failure in failed.items():
        _tell(f"{name} is incomplete: {failure}")
    return 1 if failed else 0


def _tell(text: str) -> None:
    """Write to stderr, if that is possible: what a load has done does not depend on it."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="source-iterable load",
        description="Load Iterable into a warehouse. Run it again to load what is new since.",
    )
    parser.add_argument("--config", type=Path, required=True, help="the configuration, a JSON file: docs/options.md")
    parser.add_argument(
        "--to",
        required=True,
        help="iterable.duckdb, a DuckDB file; a folder (./lake/), for Parquet files; postgresql://user@host/database; "
        "or the name of a destination of dlt, such as bigquery, with credentials as dlt finds them",
    )
    parser.add_argument(
        "--streams",
        default="default",
        help=f"comma-separated streams, and groups of them ({', '.join(GROUPS)}); default: all but the expensive ones",
    )
    parser.add_argument(
        "--commit-rows",
        type=_positive,
        default=COMMIT_ROWS,
        help="rows between two commits, which are what a killed load loses at the most (%(default)s; or three minutes)",
    )
    parser.add_argument(
        "--custom-event-tables",
        action="store_true",
        help="a view for each name of custom events, with a column for each field (a DuckDB file, PostgreSQL)",
    )
    parser.add_argument("--dataset", default="iterable", help="the schema of the tables (%(default)s)")
    options, others = parser.parse_known_args(arguments)
    if others:
        # Without their values, which may be pieces of a connection string.
        names = ", ".join(other.partition("=")[0] for other in others if other.startswith("--"))
        parser.error(f"unrecognized arguments: {names or 'a value with blanks needs quotation marks'}")
    return options


def _positive(text: str) -> int:
    number = int(text)
    if number <= 0:
        raise ValueError(text)
    return number


class _Stderr(logging.Handler):
    """Writes to sys.stderr as it is at the time: above the progress, while that is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        _tell(self.format(record))
