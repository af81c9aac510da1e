{#-
The rows of a stream as a snapshot compares them: JSON as text, without the time of loading and without the columns `without`, whose
values change by themselves. `key` is a list of columns; of rows that share it, the one with the greatest `newest` counts. A project that has no row in the raw
table keeps those of the snapshot, so nothing counts as deleted: its stream was not loaded, or is being loaded again.
-#}
{% macro history(stream, key, newest, without=[]) %}
    {%- set columns = source_iterable.columns_of(stream) | rejectattr("name", "in", without) | list -%}
    {%- set known = [] -%}
    {%- if execute and flags.INTROSPECT -%}
        {%- set before = adapter.get_relation(database=this.database, schema=this.schema, identifier=this.identifier) -%}
        {%- if before is not none -%}
            {%- set known = adapter.get_columns_in_relation(before) | map(attribute="name") | map("lower") | list -%}
        {%- endif -%}
    {%- endif -%}
with present as (
    select
        source_relation
{%- for column in columns %},
        {{ source_iterable.json_as_text(column.name) if column.kind == "json" else column.name }} as {{ column.name }}
{%- endfor %}
    from ({{ source_iterable.latest([stream], key, newest) }}) as newest
)

select * from present
{%- if known %}
union all
select
    source_relation
{%- for column in columns %},
    {% if column.name in known %}{{ column.name }}{% else %}cast(null as {{ source_iterable.type_of("text" if column.kind == "json" else column.kind) }}){% endif %}
{%- endfor %}
from {{ this }}
where dbt_valid_to is null and source_relation not in (select source_relation from present)
{%- endif %}
{% endmacro %}

{#- For the hooks of snapshots: dbt takes their times from the session's clock, and all other times are in UTC. -#}
{% macro session_in_utc() %}{{ return(adapter.dispatch("session_in_utc", "source_iterable")()) }}{% endmacro %}
{% macro default__session_in_utc() %}{{ return("set time zone 'UTC'") }}{% endmacro %}
{% macro snowflake__session_in_utc() %}{{ return("") }}{% endmacro %}
{% macro bigquery__session_in_utc() %}{{ return("") }}{% endmacro %}
