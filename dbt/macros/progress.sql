{#-
What incremental models have read, in the table _source_iterable_progress beside iterable__events: a build reads only what is new.

- iterable__events reads raw rows from a batch on: the number of a transaction that `source-iterable load` gives (the order of
  these numbers is that of commits), or else the load id of dlt or the time of Airbyte's extraction. A sync that began earlier may
  commit later, so of these the last three days are read again: Airbyte stops a sync after that time. Without such a column, all.
- int_iterable__profiles reads users in the same way.
- Other models read events from a build on: build_number.

A model that has another SQL than when it was built reads everything. A build writes what it will have read before it reads, as
pending, and makes that valid once it is done: not every warehouse can undo both together.
-#}

{#- Seconds by which a sync of another tool may commit later than one that began after it. -#}
{% macro late_commit() %}{{ return(3 * 86400) }}{% endmacro %}

{% macro progress_table() %}
    {%- set events = this if model.name == "iterable__events" else ref("iterable__events") -%}
    {{ return(api.Relation.create(database=events.database, schema=events.schema, identifier="_source_iterable_progress")) }}
{% endmacro %}

{#- Raise it with a macro that changes what incremental models hold, so that they are built in full: dbt shows a model its own text, not
that of its macros. -#}
{% macro definitions() %}{{ return(1) }}{% endmacro %}

{% macro settings() %}
    {{ return(local_md5(
        source_iterable.definitions() ~ model.raw_code ~ source_iterable.user_key() ~ var("iterable_timezone") ~ var("iterable_event_columns") ~ var("iterable_user_columns")
    )) }}
{% endmacro %}

{#- What this model has read of each source, by its name; only the number of its last build if it has to read everything. -#}
{% macro progress() %}
    {%- set table = source_iterable.progress_table() -%}
    {%- set found = {} -%}
    {%- if flags.INTROSPECT and is_incremental() and adapter.get_relation(table.database, table.schema, table.identifier) is not none -%}
        {%- set rows -%}
            select source, upto from {{ table }} where reader = '{{ model.name }}' and not pending and upto is not null
        {%- endset -%}
        {%- for row in run_query(rows).rows -%}{%- do found.update({row[0]: row[1]}) -%}{%- endfor -%}
    {%- endif -%}
    {%- if found.get("settings") != source_iterable.settings() -%}
        {%- set found = {"build": found["build"]} if "build" in found else {} -%}
    {%- endif -%}
    {{ return(found) }}
{% endmacro %}

{#- Events with a build_number above this are new to this model; none: all are. -#}
{% macro last_build() %}
    {%- set progress = source_iterable.progress() -%}
    {{ return(progress.get("build") if "settings" in progress else none) }}
{% endmacro %}

{#- SQL for the last build that a model has read or, for iterable__events, made. -#}
{% macro build_of(reader) %}
    {{ return("select upto from " ~ source_iterable.progress_table() ~ " where reader = '" ~ reader ~ "' and source = 'build' and not pending") }}
{% endmacro %}

{#- When this run began, in UTC: the same for all of its statements. -#}
{% macro now() %}{{ return("cast('" ~ run_started_at.strftime("%Y-%m-%d %H:%M:%S") ~ "' as " ~ source_iterable.type_time() ~ ")") }}{% endmacro %}

{#- The number of this build of iterable__events. -#}
{% macro build_number() %}{{ return(source_iterable.events_progress().get("build", 0) | int + 1) }}{% endmacro %}

{#- Of iterable__events. Empty as well if rows were taken away from the raw tables. -#}
{% macro events_progress() %}
    {{ return({} if source_iterable.raw_rows_were_taken_away() else source_iterable.progress()) }}
{% endmacro %}

{#- The column of a raw table that tells its batches, if it has one: name and type. -#}
{% macro batch_of(held) %}
    {{ return(held.get("_load_number") or held.get("_dlt_load_id") or held.get("_airbyte_extracted_at")) }}
{% endmacro %}

{#- Of a stream of events: its batches from that on which the last build has not read for good, as SQL for the next one. -#}
{% macro next_batch(stream) %}
    {%- set raw = source_iterable.raw_table(stream) -%}
    {%- set held = source_iterable.held_columns(stream) -%}
    {%- set batch = source_iterable.batch_of(held) -%}
    {%- set last = "max(" ~ adapter.quote(batch.name) ~ ")" if batch else "" -%}
    {%- if "_load_number" in held -%}
        {%- set loads = api.Relation.create(database=raw.database, schema=raw.schema, identifier="_source_iterable_loads") -%}
        {#- Copies of the tables may lack it: they are read in full. #}
        {%- if adapter.get_relation(loads.database, loads.schema, loads.identifier) is not none -%}
            {{ return("select cast(max(number) + 1 as " ~ dbt.type_string() ~ ") from " ~ loads) }}
        {%- endif -%}
    {%- elif "_dlt_load_id" in held -%}
        {%- set second = "cast(cast(" ~ last ~ " as " ~ source_iterable.type_double() ~ ") as " ~ dbt.type_bigint() ~ ")" -%}
        {{ return("select cast(" ~ second ~ " - " ~ source_iterable.late_commit() ~ " as " ~ dbt.type_string() ~ ") from " ~ raw) }}
    {%- elif batch -%}
        {{ return("select cast(" ~ dbt.dateadd("second", -source_iterable.late_commit(), last) ~ " as " ~ dbt.type_string() ~ ") from " ~ raw) }}
    {%- endif -%}
{% endmacro %}

{#- FROM the staged rows of a stream of events that may be new, one for each event: `load` has no other, of the rows of other
tools the last one extracted counts. -#}
{% macro new_rows(stream, progress) %}
    {%- set held = source_iterable.held_columns(stream) -%}
    {%- set batch = source_iterable.batch_of(held) -%}
    {%- set staged = ref("stg_iterable__" ~ stream) -%}
    {%- set where = "where _batch >= cast('" ~ progress[stream] ~ "' as " ~ batch.type ~ ")" if batch and stream in progress else "" -%}
    {%- if "_load_number" in held -%}{{ return(staged ~ " " ~ where) }}{%- endif -%}
    {{ return("(select staged.*, row_number() over (partition by source_relation, _event_id order by case when _extracted_at is null"
        ~ " then 1 else 0 end, _extracted_at desc) as nth_version from " ~ staged ~ " as staged " ~ where ~ ") as versions where nth_version = 1") }}
{% endmacro %}

{#- Whether raw tables of events may have several versions of one, in batches that are not in order: Airbyte's. -#}
{% macro has_versions() %}
    {%- for stream, type in source_iterable.event_streams() -%}
        {%- if "_airbyte_extracted_at" in source_iterable.held_columns(stream) -%}
            {{ return(true) }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(false) }}
{% endmacro %}

{#- What a reader of raw tables will have read, as SQL by source: the next batch of each stream, and the mark of its table. -#}
{% macro next_batches(streams) %}
    {%- set marks = source_iterable.marks() -%}
    {%- set sources = {} -%}
    {%- for stream in streams if source_iterable.raw_table(stream) is not none -%}
        {%- set next = source_iterable.next_batch(stream) -%}
        {%- if next -%}{%- do sources.update({stream: next}) -%}{%- endif -%}
        {%- if marks -%}
            {%- do sources.update({"mark of " ~ stream: "select generation from " ~ marks ~ " where name = '" ~ stream ~ "'"}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(sources) }}
{% endmacro %}

{#- What a reader of the events of another model, `source`, will have read. -#}
{% macro present_build(source) %}
    {{ return({
        "build": source_iterable.build_of(source),
        "time": "select cast(" ~ source_iterable.now() ~ " as " ~ dbt.type_string() ~ ")",
    }) }}
{% endmacro %}

{#- Hook of iterable__events. -#}
{% macro begin_events() %}
    {%- if execute and flags.INTROSPECT -%}
        {%- set taken_away = source_iterable.raw_rows_were_taken_away() -%}
        {%- set sources = {"build": "select '" ~ source_iterable.build_number() ~ "'"} -%}
        {%- do sources.update(source_iterable.next_batches(source_iterable.event_streams() | map("first") | list)) -%}
        {%- do source_iterable.make_progress_table() -%}
        {#- Builds are counted from 1 again. #}
        {%- if taken_away or not is_incremental() -%}
            {%- do run_query("delete from " ~ source_iterable.progress_table() ~ " where source = 'build' or reader = '" ~ model.name ~ "'") -%}
        {%- endif -%}
        {%- if taken_away -%}
            {{ log("Rows were taken away from the raw tables: " ~ this.identifier ~ " is built in full.", info=true) }}
            {%- do run_query("delete from " ~ this ~ " where true") -%}
        {%- endif -%}
        {{ source_iterable.write_pending(sources) }}
    {%- endif -%}
{% endmacro %}

{#- Hook of other incremental models: deletes the rows for which `changed` is true, and writes what will have been read. Without
`changed`, the rows are replaced by their key, and all are deleted only if everything is read. -#}
{% macro begin_reading(sources, changed=none) %}
    {%- if execute and flags.INTROSPECT -%}
        {%- do source_iterable.make_progress_table() -%}
        {%- if changed is none and source_iterable.last_build() is none -%}{%- set changed = "true" -%}{%- endif -%}
        {%- if is_incremental() and changed is not none -%}{%- do run_query("delete from " ~ this ~ " where " ~ changed) -%}{%- endif -%}
        {{ source_iterable.write_pending(sources) }}
    {%- endif -%}
{% endmacro %}

{% macro end_reading() %}
    {%- if execute and flags.INTROSPECT -%}
        {%- set table = source_iterable.progress_table() -%}
        {#- PostgreSQL's planner guesses wrongly until it has counted. #}
        {%- if target.type == "postgres" and "settings" not in source_iterable.progress() -%}{%- do run_query("analyze " ~ this) -%}{%- endif -%}
        {%- do run_query("delete from " ~ table ~ " where reader = '" ~ model.name ~ "' and not pending") -%}
        update {{ table }} set pending = false where reader = '{{ model.name }}'
    {%- endif -%}
{% endmacro %}

{% macro make_progress_table() %}
    {%- set text = dbt.type_string() -%}
    {%- do run_query(
        "create table if not exists " ~ source_iterable.progress_table() ~ " (reader " ~ text ~ ", source " ~ text ~ ", upto " ~ text
        ~ ", pending " ~ dbt.type_boolean() ~ ")"
    ) -%}
{% endmacro %}

{% macro write_pending(sources) %}
    {%- set table = source_iterable.progress_table() -%}
    {%- do run_query("delete from " ~ table ~ " where reader = '" ~ model.name ~ "' and pending") -%}
    {%- do sources.update({"settings": "select '" ~ source_iterable.settings() ~ "'"}) -%}
    insert into {{ table }} (reader, source, upto, pending)
    {%- for source, upto in sources.items() %}
    select '{{ model.name }}', '{{ source }}', ({{ upto }}), true
    {{- " union all" if not loop.last }}
    {%- endfor %}
{% endmacro %}

{#- With `new`, a test looks at what the last build of an incremental model has added or changed. -#}
{% macro only_new(model, new) %}
    {{- return("and build_number = (select max(build_number) from " ~ model ~ " as builds)" if new else "") -}}
{% endmacro %}
