"""Formats of rows for the destinations of dlt: JSON arrives as JSON, and what is merged is merged."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import dlt
import duckdb
import pyarrow

from source_iterable.load.destination import DestinationError
from source_iterable.load.rows import RowFile, no_rows, quoted, select
from source_iterable.load.tables import Column, Table
from source_iterable.records.columns import PROJECT

# dlt's names of types, where they are not DuckDB's.
_DATA_TYPES = {"varchar": "text", "boolean": "bool", "timestamptz": "timestamp"}
# In dlt's schema, which remembers the field of each column.
FIELD = "x-field"


class Format(NamedTuple):
    """How rows go to a destination, in dlt's words: the format of files (None: what dlt makes of Arrow), the type of columns
    with JSON, and the format of tables.
    """

    file: str | None = None
    json: str = "json"
    table: str | None = None


_LINES_SUFFIX = ".lines.gz"
_LINES = Format(file="jsonl")
_FORMATS = {
    # dlt's CSV files turn empty texts into NULL.
    "postgres": Format(file="insert_values"),
    # From the texts in Parquet, BigQuery makes no JSON; Snowflake and Redshift make JSON that is one text.
    "bigquery": _LINES,
    "snowflake": _LINES,
    "redshift": _LINES,
    # SQLAlchemy would write the texts as JSON once more.
    "sqlalchemy": Format(json="text"),
    # dlt merges rows in its Iceberg tables only.
    "athena": Format(table="iceberg"),
}


def format_for(pipeline: Any) -> Format:
    """The format for a pipeline's destination. Raises DestinationError if that cannot take it, with what to do."""
    if pipeline.destination is None:
        return Format()
    name = _type_name(pipeline.destination)
    sent = _FORMATS.get(name, Format())
    able = pipeline.destination.capabilities()
    if sent == _LINES and not pipeline.staging and "jsonl" not in able.supported_loader_file_formats:
        raise DestinationError(
            f"Without a bucket, dlt would write JSON into {name} as text. Set STAGING_TYPE=filesystem and"
            " DESTINATION__FILESYSTEM__BUCKET_URL=s3://… in the environment, or pass `staging` to a pipeline of your own."
        )
    return sent


def check_merges(destination: Any) -> None:
    """Raises DestinationError if dlt would add the new version of a row to a destination, and leave the old one there."""
    able, name = destination.capabilities(), _type_name(destination)
    strategies = able.supported_merge_strategies
    if able.merge_strategies_selector:
        of_table = {"table_format": _FORMATS.get(name, Format()).table}
        strategies = able.merge_strategies_selector(strategies, table_schema=of_table)
    if not strategies:
        raise DestinationError(
            f"dlt does not merge rows in {name}: each version of a row that changes would stay. Use a folder or a bucket:"
            " --to folder/, --to s3://bucket/path."
        )


def hints(table: Table, columns: Iterable[Column], sent: Format) -> dict[str, Any]:
    """The parameters of dlt.resource and make_hints for a table."""
    types = {**_DATA_TYPES, "json": sent.json}
    told: dict[str, Any] = {
        name: {"data_type": types.get(each, each), "nullable": True, FIELD: field} for field, name, each in columns
    }
    if table.project:
        # No field of Iterable's.
        del told[PROJECT][FIELD]
    # Without a project, all rows are replaced.
    own_only = bool(table.project) and not table.merged
    if table.cursor in told:
        # Of two versions of a row in one package, dlt would keep any.
        told[table.cursor]["dedup_sort"] = "desc"
    return {
        "table_name": table.name,
        "columns": told,
        "primary_key": None if own_only else list(table.key) or None,
        # Deletes what has the project of the new rows.
        "merge_key": PROJECT if own_only else None,
        "write_disposition": "merge" if table.merged or own_only else "replace",
        "file_format": sent.file,
        "table_format": sent.table,
    }


def items(files: list[RowFile], sent: Format) -> Iterator[Any]:
    """The rows of files, which are deleted, as dlt takes them: files of lines, which are left beside them, or Arrow."""
    while files:
        file = files.pop(0)
        # dlt has not been told of columns for values that do not fit, nor the source of the project's own fields.
        told = dlt.mark.make_hints(**hints(file.table, file.columns, sent))
        if sent.file == "jsonl":
            yield dlt.mark.with_file_import(str(_json_lines(file)), "jsonl", file.rows, told)
        else:
            for batch in _batches(select(file, json="varchar")):
                yield dlt.mark.with_hints(batch, told)
        file.path.unlink()


def no_rows_of(table: Table) -> Any:
    """An Arrow table without rows."""
    with duckdb.connect() as database:
        return pyarrow.RecordBatchReader.from_stream(database.sql(no_rows(table, json="varchar"))).read_all()


def remove_lines(folder: Path) -> None:
    """Remove the files of lines that `items` left in a folder: dlt has loaded them."""
    for path in folder.glob(f"*{_LINES_SUFFIX}"):
        path.unlink()


def _json_lines(file: RowFile) -> Path:
    """A file of the rows as JSON, compressed. NULLs are left out, which would be JSON's null in Snowflake."""
    fields = []
    for column in file.columns:
        value = quoted(column.name)
        text = f"to_json({value})::varchar"
        if column.type == "json":
            text = value
        elif column.type == "timestamptz":
            text = f"""strftime(make_timestamp(epoch_us({value})), '"%Y-%m-%dT%H:%M:%S.%fZ"')"""
        fields.append(f"""CASE WHEN {value} IS NOT NULL THEN '"{column.name}":' || {text} END""")
    path = file.path.with_suffix(_LINES_SUFFIX)
    # The line is short, the network slow.
    with gzip.open(path, "wt", compresslevel=1, encoding="utf-8") as lines:
        for batch in _batches(
            f"SELECT '{{' || concat_ws(',', {', '.join(fields)}) || '}}' FROM ({select(file, 'varchar')})"
        ):
            lines.writelines(f"{line}\n" for line in batch.column(0).to_pylist())
    return path


def _batches(sql: str) -> Iterator[Any]:
    """The result of SQL as Arrow record batches. DuckDB is only a parser here."""
    with duckdb.connect(config={"memory_limit": "100MB", "threads": 1}) as database:
        yield from pyarrow.RecordBatchReader.from_stream(database.sql(sql))


def _type_name(destination: Any) -> str:
    """dlt's name for what a destination is, whatever the user calls it."""
    return str(destination.destination_type).rpartition(".")[2]
