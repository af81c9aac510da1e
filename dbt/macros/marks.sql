{#-
`source-iterable load` marks each of its tables, and gives it another mark when rows of it were taken away, or got a project: after
`--reload` or `forget`, or because the table was dropped. An incremental model has such rows still, so it is emptied, and then built
in full. Raw tables written otherwise have no marks.
-#}

{#- A model built by an older version has no source_relation: its rows are of a database without projects. -#}
{% macro add_source_relation() %}
    {%- if execute and flags.INTROSPECT and is_incremental()
        and "source_relation" not in adapter.get_columns_in_relation(this) | map(attribute="name") | map("lower") -%}
        {%- do run_query("alter table " ~ this ~ " add column source_relation " ~ dbt.type_string()) -%}
        update {{ this }} set source_relation = '' where true
    {%- endif -%}
{% endmacro %}

{#- Whether the raw tables have other marks than at the last build. -#}
{% macro raw_rows_were_taken_away() %}
    {%- set marks, built_from = source_iterable.marks(), source_iterable.marks_built_from() -%}
    {%- if not marks or not is_incremental() or adapter.get_relation(built_from.database, built_from.schema, built_from.identifier) is none -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set changed -%}
        select count(*) from {{ built_from }} as built left join {{ marks }} as marks on marks.name = built.name
        where marks.generation is distinct from built.generation
    {%- endset -%}
    {{ return(run_query(changed).columns[0].values()[0] > 0) }}
{% endmacro %}

{% macro empty_if_raw_rows_were_taken_away() %}
    {%- set marks, built_from = source_iterable.marks(), source_iterable.marks_built_from() -%}
    {%- if marks -%}
        {%- if source_iterable.raw_rows_were_taken_away() -%}
            {{ log("Rows were taken away from the raw tables: " ~ this.identifier ~ " is built in full.", info=true) }}
            {%- do run_query("delete from " ~ this ~ " where true") -%}
        {%- endif -%}
        {%- do run_query("create table if not exists " ~ built_from ~ " (name text, generation text)") -%}
        {%- do run_query("delete from " ~ built_from) -%}
        {%- do run_query(
            "insert into " ~ built_from ~ " select name, generation from " ~ marks ~ " where name in ('"
            ~ source_iterable.event_streams() | map("first") | join("', '") ~ "')"
        ) -%}
    {%- endif -%}
{% endmacro %}

{% macro marks() %}
    {%- if execute and flags.INTROSPECT -%}
        {%- set raw = source("iterable", "users") -%}
        {{ return(adapter.get_relation(database=raw.database, schema=raw.schema, identifier="_source_iterable_tables")) }}
    {%- endif -%}
{% endmacro %}

{% macro marks_built_from() %}
    {{ return(api.Relation.create(database=this.database, schema=this.schema, identifier="_source_iterable_built")) }}
{% endmacro %}
