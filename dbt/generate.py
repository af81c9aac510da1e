"""Writes the staging models and macros/streams.sql from the table of streams: `make docs`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from source_iterable.config import Config
from source_iterable.load.tables import Column, table_of
from source_iterable.reading.export_stream import EventStream
from source_iterable.reading.stream import Stream
from source_iterable.records.schemas import milliseconds
from source_iterable.streams.table import EXPORTS, STREAMS

FOLDER = Path(__file__).parent
STAGING = FOLDER / "models" / "staging"
CONFIG = Config.parse({"api_key": "key", "start_date": "2024-01-01T00:00:00Z"})
# Reserved words of BigQuery or Snowflake, which raw tables of a load have as names of columns.
RESERVED = {"table": "table_name", "hash": "user_hash", "interval": "bucket_interval"}
# Kinds of columns, by their SQL types; the other types are kinds themselves.
KINDS = {"varchar": "text", "bigint": "integer", "double": "number", "timestamptz": "time"}
# Profile fields that have a column with user_fields_as_columns, and are in `data` without it.
MORE_COLUMNS = [Column("firstName", "first_name", "varchar"), Column("lastName", "last_name", "varchar")]
MORE_DESCRIPTIONS = {
    "firstName": {"description": "First name. A column with user_fields_as_columns, otherwise in data."},
    "lastName": {"description": "Last name. A column with user_fields_as_columns, otherwise in data."},
}
PROJECT = "The project (the option project), or an empty text without projects."
EXTRACTED = "When the destination received the row (UTC), if Airbyte wrote it."
BATCH = "The batch in which the row came: iterable__events reads new ones."
MADE = "made by dbt/generate.py: `make docs`"


def files() -> dict[Path, str]:
    """Every generated file, and its text."""
    made = {FOLDER / "macros" / "streams.sql": _macro(), STAGING / "staging.yml": _properties()}
    made |= {
        STAGING / f"stg_iterable__{name}.sql": f"{{{{ source_iterable.staging('{name}') }}}}\n" for name in STREAMS
    }
    return made


def _columns(stream: Stream) -> list[Column]:
    more = MORE_COLUMNS if stream.name == "users" else []
    columns = [*table_of(stream, CONFIG).columns, *more]
    return [column._replace(name=RESERVED.get(column.name, column.name)) for column in columns]


def _told(column: Column, milliseconds: Mapping[str, str]) -> str:
    """A column for the macro; `loaded` is its name in the tables of a load, if it is another."""
    kind = milliseconds.get(column.field, KINDS.get(column.type, column.type))
    loaded = {name: word for word, name in RESERVED.items()}.get(column.name)
    told = {"field": column.field, "name": column.name, "kind": kind, **({"loaded": loaded} if loaded else {})}
    return json.dumps(told, ensure_ascii=False)


def _macro() -> str:
    """A macro that returns the columns of a stream: field, name and kind of each."""
    lines = [f"{{#- {MADE} -#}}", "{% macro columns_of(stream) %}"]
    # Called a thousand times per run: a table of all streams would be built again each time.
    for name, stream in STREAMS.items():
        # As Airbyte's destinations have them; a load makes timestamps of them.
        times = dict.fromkeys(milliseconds(name), "milliseconds")
        told = ", ".join(_told(column, times) for column in _columns(stream))
        lines.append(f'    {{%- if stream == "{name}" -%}}{{{{ return([{told}]) }}}}{{%- endif -%}}')
    lines += [
        "{% endmacro %}",
        "",
        "{% macro stream_names() %}",
        f"    {{{{ return({json.dumps(list(STREAMS))}) }}}}",
        "{% endmacro %}",
        "",
        "{#- The event streams, each with Iterable's name of its event type. -#}",
        "{% macro event_streams() %}",
        "    {{ return([",
        *(f'        ["{each.name}", "{each.data_type}"],' for each in EXPORTS if isinstance(each, EventStream)),
        "    ]) }}",
        "{% endmacro %}",
        "",
    ]
    return "\n".join(lines)


def _properties() -> str:
    """The raw tables as sources, and the staging models with their columns."""
    lines = [
        f"# {MADE}",
        "version: 2",
        "sources:",
        "  - name: iterable",
        '    description: "The raw tables, one per synced stream."',
        "    database: \"{{ var('iterable_database', none) or target.database }}\"",
        "    schema: \"{{ var('iterable_schema') }}\"",
        "    tables:",
        *(f"      - name: {name}" for name in STREAMS),
        "models:",
    ]
    for name, stream in STREAMS.items():
        schema = stream.schema(CONFIG)
        lines += [f"  - name: stg_iterable__{name}", f"    description: {_quoted(schema)}", "    columns:"]
        properties = {**schema["properties"], **MORE_DESCRIPTIONS}
        for field, column, _ in _columns(stream):
            lines += [f"      - name: {column}", f"        description: {_quoted(properties[field])}"]
        lines += ["      - name: source_relation", f"        description: {json.dumps(PROJECT)}"]
        lines += ["      - name: _extracted_at", f"        description: {json.dumps(EXTRACTED)}"]
        if isinstance(stream, EventStream):
            lines += ["      - name: _batch", f"        description: {json.dumps(BATCH)}"]
    return "\n".join([*lines, ""])


def _quoted(schema: Mapping[str, Any]) -> str:
    text = schema["description"]
    # dbt renders descriptions: it would evaluate an expression of Iterable's templates as one of its own.
    return json.dumps(f"{{% raw %}}{text}{{% endraw %}}" if "{{" in text else text, ensure_ascii=False)


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
