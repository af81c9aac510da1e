{#- A stream's raw table with clean names and types. Empty if the stream was not synced; NULL for missing columns. -#}
{% macro staging(stream) %}
{%- set raw = source_iterable.raw_table(stream) -%}
{%- set held = source_iterable.held_columns(raw, stream) -%}
{%- set found = [] -%}
select
{%- for column in source_iterable.columns_of(stream) %}
    {%- set given = held.get(source_iterable.raw_name(column)) %}
    {% if given is none -%}
        cast(null as {{ source_iterable.type_of(column.kind) }})
    {%- else -%}
        {{ source_iterable.typed(adapter.quote(given.name), column.kind, given.type) }}
    {%- endif %} as {{ column.name }},
{%- endfor %}
    {# The project, where several share the tables (the option `project`). #}
    {%- set project = held.get("project") %}
    {% if project is none -%}
        cast('' as {{ dbt.type_string() }})
    {%- else -%}
        coalesce(cast({{ adapter.quote(project.name) }} as {{ dbt.type_string() }}), '')
    {%- endif %} as source_relation,
    {# When the destination received the row: the last of several versions wins. #}
    {%- set extracted = held.get("_airbyte_extracted_at") %}
    {% if extracted is none -%}
        cast(null as {{ source_iterable.type_time() }})
    {%- else -%}
        {{ source_iterable.typed(adapter.quote(extracted.name), "time", extracted.type) }}
    {%- endif %} as _extracted_at
{%- if raw is none %}
from (select 1 as nothing) as nothing
where 1 = 0
{%- else %}
from {{ raw }}
{%- endif %}
{% endmacro %}

{#- The raw table of a stream, or none. It is an error if no stream has a raw table. -#}
{% macro raw_table(stream) %}
    {%- set table = source("iterable", stream) -%}
    {%- if not execute -%}{{ return(none) }}
    {#- `dbt compile --no-introspect` queries no database: act as if all streams were synced. -#}
    {%- elif not flags.INTROSPECT -%}{{ return(table) }}
    {%- endif -%}
    {%- for name in [stream] + source_iterable.stream_names() -%}
        {%- set raw = adapter.get_relation(database=table.database, schema=table.schema, identifier=name) -%}
        {%- if raw is not none -%}{{ return(raw if name == stream else none) }}{%- endif -%}
    {%- endfor -%}
    {{ exceptions.raise_compiler_error(
        "No stream has a table in the schema " ~ table.schema ~ " of the database " ~ table.database
        ~ ". Set the variables iterable_schema and iterable_database to where the tables are."
    ) }}
{% endmacro %}

{#- For on-run-start: report a problem with the raw tables once, before every staging model reports it. -#}
{% macro check_raw_tables() %}
    {%- if execute and flags.INTROSPECT and project_name == "source_iterable" -%}
        {%- for stream in source_iterable.stream_names() -%}
            {%- do source_iterable.held_columns(source_iterable.raw_table(stream), stream) -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}

{#- The columns of a raw table, by their plain names: destinations change the case of names, and some replace dots. -#}
{% macro held_columns(raw, stream) %}
    {%- set held = {} -%}
    {%- if raw is not none and not flags.INTROSPECT -%}
        {%- for column in source_iterable.columns_of(stream) -%}
            {%- set name = column.name if var("iterable_naming") == "load" else column.field -%}
            {%- do held.update({source_iterable.raw_name(column): {"name": name, "type": ""}}) -%}
        {%- endfor -%}
        {%- do held.update({"project": {"name": "project", "type": ""}}) -%}
    {%- elif raw is not none -%}
        {%- for column in adapter.get_columns_in_relation(raw) -%}
            {%- do held.update({source_iterable.plain_name(column.name): {"name": column.name, "type": column.dtype}}) -%}
        {%- endfor -%}
        {%- do source_iterable.check_naming(raw, held, source_iterable.columns_of(stream)) -%}
    {%- endif -%}
    {{ return(held) }}
{% endmacro %}

{#- The plain name of a column in the raw table. Only this macro knows how destinations name columns. -#}
{% macro raw_name(column) %}
    {%- set naming = var("iterable_naming") -%}
    {%- if naming not in ("load", "airbyte") -%}
        {{ exceptions.raise_compiler_error("iterable_naming must be load or airbyte, not " ~ naming) }}
    {%- endif -%}
    {{ return(source_iterable.plain_name(column.name if naming == "load" else column.field)) }}
{% endmacro %}

{% macro plain_name(name) %}{{ return(modules.re.sub("[^a-z0-9_]", "_", name | lower)) }}{% endmacro %}

{#- Raise an error if the columns follow the other naming: all of them would be NULL. -#}
{% macro check_naming(raw, held, columns) %}
    {%- set fitting = [] -%}
    {%- set others = [] -%}
    {%- for column in columns if source_iterable.plain_name(column.name) != source_iterable.plain_name(column.field) -%}
        {%- set other = column.field if var("iterable_naming") == "load" else column.name -%}
        {%- if source_iterable.raw_name(column) in held -%}{%- do fitting.append(column) -%}{%- endif -%}
        {%- if source_iterable.plain_name(other) in held -%}{%- do others.append(column) -%}{%- endif -%}
    {%- endfor -%}
    {%- if others and not fitting -%}
        {{ exceptions.raise_compiler_error(
            "The columns of " ~ raw ~ " do not follow the variable iterable_naming: " ~ var("iterable_naming") ~ "."
        ) }}
    {%- endif -%}
{% endmacro %}

{% macro type_of(kind) %}
    {{ return({
        "text": dbt.type_string(),
        "integer": dbt.type_bigint(),
        "number": source_iterable.type_double(),
        "boolean": dbt.type_boolean(),
        "date": "date",
        "time": source_iterable.type_time(),
        "milliseconds": source_iterable.type_time(),
        "json": source_iterable.type_json(),
    }[kind]) }}
{% endmacro %}

{#- A raw column cast to its type. Times are in UTC, without a time zone. -#}
{% macro typed(name, kind, raw_type) %}
    {%- if kind == "milliseconds" and var("iterable_naming") == "airbyte" -%}
        {{ return(source_iterable.of_milliseconds(name)) }}
    {%- elif kind in ("time", "milliseconds") and not source_iterable.is_without_zone(raw_type) -%}
        {{ return(source_iterable.in_utc(name)) }}
    {%- elif kind == "json" -%}{{ return(source_iterable.as_json(name)) }}
    {%- endif -%}
    {{ return("cast(" ~ name ~ " as " ~ source_iterable.type_of(kind) ~ ")") }}
{% endmacro %}

{#- Whether a column's times have no time zone. They are then in UTC, whatever the session's time zone. -#}
{% macro is_without_zone(raw_type) %}
    {%- set name = raw_type | lower -%}
    {{ return(
        name.startswith("timestamp_ntz") or name in ("timestamp without time zone", "timestamp_s", "timestamp_ms", "timestamp_ns", "datetime")
        or (name == "timestamp" and target.type != "bigquery")
    ) }}
{% endmacro %}
