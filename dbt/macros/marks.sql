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

{#- Whether raw tables have other marks than when this model last read them. -#}
{% macro raw_rows_were_taken_away() %}
    {%- set marks, progress = source_iterable.marks(), source_iterable.progress_table() -%}
    {%- if not marks or not is_incremental() or adapter.get_relation(progress.database, progress.schema, progress.identifier) is none -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set changed -%}
        select count(*) from {{ progress }} as built left join {{ marks }} as marks on {{ dbt.concat(["'mark of '", "marks.name"]) }} = built.source
        where built.reader = '{{ model.name }}' and not built.pending and built.source like 'mark of %' and built.upto is not null
            and marks.generation is distinct from built.upto
    {%- endset -%}
    {{ return(run_query(changed).columns[0].values()[0] > 0) }}
{% endmacro %}

{% macro marks() %}
    {%- if execute and flags.INTROSPECT -%}
        {%- set raw = source("iterable", "users") -%}
        {{ return(adapter.get_relation(database=raw.database, schema=raw.schema, identifier="_source_iterable_tables")) }}
    {%- endif -%}
{% endmacro %}
