{#- A stream's raw table with clean names and types. Empty if the stream was not synced; NULL for missing columns. -#}
{% macro staging(stream) %}
{%- set raw = source_iterable.raw_table(stream) -%}
{%- set held = source_iterable.held_columns(stream) -%}
select
{%- for column in source_iterable.columns_of(stream) %}
    {% if column.name == "_event_id" and raw is not none -%}
        {{ source_iterable.event_id(stream, held) }}
    {%- else -%}
        {{ source_iterable.column_of(held, column) }}
    {%- endif %} as {{ column.name }},
{%- endfor %}
{%- for own in source_iterable.own_columns(stream) %}
    {{ source_iterable.own_value(held, own) }} as {{ own.name }},
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
    {# As it is in the raw table, so that an index or a partition finds what is new. #}
    {%- if stream == "users" or stream in source_iterable.event_streams() | map("first") %},
    {%- set batch = source_iterable.batch_of(held) %}
    {{ adapter.quote(batch.name) if batch else "cast(null as " ~ dbt.type_string() ~ ")" }} as _batch
    {%- endif %}
{%- if raw is none %}
from (select 1 as nothing) as nothing
where 1 = 0
{%- else %}
from {{ raw }}
{%- endif %}
{% endmacro %}

{#- A column of a raw table with its type; NULL if the table does not have it. -#}
{% macro column_of(held, column) %}
    {%- set given = held.get(source_iterable.raw_name(column)) -%}
    {%- if given is none -%}{{ return("cast(null as " ~ source_iterable.type_of(column.kind) ~ ")") }}{%- endif -%}
    {{ return(source_iterable.typed(adapter.quote(given.name), column.kind, given.type)) }}
{% endmacro %}

{#-
The ID of an event. Rows that another connector wrote have none: theirs is made of what their columns hold, so that copies of a row
have the same. Names are part of it, NULLs are not: a column that is added later changes no ID.
-#}
{% macro event_id(stream, held) %}
    {%- set text = dbt.type_string() -%}
    {%- set given = held.get("_event_id") -%}
    {%- set by_airbyte = "_airbyte_" in held | join(" ") -%}
    {%- if given is not none and not by_airbyte -%}{{ return("cast(" ~ adapter.quote(given.name) ~ " as " ~ text ~ ")") }}{%- endif -%}
    {%- set parts = ["'" ~ stream ~ "'"] -%}
    {%- for column in source_iterable.columns_of(stream)
        if column.name not in ("_event_id", "_type") and held.get(source_iterable.raw_name(column)) is not none -%}
        {%- set value = source_iterable.column_of(held, column) -%}
        {%- set value = source_iterable.json_as_text(value) if column.kind == "json" else "cast(" ~ value ~ " as " ~ text ~ ")" -%}
        {%- do parts.append("coalesce(" ~ dbt.concat(["'/" ~ column.name ~ "='", value]) ~ ", '')") -%}
    {%- endfor -%}
    {%- set made = dbt.hash(dbt.concat(parts)) -%}
    {%- if given is none -%}{{ return(made) }}{%- endif -%}
    {%- set given = "cast(" ~ adapter.quote(given.name) ~ " as " ~ text ~ ")" -%}
    {{ return("case when " ~ given ~ " is null then " ~ made ~ " else " ~ given ~ " end") }}
{% endmacro %}

{#- The project's own fields that become columns of a stream (iterable_user_columns, iterable_event_columns). -#}
{% macro own_columns(stream) %}
    {%- if stream == "users" -%}{{ return(var("iterable_user_columns")) }}{%- endif -%}
    {{ return(var("iterable_event_columns") if stream in source_iterable.event_streams() | map("first") else []) }}
{% endmacro %}

{#- The value of an own field: from the column of that name if the raw table has one, otherwise from `data`. -#}
{% macro own_value(held, own) %}
    {%- set given = held.get(source_iterable.plain_name(own.name)) -%}
    {%- if given is not none and own.kind == "time" and "time" in given.type | lower -%}
        {{ return(source_iterable.typed(adapter.quote(given.name), "time", given.type)) }}
    {%- elif given is not none -%}
        {{ return(source_iterable.of_text("cast(" ~ adapter.quote(given.name) ~ " as " ~ dbt.type_string() ~ ")", own.kind)) }}
    {%- endif -%}
    {%- set data = source_iterable.column_of(held, {"field": "data", "name": "data", "kind": "json"}) -%}
    {{ return(source_iterable.of_text(source_iterable.json_text(data, own.field), own.kind)) }}
{% endmacro %}

{#- A value of this kind from text; NULL for text that is none. -#}
{% macro of_text(value, kind) %}
    {%- if kind == "text" -%}{{ return(value) }}
    {%- elif kind == "integer" -%}{{ return(source_iterable.whole_number(value)) }}
    {%- elif kind == "number" -%}{{ return(source_iterable.number_of(value)) }}
    {%- elif kind == "boolean" -%}{{ return("case lower(" ~ value ~ ") when 'true' then true when 'false' then false end") }}
    {%- elif kind == "time" -%}{{ return(source_iterable.time_of_text(value)) }}
    {%- endif -%}
    {{ exceptions.raise_compiler_error("The kind of an own column must be text, integer, number, boolean or time, not " ~ kind) }}
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
            {%- do source_iterable.held_columns(stream) -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}

{#- The columns of a stream's raw table, by their plain names: destinations change the case of names, and some replace dots. A run
asks the warehouse once for each table, and keeps the answer where all of its models see it: in `graph`. -#}
{% macro held_columns(stream) %}
    {%- set known = graph.setdefault("source_iterable_columns", {}) -%}
    {%- if stream in known -%}{{ return(known[stream]) }}{%- endif -%}
    {%- set raw = source_iterable.raw_table(stream) -%}
    {%- set held = {} -%}
    {%- if raw is not none and not flags.INTROSPECT -%}
        {%- for column in source_iterable.columns_of(stream) -%}
            {%- set name = column.get("loaded", column.name) if var("iterable_naming") == "load" else column.field -%}
            {%- do held.update({source_iterable.raw_name(column): {"name": name, "type": ""}}) -%}
        {%- endfor -%}
        {%- do held.update({"project": {"name": "project", "type": ""}}) -%}
    {%- elif raw is not none -%}
        {%- for column in adapter.get_columns_in_relation(raw) -%}
            {%- do held.update({source_iterable.plain_name(column.name): {"name": column.name, "type": column.dtype}}) -%}
        {%- endfor -%}
        {%- do source_iterable.check_naming(raw, held, source_iterable.columns_of(stream)) -%}
    {%- endif -%}
    {%- if execute -%}{%- do known.update({stream: held}) -%}{%- endif -%}
    {{ return(held) }}
{% endmacro %}

{#- The plain name of a column in the raw table. Only this macro knows how destinations name columns. -#}
{% macro raw_name(column) %}
    {%- set naming = var("iterable_naming") -%}
    {%- if naming not in ("load", "airbyte") -%}
        {{ exceptions.raise_compiler_error("iterable_naming must be load or airbyte, not " ~ naming) }}
    {%- endif -%}
    {{ return(source_iterable.plain_name(column.get("loaded", column.name) if naming == "load" else column.field)) }}
{% endmacro %}

{% macro plain_name(name) %}{{ return(modules.re.sub("[^a-z0-9_]", "_", name | lower)) }}{% endmacro %}

{#- Raise an error if the columns follow the other naming: all of them would be NULL. -#}
{% macro check_naming(raw, held, columns) %}
    {%- set fitting = [] -%}
    {%- set others = [] -%}
    {%- for column in columns if column.name != column.field and source_iterable.plain_name(column.name) != source_iterable.plain_name(column.field) -%}
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
    {#- Called thousands of times per run: a table of all kinds would be made again each time. #}
    {%- if kind == "text" -%}{{ return(dbt.type_string()) }}
    {%- elif kind == "integer" -%}{{ return(dbt.type_bigint()) }}
    {%- elif kind == "number" -%}{{ return(source_iterable.type_double()) }}
    {%- elif kind == "boolean" -%}{{ return(dbt.type_boolean()) }}
    {%- elif kind == "json" -%}{{ return(source_iterable.type_json()) }}
    {%- elif kind == "date" -%}{{ return("date") }}
    {%- endif -%}
    {{ return(source_iterable.type_time()) }}
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
