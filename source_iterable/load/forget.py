"""The command `source-iterable forget`: all rows about a person out of a warehouse, and a report of what was deleted."""

from __future__ import annotations

import argparse
import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import Any, NoReturn

from source_iterable.config import Config
from source_iterable.errors import ConfigError
from source_iterable.load.command import (
    WAREHOUSES,
    carry_out,
    dataset_name,
    open_destination,
    parsed_options,
)
from source_iterable.load.forgetting import Erasable, Erased, forget
from source_iterable.load.loader import work_folder
from source_iterable.load.persons import EMAIL, USER_ID, Persons, identifying
from source_iterable.load.projects import check_projects
from source_iterable.load.report import write_report
from source_iterable.load.rows import literal
from source_iterable.load.tables import backfill_key, table_of
from source_iterable.process.arguments import Parser, add_config
from source_iterable.process.machine import local_errors
from source_iterable.records.columns import PROJECT
from source_iterable.records.private_fields import PrivateFields
from source_iterable.streams.table import STREAMS, read_config

_LOGGER = logging.getLogger("source_iterable")
_STOPPED = "The command was stopped. Its one commit has deleted all these rows, or none: run it again to be sure."
_NOT_SEARCHED = (
    "texts, links, phone numbers, transactional data and other fields of rows that have none of these identifiers",
    "templates, campaigns, snippets, catalogs and metadata, and the names of your own staff in them",
)
_REMAINS = (
    "Models: build them again (make models, or dbt build). They drop what the tables no longer have.",
    "Reports and charts made before, state files of read, logs, backups, snapshots and copies of this warehouse.",
    "Iterable: forget the person there, too. What it sends again, a later load writes again.",
)
_OTHERWISE = "loaded with other private options. Run forget with that configuration, too."
# How warehouses write the hex SHA-256 of a text.
_SHA256 = "sha256_hex(x) is to_hex(sha256(x)) in BigQuery, sha2(x, 256) in Snowflake, Redshift and Databricks."


def run(arguments: list[str]) -> NoReturn:
    """Run the command and exit: 0 if no row is left, also if there was none; 2 for wrong arguments; 1 after an error, or if
    a table was loaded with other private options.
    """
    options = _options(arguments)
    secrets = {*options.email, *options.user_id}
    carry_out(options.to, partial(_forget, options), "Stopping.", lambda: _STOPPED, secrets)


@local_errors()
def _forget(options: argparse.Namespace) -> int:
    """Forget whom the options name; returns the exit code."""
    config = read_config(options.config)
    persons = Persons(PrivateFields.from_config(config).hash)
    for kind, texts in ((EMAIL, options.email), (USER_ID, options.user_id)):
        for text in texts:
            persons.add(kind, text)
    tables = [table_of(STREAMS[name], config) for name in STREAMS if identifying(name)]
    with (
        work_folder() as folder,
        closing(
            open_destination(options.to, options.dataset, backfill_key(config), folder, loaded=True)
        ) as destination,
    ):
        if not isinstance(destination, Erasable):
            # Only these are not Erasable.
            from source_iterable.load.dlt_adapter import DltDestination

            assert isinstance(destination, DltDestination)
            lines = sql_for_others(
                config, _schemas(destination.pipeline), None if options.forgotten else persons.take_new()
            )
            write_report(lines, "The SQL cannot be written to stdout")
            raise ConfigError(
                "Nothing was deleted: this command cannot delete rows in destinations of dlt. Run the SQL on stdout there."
            )
        check_projects(destination, tables, config.project)
        marks = {table.name: table.private for table in tables}
        erased = forget(destination, persons, marks, options.forgotten, options.all_profiles)
        destination.compact()
    write_report(
        _report(erased, destination.remains), "The rows are deleted, but the report cannot be written to stdout"
    )
    if erased.otherwise:
        _LOGGER.error(f"Rows may be left in {', '.join(erased.otherwise)}: {_OTHERWISE}")
        return 1
    return 0


def _report(erased: Erased, remains: str) -> Iterator[str]:
    """Lines that say what was deleted, what was not searched, and what remains."""
    counts = {f"{table}, waiting" if waiting else table: rows for (table, waiting), rows in sorted(erased.rows.items())}
    width = max(map(len, ["table", *counts]))
    row = f" {{:<{width}}} │ {{:>13}}".format
    rule = row("", "").replace(" ", "─").replace("│", "┼")
    if counts:
        yield from (row("table", "rows deleted"), rule)
        yield from (row(name, f"{rows:,}") for name, rows in counts.items())
        yield from (rule, row("all", f"{sum(counts.values()):,}"))
    else:
        yield "No table has a row about these persons. Nothing was deleted."
    if erased.without_profile:
        yield from ("", f"{erased.without_profile:,} of the identifiers are in no row of users.")
        yield "Rows that carry only another identifier were not found; pass that identifier as well."
    if erased.unmatched:
        yield from ("", "Not matched, unless made without a salt: columns that hold hashes only (docs/erasure.md).")
        yield from (f"- {column} of {', '.join(sorted(tables))}" for column, tables in sorted(erased.unmatched.items()))
    if erased.otherwise:
        yield from ("", "Not matched:", *(f"- {table} was {_OTHERWISE}" for table in erased.otherwise))
    yield from ("", "Not searched:", *(f"- {each}" for each in _NOT_SEARCHED))
    yield from ("", "What remains (docs/erasure.md):", *(f"- {each}" for each in (remains, *_REMAINS)))


