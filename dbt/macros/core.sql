{#- A column of a stream, or NULL if the stream has no column of this name. -#}
{% macro column_or_null(stream, name, kind="text") %}
    {%- set held = source_iterable.columns_of(stream) | map(attribute="name") | list -%}
    {{ return(name if name in held else "cast(null as " ~ source_iterable.type_of(kind) ~ ")") }}
{% endmacro %}

{#- The staged rows of streams with the same columns, one per project and key: the last one
    extracted; ties go to the newest version. -#}
{% macro latest(streams, key, newest) %}
    select *
    from (
        select
            staged.*,
            row_number() over (
                partition by source_relation, {{ key | join(", ") }}
                order by
{#- PostgreSQL and Snowflake would sort NULL first. #}
{%- for name in ["_extracted_at", newest] %}
                    case when {{ name }} is null then 1 else 0 end, {{ name }} desc{{ "," if not loop.last }}
{%- endfor %}
            ) as nth_version
        from (
{%- for stream in streams %}
            select * from {{ ref("stg_iterable__" ~ stream) }}
            {%- if not loop.last %} union all {% endif %}
{%- endfor %}
        ) as staged
        where {{ key | join(" is not null and ") }} is not null
    ) as versions
    where nth_version = 1
{% endmacro %}

{#- Child campaigns are campaigns, but Iterable lists them separately. -#}
{% macro latest_campaigns() %}{{ return(source_iterable.latest(["campaigns", "child_campaigns"], ["id"], "updated_at")) }}{% endmacro %}

{#- An ID of a table's row, from columns that are unique together in a project: us/42/2026-03-01, or 42/2026-03-01 without projects. -#}
{% macro row_id(table, columns) %}
    {%- set project = table ~ ".source_relation" -%}
    {%- set parts = ["case when " ~ project ~ " = '' then '' else " ~ dbt.concat([project, "'/'"]) ~ " end"] -%}
    {%- for column in columns -%}
        {%- do parts.append("cast(" ~ table ~ "." ~ column ~ " as " ~ dbt.type_string() ~ ")") -%}
        {%- if not loop.last -%}{%- do parts.append("'/'") -%}{%- endif -%}
    {%- endfor -%}
    {{ return(dbt.concat(parts)) }}
{% endmacro %}

{#- part / whole, or NULL if whole is 0. -#}
{% macro rate(part, whole) %}
    {{ return("cast(" ~ part ~ " as " ~ source_iterable.type_double() ~ ") / nullif(" ~ whole ~ ", 0)") }}
{% endmacro %}

{#- The event types that count as opens or clicks, for all media. -#}
{% macro opens() %}{{ return(["emailOpen", "pushOpen", "inAppOpen", "whatsAppSeen", "embeddedImpression"]) }}{% endmacro %}
{% macro clicks() %}
    {{ return(["emailClick", "webPushClick", "inAppClick", "smsClick", "embeddedClick", "whatsAppClick"]) }}
{% endmacro %}

{% macro user_key() %}{{ return(var("iterable_user_key")) }}{% endmacro %}

{#- Counts of messages by outcome, and rates from these counts. Definitions: docs/models.md. -#}
{% macro counted() %}
    {{ return([
        ["sent", "count(*)"],
        ["delivered", "sum(case when is_delivered then 1 else 0 end)"],
        ["bounced", "sum(case when bounced_count > 0 then 1 else 0 end)"],
        ["unique_opens", "sum(case when opened_count > 0 then 1 else 0 end)"],
        ["total_opens", "sum(opened_count)"],
        ["unique_opens_by_machines", "sum(case when opened_by_machine_count > 0 then 1 else 0 end)"],
        ["unique_clicks", "sum(case when clicked_count > 0 then 1 else 0 end)"],
        ["total_clicks", "sum(clicked_count)"],
        ["unique_opens_or_clicks", "sum(case when opened_count + clicked_count > 0 then 1 else 0 end)"],
        ["unsubscribed", "sum(case when unsubscribed_count > 0 then 1 else 0 end)"],
        ["complained", "sum(case when complained_count > 0 then 1 else 0 end)"],
    ]) }}
{% endmacro %}

{% macro rates() -%}
    {{ source_iterable.rate("delivered", "sent") }} as delivery_rate,
    {{ source_iterable.rate("bounced", "sent") }} as bounce_rate,
    {{ source_iterable.rate("unique_opens", "delivered") }} as open_rate,
    {{ source_iterable.rate("unique_clicks", "delivered") }} as click_rate,
    {{ source_iterable.rate("unique_clicks", "unique_opens_or_clicks") }} as click_to_open_rate,
    {{ source_iterable.rate("unsubscribed", "delivered") }} as unsubscribe_rate,
    {{ source_iterable.rate("complained", "delivered") }} as complaint_rate
{%- endmacro %}
