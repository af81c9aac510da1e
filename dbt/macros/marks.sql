{#- A model built by an older version has no source_relation: its rows are of a database without projects. -#}
{% macro add_source_relation() %}
    {%- if execute and flags.INTROSPECT and is_incremental()
        and "source_relation" not in adapter.get_columns_in_relation(this) | map(attribute="name") | map("lower") -%}
        {%- do run_query("alter table " ~ this ~ " add column source_relation " ~ dbt.type_string()) -%}
        update {{ this }} set source_relation = '' where true
    {%- endif -%}
{% endmacro %}

{#-
`source-iterable load` marks each of its tables, and gives it another mark when rows of it were taken away, or got a project: after
`--reload` or `forget`, or because the table was dropped. An incremental model has such rows still, so it is emptied, and then built
in full, in one transaction. Raw tables written otherwise have no marks.
-#}
{% macro empty_if_raw_rows_were_taken_away() %}
    {%- if execute and flags.INTROSPECT -%}
        {%- set raw = source("iterable", "users") -%}
        {%- set marks = adapter.get_relation(database=raw.database, schema=raw.schema, identifier="_source_iterable_tables") -%}
        {%- if marks is not none -%}{{ source_iterable.compare_marks(marks) }}{%- endif -%}
    {%- endif -%}
{% endmacro %}

{% macro compare_marks(marks) %}
    {%- set built_from = api.Relation.create(database=this.database, schema=this.schema, identifier="_source_iterable_built") -%}
    {%- do run_query("create table if not exists " ~ built_from ~ " (name text, generation text)") -%}
    {%- set changed -%}
        select count(*) from {{ built_from }} as built left join {{ marks }} as marks on marks.name = built.name
        where marks.generation is distinct from built.generation
    {%- endset -%}
    {%- if is_incremental() and run_query(changed).columns[0].values()[0] -%}
        {{ log("Rows were taken away from the raw tables: " ~ this.identifier ~ " is built in full.", info=true) }}
        {%- do run_query("delete from " ~ this) -%}
    {%- endif -%}
    {%- do run_query("delete from " ~ built_from) -%}
    insert into {{ built_from }}
    select name, generation from {{ marks }}
    where name in ('{{ source_iterable.event_streams() | map("first") | join("', '") }}')
{% endmacro %}