def _schemas(pipeline: Any) -> tuple[str, str]:
    """The names that dlt gives, in the warehouse, to the schema of the tables and to that by way of which it merges rows."""
    client = pipeline.destination_client()
    config, schema = client.config, client.schema
    return config.normalize_dataset_name(schema), config.normalize_staging_dataset_name(schema)


def sql_for_others(
    config: Config, schemas: tuple[str, str], identifiers: Iterable[tuple[str, str]] | None
) -> Iterator[str]:
    """SQL that deletes rows by identifiers, or without them those about everyone in forgotten_users, a line for each table.

    A table is searched by what was given, and by what `users` has beside it, which therefore comes last. `schemas`
    are that of the tables, and that by way of which dlt merges rows. Raises ConfigError.
    """
    dataset, staging = schemas
    texts: dict[str, list[str]] = {}
    for kind, text in identifiers or ():
        if {"\\", "'"}.intersection(text) or not text.isprintable():
            # Warehouses do not agree on how to write it.
            raise ConfigError("Nothing was deleted: no SQL that every warehouse reads alike can hold this identifier.")
        texts.setdefault(kind, []).append(literal(text))

    own = f"{PROJECT} = {literal(config.project)}" if config.project else ""
    of_own = f"({{}}) AND {own}".format if own else str

    def given(column: str, kinds: tuple[str, ...]) -> Iterator[str]:
        for kind in kinds:
            if identifiers is None and kind in (EMAIL, USER_ID):
                hashes = f"SELECT hash FROM {dataset}.forgotten_users WHERE identifier_type = {literal(kind)}"
                hashes += f" AND {own}" if own else ""
                yield f"sha256_hex(lower(trim({column}))) IN ({hashes})"
            elif kind in texts:
                yield f"{column} IN ({', '.join(texts[kind])}) OR lower(trim({column})) IN ({', '.join(texts[kind])})"

    columns = {name: {column.name for column in table_of(STREAMS[name], config).columns} for name in STREAMS}
    here = {name: [each for each in identifying(name) if each.column in columns[name]] for name in STREAMS}
    profiles = " OR ".join(sql for column, _, kinds in here["users"] for sql in given(column, kinds))
    column_of = {kinds[0]: column for column, _, kinds in here["users"]}
    yield "-- Leave out the lines of tables that you do not have. Values under data are not searched."
    yield f"-- Look first: how many rows of {dataset}.users have these identifiers? Several persons may share one."
    if identifiers is None:
        yield f"-- {_SHA256}"
    for name in sorted(filter(here.get, STREAMS), key=lambda name: name == "users"):
        conditions = [sql for column, _, kinds in here[name] for sql in given(column, kinds)]
        if profiles:
            conditions += [
                f"{column} IN (SELECT {column_of[kind]} FROM {dataset}.users WHERE {of_own(profiles)})"
                for column, _, kinds in here[name]
                for kind in kinds
                if kind in column_of
            ]
        # The second keeps the rows of the last load.
        for schema in (staging, dataset) if conditions else ():
            yield f"DELETE FROM {schema}.{name} WHERE {of_own(' OR '.join(conditions))};"


def _options(arguments: list[str]) -> argparse.Namespace:
    description = (
        "Delete all rows about a person from a warehouse that source-iterable load has filled: docs/erasure.md."
    )
    parser = _Parser(prog="source-iterable forget", description=description, allow_abbrev=False)
    add = parser.add_argument
    add_config(parser)
    add("--to", required=True, help=f"{WAREHOUSES}: docs/load.md")
    add("--dataset", type=dataset_name, default="iterable", help="the schema of the tables (%(default)s)")
    add("--email", type=_identifier, action="append", default=[], help="an email address; may be repeated")
    add("--user-id", type=_identifier, action="append", default=[], help="a userId; may be repeated")
    add("--forgotten", action="store_true", help="instead: everyone listed in forgotten_users")
    add(
        "--all-profiles",
        action="store_true",
        help="delete all profiles found, even if they are more than the identifiers",
    )
    options = parsed_options(parser, arguments)
    if options.forgotten == bool(options.email or options.user_id):
        parser.error("give either --email and --user-id, or --forgotten")
    return options


def _identifier(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("not UTF-8") from None
    if not text.strip():
        raise argparse.ArgumentTypeError("blank")
    return text


class _Parser(Parser):
    """Its errors do not quote values, which name persons."""

    def error(self, message: str) -> NoReturn:
        super().error(re.sub(r"""(['"]).*\1""", "…", message, flags=re.DOTALL))
