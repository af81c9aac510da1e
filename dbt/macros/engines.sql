{#- SQL that differs between engines. -#}

{% macro type_json() %}{{ return(adapter.dispatch("type_json", "source_iterable")()) }}{% endmacro %}
{% macro default__type_json() %}{{ return("json") }}{% endmacro %}
{% macro postgres__type_json() %}{{ return("jsonb") }}{% endmacro %}
{% macro snowflake__type_json() %}{{ return("variant") }}{% endmacro %}

{#- Times are in UTC, without a time zone. -#}
{% macro type_time() %}{{ return(adapter.dispatch("type_time", "source_iterable")()) }}{% endmacro %}
{% macro default__type_time() %}{{ return("timestamp") }}{% endmacro %}
{% macro snowflake__type_time() %}{{ return("timestamp_ntz") }}{% endmacro %}
{% macro bigquery__type_time() %}{{ return("datetime") }}{% endmacro %}

{#- A time that Iterable wrote as text (2026-01-31 12:00:00 +00:00), in UTC; NULL for anything else. -#}
{% macro time_of_text(value) %}{{ return(adapter.dispatch("time_of_text", "source_iterable")(value)) }}{% endmacro %}
{% macro default__time_of_text(value) %}
    {{ return("try_cast(replace(replace(" ~ value ~ ", ' +', '+'), ' -', '-') as timestamp with time zone) at time zone 'UTC'") }}
{% endmacro %}
{% macro postgres__time_of_text(value) %}
    {{ return("case when " ~ value ~ " ~ '^\\d{4}-\\d\\d-\\d\\d[ T]\\d\\d:\\d\\d:\\d\\d(\\.\\d+)? ?(Z|[+-]\\d\\d:?\\d\\d)$' then cast(" ~ value ~ " as timestamp with time zone) at time zone 'UTC' end") }}
{% endmacro %}
{% macro snowflake__time_of_text(value) %}
    {{ return("convert_timezone('UTC', try_to_timestamp_tz(replace(replace(" ~ value ~ ", ' +', '+'), ' -', '-')))::timestamp_ntz") }}
{% endmacro %}
{% macro bigquery__time_of_text(value) %}
    {{ return("datetime(safe_cast(replace(replace(" ~ value ~ ", ' +', '+'), ' -', '-') as timestamp), 'UTC')") }}
{% endmacro %}

{% macro type_double() %}{{ return(adapter.dispatch("type_double", "source_iterable")()) }}{% endmacro %}
{% macro default__type_double() %}{{ return("double precision") }}{% endmacro %}
{% macro bigquery__type_double() %}{{ return("float64") }}{% endmacro %}

{#- A column as JSON. What holds JSON as a text is read: Parquet has no JSON, and some programs write it so into JSON columns. -#}
{% macro as_json(value) %}{{ return(adapter.dispatch("as_json", "source_iterable")(value)) }}{% endmacro %}
{% macro default__as_json(value) %}{{ return("cast(" ~ value ~ " as json)") }}{% endmacro %}
{% macro postgres__as_json(value) %}{{ return("cast(" ~ value ~ " as jsonb)") }}{% endmacro %}
{% macro snowflake__as_json(value) %}
    {{ return("coalesce(try_parse_json(" ~ value ~ "::varchar), to_variant(" ~ value ~ "))") }}
{% endmacro %}
{% macro bigquery__as_json(value) %}
    {%- set json = "safe.parse_json(to_json_string(" ~ value ~ "))" -%}
    {{ return("coalesce(safe.parse_json(json_value(" ~ json ~ ")), " ~ json ~ ")") }}
{% endmacro %}

{#- JSON as text: BigQuery cannot compare JSON. -#}
{% macro json_as_text(value) %}{{ return(adapter.dispatch("json_as_text", "source_iterable")(value)) }}{% endmacro %}
{% macro default__json_as_text(value) %}{{ return("cast(" ~ value ~ " as " ~ dbt.type_string() ~ ")") }}{% endmacro %}
{% macro snowflake__json_as_text(value) %}{{ return("to_json(" ~ value ~ ")") }}{% endmacro %}
{% macro bigquery__json_as_text(value) %}{{ return("to_json_string(" ~ value ~ ")") }}{% endmacro %}

{#- A field of an object, as text. -#}
{% macro json_text(value, field) %}{{ return(adapter.dispatch("json_text", "source_iterable")(value, field)) }}{% endmacro %}
{% macro default__json_text(value, field) %}{{ return("json_extract_string(" ~ value ~ ", '$.\"" ~ field ~ "\"')") }}{% endmacro %}
{% macro postgres__json_text(value, field) %}{{ return("(" ~ value ~ " ->> '" ~ field ~ "')") }}{% endmacro %}
{% macro snowflake__json_text(value, field) %}{{ return(value ~ "['" ~ field ~ "']::string") }}{% endmacro %}
{% macro bigquery__json_text(value, field) %}{{ return("json_value(" ~ value ~ ", '$.\"" ~ field ~ "\"')") }}{% endmacro %}

{#- FROM a table, with one row per item of an array. The column `item` has the items as text. -#}
{% macro unnested(table, array) %}{{ return(adapter.dispatch("unnested", "source_iterable")(table, array)) }}{% endmacro %}
{% macro default__unnested(table, array) %}
    {{ return(table ~ " as source, unnest(from_json(" ~ array ~ ", '[\"VARCHAR\"]')) as items(item)") }}
{% endmacro %}
{% macro postgres__unnested(table, array) %}
    {{ return(table ~ " as source, jsonb_array_elements_text(case jsonb_typeof(" ~ array ~ ") when 'array' then " ~ array ~ " else '[]'::jsonb end) as items(item)") }}
{% endmacro %}
{% macro snowflake__unnested(table, array) %}
    {{ return(
        "(select source.*, flat.value::string as item from " ~ table ~ " as source, lateral flatten(input => " ~ array
        ~ ") as flat) as source"
    ) }}
{% endmacro %}
{% macro bigquery__unnested(table, array) %}
    {{ return(table ~ " as source, unnest(json_value_array(" ~ array ~ ")) as item") }}
{% endmacro %}

{#- An integer from text, or NULL for any other text. -#}
{% macro whole_number(value) %}{{ return(adapter.dispatch("whole_number", "source_iterable")(value)) }}{% endmacro %}
{% macro default__whole_number(value) %}{{ return(dbt.safe_cast(value, dbt.type_bigint())) }}{% endmacro %}
{% macro duckdb__whole_number(value) %}
    {{ return("case when regexp_full_match(" ~ value ~ ", '-?[0-9]{1,18}') then cast(" ~ value ~ " as bigint) end") }}
{% endmacro %}
{% macro postgres__whole_number(value) %}
    {{ return("case when " ~ value ~ " ~ '^-?\\d{1,18}$' then cast(" ~ value ~ " as bigint) end") }}
{% endmacro %}

{#- A time with a time zone, converted to UTC without one. -#}
{% macro in_utc(value) %}{{ return(adapter.dispatch("in_utc", "source_iterable")(value)) }}{% endmacro %}
{% macro default__in_utc(value) %}{{ return("cast(" ~ value ~ " as timestamp with time zone) at time zone 'UTC'") }}{% endmacro %}
{% macro snowflake__in_utc(value) %}{{ return("convert_timezone('UTC', " ~ value ~ "::timestamp_tz)::timestamp_ntz") }}{% endmacro %}
{% macro bigquery__in_utc(value) %}{{ return("datetime(cast(" ~ value ~ " as timestamp), 'UTC')") }}{% endmacro %}

{% macro of_milliseconds(value) %}{{ return(adapter.dispatch("of_milliseconds", "source_iterable")(value)) }}{% endmacro %}
{% macro default__of_milliseconds(value) %}{{ return("make_timestamp(cast(" ~ value ~ " as bigint) * 1000)") }}{% endmacro %}
{% macro postgres__of_milliseconds(value) %}{{ return("to_timestamp(cast(" ~ value ~ " as double precision) / 1000) at time zone 'UTC'") }}{% endmacro %}
{% macro snowflake__of_milliseconds(value) %}{{ return("to_timestamp_ntz(" ~ value ~ "::number, 3)") }}{% endmacro %}
{% macro bigquery__of_milliseconds(value) %}{{ return("datetime(timestamp_millis(cast(" ~ value ~ " as int64)), 'UTC')") }}{% endmacro %}

{#- The day of a time in UTC, in the time zone iterable_timezone. -#}
{% macro day_of(time) %}
    {%- if var("iterable_timezone") == "UTC" -%}{{ return("cast(" ~ dbt.date_trunc("day", time) ~ " as date)") }}{%- endif -%}
    {{ return(adapter.dispatch("day_in_zone", "source_iterable")(time, var("iterable_timezone"))) }}
{% endmacro %}
{% macro default__day_in_zone(time, zone) %}
    {{ return("cast(" ~ time ~ " at time zone 'UTC' at time zone '" ~ zone ~ "' as date)") }}
{% endmacro %}
{% macro snowflake__day_in_zone(time, zone) %}{{ return("convert_timezone('UTC', '" ~ zone ~ "', " ~ time ~ ")::date") }}{% endmacro %}
{% macro bigquery__day_in_zone(time, zone) %}{{ return("date(timestamp(" ~ time ~ "), '" ~ zone ~ "')") }}{% endmacro %}

{#- Hashes of a text, as hex digits. -#}
{% macro sha256(value) %}{{ return(adapter.dispatch("sha256", "source_iterable")(value)) }}{% endmacro %}
{% macro default__sha256(value) %}{{ return("sha256(" ~ value ~ ")") }}{% endmacro %}
{% macro postgres__sha256(value) %}{{ return("encode(sha256(convert_to(" ~ value ~ ", 'UTF8')), 'hex')") }}{% endmacro %}
{% macro snowflake__sha256(value) %}{{ return("sha2(" ~ value ~ ", 256)") }}{% endmacro %}
{% macro bigquery__sha256(value) %}{{ return("to_hex(sha256(" ~ value ~ "))") }}{% endmacro %}

{#- A number from text, or NULL for any other text. -#}
{% macro number_of(value) %}{{ return(adapter.dispatch("number_of", "source_iterable")(value)) }}{% endmacro %}
{% macro default__number_of(value) %}{{ return(dbt.safe_cast(value, source_iterable.type_double())) }}{% endmacro %}
{% macro duckdb__number_of(value) %}{{ return("try_cast(" ~ value ~ " as double)") }}{% endmacro %}
{% macro postgres__number_of(value) %}
    {{ return("case when " ~ value ~ " ~ '^-?\\d{1,200}(\\.\\d+)?([eE][+-]?\\d{1,2})?$' then cast(" ~ value ~ " as double precision) end") }}
{% endmacro %}

{#- How a large table is stored, so that a build finds what has changed: in BigQuery also in partitions by day. -#}
{% macro clusters(day) %}
    {{ return({"bigquery": ["source_relation", "campaign_id"], "snowflake": [day]}.get(target.type)) }}
{% endmacro %}

{#- DuckDB scans fast, and would have the indexes in memory. -#}
{% macro indexes() %}
    {%- set found = [] -%}
    {%- for columns in varargs if target.type == "postgres" -%}{%- do found.append({"columns": columns}) -%}{%- endfor -%}
    {{ return(found) }}
{% endmacro %}

{#- Of iterable__events: purchases, and those whose user their profile tells, and may change. dbt's `indexes` have no condition. -#}
{% macro partial_indexes() %}
    {%- set key = var("iterable_user_key") -%}
    {%- if target.type == "postgres" -%}
    {%- for name, indexed, condition in [("without_" ~ key, "itbl_user_id", key ~ " is null"), ("of_purchases", "campaign_id", "event_name = 'purchase'")] %}
        {%- set index = "iterable__events_" ~ name %}
        {#- The table that a full build replaces still has the name. #}
        {% if not is_incremental() %}drop index if exists {{ this.schema }}.{{ index }};{% endif %}
        create index if not exists {{ index }} on {{ this }} ({{ indexed }}) where {{ condition }};
    {%- endfor %}
    {%- endif -%}
{% endmacro %}

{#- ORDER BY of a large table that is built in full, so that its rows of a day are together: other engines have partitions or clusters. -#}
{% macro order_by(day) %}{{ return("order by " ~ day if target.type == "postgres" else "") }}{% endmacro %}

{#- For a CTE that is read twice: DuckDB makes a table of it if it is small. PostgreSQL guesses wrongly how many rows such a table has. -#}
{% macro read_twice(small) %}{{ return(adapter.dispatch("read_twice", "source_iterable")(small)) }}{% endmacro %}
{% macro default__read_twice(small) %}{{ return("") }}{% endmacro %}
{% macro postgres__read_twice(small) %}{{ return("not materialized") }}{% endmacro %}
{% macro duckdb__read_twice(small) %}{{ return("materialized" if small else "not materialized") }}{% endmacro %}

{#- FROM the rows of a large table that meet `condition` and `changed`, a condition with a subquery that leaves few rows ("true": all).
DuckDB decodes every column it needs before a semi join drops the row, so the row IDs are looked up first. -#}
{% macro rows_of_changed(table, name, condition, changed) %}
    {%- if changed == "true" -%}{{ return(table ~ " as " ~ name ~ " where " ~ condition) }}{%- endif -%}
    {{ return(adapter.dispatch("rows_of_changed", "source_iterable")(table, name, condition ~ " and " ~ changed)) }}
{% endmacro %}
{% macro default__rows_of_changed(table, name, condition) %}{{ return(table ~ " as " ~ name ~ " where " ~ condition) }}{% endmacro %}
{% macro duckdb__rows_of_changed(table, name, condition) %}
    {%- set rows = table ~ " as " ~ name -%}
    {{ return(rows ~ " where " ~ name ~ ".rowid in (select " ~ name ~ ".rowid from " ~ rows ~ " where " ~ condition ~ ")") }}
{% endmacro %}
