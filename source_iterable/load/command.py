"""The command `source-iterable load`: streams into a warehouse, and a report of what was loaded."""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from traceback import format_exception
from typing import NoReturn

from source_iterable.api.client import IterableClient
from source_iterable.errors import ConfigError, IterableError
from source_iterable.load.destination import Destination, parsed, redact, redacted
from source_iterable.load.loader import COMMIT_ROWS, load, work_folder
from source_iterable.load.report import report
from source_iterable.load.sql_destination import SqlDestination
from source_iterable.load.tables import backfill_key
from source_iterable.process.arguments import Parser, add_config, positive
from source_iterable.process.display import heartbeat, one_line
from source_iterable.process.ending import StopSignals, end
from source_iterable.process.live import is_live, progress_display
from source_iterable.process.machine import local_errors
from source_iterable.process.progress import Progress
from source_iterable.reading.stream import StreamContext
from source_iterable.streams.check import must_be_accepted
from source_iterable.streams.privacy import notes
from source_iterable.streams.table import ALL, DEFAULT, EXPENSIVE, GROUPS, STREAMS, chosen, read_config

_LOGGER = logging.getLogger("source_iterable")
_STOPPING = "Stopping: finishing the current commit and cancelling export jobs."
WAREHOUSES = (
    "name.duckdb, folder/ or s3://bucket/path (Parquet), postgresql://user@host/database, "
    "or a dlt destination such as bigquery"
)
_BUCKETS = ("s3", "gs", "az")
# libpq's other form of an address: "host=... password=...".
_KEYWORDS = re.compile(r"(^|\s)(host|hostaddr|port|dbname|user|password|passfile|service|sslmode)\s*=", re.IGNORECASE)


def run(arguments: list[str]) -> NoReturn:
    """Run the command and exit: 0 if everything was loaded, 1 if not, 2 for wrong arguments."""
    options, progress = _options(arguments), Progress()
    carry_out(options.to, partial(_load, options, progress), _STOPPING, partial(_stopped, progress))


def _stopped(progress: Progress) -> str:
    """What a load that was stopped leaves behind."""
    if not (committed := +progress.committed):
        return "The load was stopped before anything was committed. Run it again to load all."
    streams = "1 stream" if len(committed) == 1 else f"{len(committed)} streams"
    rows = f"{committed.total():,} rows of {streams} are committed"
    return f"The load was stopped. {rows}: run it again to load the rest."


def carry_out(
    to: str, work: Callable[[], int], notice: str, stopped: Callable[[], str], secrets: Iterable[str] = ()
) -> NoReturn:
    """Do what a command is for, and exit with the code that this returns, or with 1 after an error, which is logged.

    `notice` is told when a signal stops it, and what `stopped` returns once it has stopped. The log of a fault shows neither
    what is behind the scheme of the address `to` nor a text of `secrets`.
    """
    _LOGGER.setLevel(logging.INFO)
    _LOGGER.addHandler(_Stderr())
    # What a load makes is only for the user who runs it; what is there keeps its mode.
    os.umask(0o077)
    stop = StopSignals(notice)
    try:
        code = work()
        stop.ignore()
    except BaseException as error:
        stop.ignore()
        # After a signal, whatever has come of its SystemExit: DuckDB raises an error of its own.
        code = 1 if stop.number is None else 128 + stop.number
        # A fault of ours, if it is none of our errors.
        fault = redact(to, "".join(format_exception(error)).rstrip())
        for secret in secrets:
            fault = fault.replace(secret, "…")
        why = [str(error)] if isinstance(error, IterableError) else fault.split("\n")
        for line in why if stop.number is None else [stopped()]:
            _LOGGER.error(line)
    end(code)


def open_destination(to: str, dataset: str, backfill: str, folder: Path, loaded: bool = False) -> Destination:
    """The destination of `--to`, opened. Raises IterableError.

    `backfill` is the key of the states (tables.backfill_key); `folder` is for temporary files. `loaded`: it is an error if
    no load has made the dataset, and then nothing is made.
    """
    scheme, rest = parsed(to)
    unknown = ConfigError(f"--to {redacted(to)} is no destination: give {WAREHOUSES}.")
    with _installed():
        if scheme in ("postgresql", "postgres") and rest.startswith("//"):
            from source_iterable.load.postgres import Postgres

            return Postgres(f"postgresql:{rest}", dataset, backfill, folder, loaded)
        if scheme in _BUCKETS:
            from source_iterable.load.bucket import Bucket
            from source_iterable.load.parquet_folder import ParquetFolder

            return ParquetFolder(Bucket(scheme, rest, dataset, folder), backfill, folder, loaded)
        if scheme or _KEYWORDS.search(rest):
            raise unknown
        if rest == "duckdb":
            # Not a name for dlt, whose credentials would name a file that is written without dlt.
            raise ConfigError("--to duckdb names no file: give its path, such as --to iterable.duckdb.")
        if loaded and rest.endswith((".duckdb", ".db", "/")) and not os.path.exists(rest):
            raise ConfigError(f"There is nothing at --to {redacted(to)}.")
        if rest.endswith((".duckdb", ".db")):
            from source_iterable.load.duckdb_file import DuckDBFile

            return DuckDBFile(Path(rest), dataset, backfill, folder, loaded)
        if rest.endswith("/") or os.path.isdir(rest):
            from source_iterable.load.parquet_folder import ParquetFolder
            from source_iterable.load.storage import LocalFolder

            return ParquetFolder(LocalFolder(Path(rest) / dataset), backfill, folder, loaded)
        # dlt reads these when it is imported. Its warnings are about types that are as they should be.
        os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
        os.environ.setdefault("RUNTIME__LOG_LEVEL", "ERROR")
        from source_iterable.load.dlt_adapter import DltDestination, destination_named
        from source_iterable.load.dlt_formats import check_merges

        if destination := destination_named(rest):
            if not loaded:
                check_merges(destination)
            return DltDestination(destination, dataset, backfill, folder)
    raise unknown


@contextmanager
def _installed() -> Iterator[None]:
    """Raises ConfigError for a package that the block imports and that is not installed."""
    try:
        yield
    except ImportError as error:
        # Set in Airbyte's image, where nothing can be installed.
        if "AIRBYTE_ENTRYPOINT" in os.environ:
            raise ConfigError("This image is Airbyte's. To load, use the one whose tag ends in -load.") from None
        install = 'pip install "iterable-source[load]"'
        raise ConfigError(f"Loading needs packages that are not installed ({error.name}): {install}.") from None


def _is_new(to: str) -> bool:
    """Whether a load makes this local file or folder. Raises ConfigError if there is no folder to make it in."""
    scheme, path = parsed(to)
    if scheme or not path.endswith((".duckdb", ".db", "/")) or os.path.exists(path):
        return False
    with _installed():
        import duckdb  # noqa: F401
    parent = os.path.dirname(path.rstrip("/")) or "."
    if not os.path.isdir(parent):
        raise ConfigError(
            f"--to {redacted(to)}: there is no folder {redacted(parent)}. Make it first, or correct the path."
        )
    return True


def dataset_name(text: str) -> str:
    """The value of --dataset, for argparse: a plain name, since it names a folder as well."""
    if text.strip() in ("", ".", "..") or re.search(r"[/\\\0]", text):
        raise argparse.ArgumentTypeError("must be a plain name, without slashes")
    return text


@local_errors()
def _load(options: argparse.Namespace, progress: Progress) -> int:
    """Load what the options say; returns the exit code."""
    config = read_config(options.config)
    names = chosen(options.streams, _LOGGER)
    for note in notes(config):
        _LOGGER.warning(note)
    reload = [] if options.reload is None else chosen(options.reload, _LOGGER)
    if others := [name for name in reload if name not in names]:
        raise ConfigError(
            f"--reload names streams that this load does not read: {', '.join(others)}. Add them to --streams."
        )
    context = StreamContext(config, IterableClient(config, _LOGGER, progress), _LOGGER)
    log = nullcontext() if is_live(alone=True) else heartbeat(progress, _LOGGER)
    with closing(context), work_folder() as folder, ExitStack() as opened:
        failures = []
        with log, progress_display(progress, alone=True):
            if _is_new(options.to):
                # Before it is made. Others are opened first: they may be refused without a request.
                must_be_accepted(config, context.client, every_error=False)
            destination = opened.enter_context(
                closing(open_destination(options.to, options.dataset, backfill_key(config), folder))
            )
            if options.custom_event_tables and not isinstance(destination, SqlDestination):
                raise ConfigError(
                    "--custom-event-tables is for a DuckDB file and PostgreSQL: the others have no views."
                )
            if names == GROUPS[DEFAULT]:
                slow = ", ".join(EXPENSIVE)
                _LOGGER.info(f"Skipped because they are slow: {slow} (include them with --streams {ALL}).")
            streams = [STREAMS[name] for name in names]
            results = load(context, destination, streams, folder, options.commit_rows, reload)
            try:
                if options.custom_event_tables and isinstance(destination, SqlDestination):
                    destination.make_custom_event_views()
            except IterableError as error:
                failures.append(f"The rows are loaded, but the views of custom events are not made: {error}")
        report(results, destination.how_to_open())
        failures += [f"{name} is incomplete: {each.error}" for name, each in results.items() if each.error]
        for failure in failures:
            _LOGGER.error(failure)
        return 1 if failures else 0


def _options(arguments: list[str]) -> argparse.Namespace:
    description = "Load Iterable into a warehouse. Run it again to load what is new since."
    parser = Parser(prog="source-iterable load", description=description)
    add = parser.add_argument
    add_config(parser)
    add("--to", required=True, metavar="WAREHOUSE", help=f"{WAREHOUSES}: docs/load.md")
    streams = f"comma-separated streams and groups ({', '.join(GROUPS)}); default: all but the slow ones"
    add("--streams", default=DEFAULT, help=streams)
    add(
        "--commit-rows",
        type=positive,
        metavar="ROWS",
        default=COMMIT_ROWS,
        help="rows between two commits (%(default)s)",
    )
    add("--custom-event-tables", action="store_true", help="a view for each name of custom events: docs/load.md")
    add("--reload", metavar="STREAMS", help="delete the rows of these streams first, and read them from the beginning")
    add(
        "--dataset",
        type=dataset_name,
        metavar="NAME",
        default="iterable",
        help="the schema of the tables (%(default)s)",
    )
    return parsed_options(parser, arguments)


def parsed_options(parser: argparse.ArgumentParser, arguments: list[str]) -> argparse.Namespace:
    """What the arguments of a command say. Exits with 2 if some are not known."""
    options, others = parser.parse_known_args(arguments)
    if others:
        # Without their values, which may be pieces of a connection string.
        names = ", ".join(other.partition("=")[0] for other in others if other.startswith("--"))
        parser.error(f"unrecognized arguments: {names or 'a value with blanks needs quotation marks'}")
    return options


class _Stderr(logging.Handler):
    """Writes a line to sys.stderr as it is at the time: above the progress, while that is shown.

    If that is possible: what a load has done does not depend on it. Names and errors that the line quotes cannot change the
    terminal.
    """

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            print(one_line(self.format(record)), file=sys.stderr, flush=True)
