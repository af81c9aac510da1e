{#- A column, or NULL if it is not among the columns `held` of a stream. -#}
{% macro column_or_null(held, name, kind="text") %}
    {{ return(name if name in held else "cast(null as " ~ source_iterable.type_of(kind) ~ ")") }}
{% endmacro %}

{#- The staged rows of streams with the same columns, one per project and key: the last one
    extracted; ties go to the newest version. -#}
{% macro latest(streams, key, newest) %}
    select *
    from (
        select
            staged.*,
            {{ source_iterable.nth_version(key, newest) }} as nth_version
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

{#- 1 for the current version among the rows that share a key. -#}
{% macro nth_version(key, newest) -%}
            row_number() over (
                partition by source_relation, {{ key | join(", ") }}
                order by
{#- PostgreSQL and Snowflake would sort NULL first. #}
{%- for name in ["_extracted_at", newest] %}
                    case when {{ name }} is null then 1 else 0 end, {{ name }} desc{{ "," if not loop.last }}
{%- endfor %}
            )
{%- endmacro %}

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

{#- The media, each with the type of its sends, in the order in which columns and names have them. -#}
{% macro media() %}
    {{ return([
        ["emailSend", "Email"], ["pushSend", "Push"], ["webPushSend", "Web push"], ["inAppSend", "InApp"], ["smsSend", "SMS"],
        ["embeddedSend", "Embedded"], ["whatsAppSend", "WhatsApp"], ["rcsSend", "RCS"],
    ]) }}
{% endmacro %}

{#- The media of a user's last_seen_by columns, each with a pattern for the names of its events. -#}
{% macro media_of_users() %}
    {{ return([
        ["email", "email%"], ["push", "push%"], ["in_app", "inApp%"], ["sms", "sms%"], ["whatsapp", "whatsApp%"], ["embedded", "embedded%"],
        ["web_push", "webPush%"],
    ]) }}
{% endmacro %}

{#- The event types that count as opens, clicks or bounces, for all media. -#}
{% macro opens() %}{{ return(["emailOpen", "pushOpen", "inAppOpen", "whatsAppSeen", "embeddedImpression"]) }}{% endmacro %}
{% macro clicks() %}
    {{ return(["emailClick", "webPushClick", "inAppClick", "smsClick", "embeddedClick", "whatsAppClick"]) }}
{% endmacro %}
{% macro bounces() %}{{ return(["emailBounce", "pushBounce", "smsBounce", "whatsAppBounce"]) }}{% endmacro %}

{#- Unsubscribes that Iterable makes after a hard bounce or a complaint are none by the user. -#}
{% macro by_user() %}{{ return("coalesce(unsub_source, '') not in ('HardBounce', 'Complaint')") }}{% endmacro %}

{#- For models that join others, or count all events or messages: views, which cost nothing until somebody asks. DuckDB refuses views
on a schema with the name of its file: that of the raw tables often has it (iterable.duckdb). -#}
{% macro on_demand(reads_raw=false) %}
    {%- set schemas = [target.schema] + ([var("iterable_schema")] if reads_raw else []) -%}
    {{ return("table" if target.type == "duckdb" and target.database in schemas else "view") }}
{% endmacro %}

{#- For tables that views join and each run makes anew. PostgreSQL would drop the views with the table, so it is emptied and filled in
one transaction. -#}
{% macro made_anew() %}{{ return("incremental" if target.type == "postgres" else "table") }}{% endmacro %}
{% macro empty() %}{{ return("truncate " ~ this if is_incremental() else "") }}{% endmacro %}

{#- What identifies a user, or what there is of the other identifiers: some records have only one of them. -#}
{% macro user_key(known=none) %}
    {%- set names = [var("iterable_user_key")] + ([known] if known else []) -%}
    {%- for name in ["email", "itbl_user_id", "user_id"] if name not in names -%}{%- do names.append(name) -%}{%- endfor -%}
    {{ return("coalesce(" ~ names | join(", ") ~ ")") }}
{% endmacro %}

{#- Join the profiles to events that lack the key of their user: as `known_key`, by Iterable's ID. -#}
{% macro known_users(events) %}
left join (
    select source_relation as known_relation, itbl_user_id as known_id, max({{ var("iterable_user_key") }}) as known_key
    from {{ ref("stg_iterable__users") }}
    where itbl_user_id is not null
    group by source_relation, itbl_user_id
) as known
    on known.known_relation = {{ events }}.source_relation
    and known.known_id = case when {{ events }}.{{ var("iterable_user_key") }} is null then {{ events }}.itbl_user_id end
{%- endmacro %}

{#- None of these identifiers is on Iterable's list of forgotten users, which are hashed without blanks and in lower case. -#}
{% macro not_forgotten(table, identifiers) %}
{%- for name in identifiers -%}
{{ "and " if not loop.first }}not exists (
        select 1 from {{ ref("int_iterable__forgotten_users") }} as forgotten
        where forgotten.source_relation = {{ table }}.source_relation and forgotten.user_hash = {{ source_iterable.sha256("lower(trim(" ~ table ~ "." ~ name ~ "))") }}
    ){{ "\n    " if not loop.last }}
{%- endfor -%}
{% endmacro %}

{#- The sum of whole numbers: engines give it wider types. -#}
{% macro sum_of(number) %}{{ return("cast(sum(" ~ number ~ ") as " ~ dbt.type_bigint() ~ ")") }}{% endmacro %}

{#- How many rows fulfil a condition. -#}
{% macro count_if(condition) %}{{ return("count(case when " ~ condition ~ " then 1 end)") }}{% endmacro %}

{#- The unique_ figures of a group of messages: each counts the persons with a message that meets its condition. -#}
{% macro counted_persons() %}
    {{ return([
        ["unique_sends", "true"],
        ["unique_opens", "opened_count > 0"],
        ["unique_opens_with_machines", "opened_count + opened_by_machine_count > 0"],
        ["unique_clicks", "clicked_count > 0"],
        ["unique_clicks_with_machines", "clicked_count + clicked_by_machine_count > 0"],
        ["unique_opens_or_clicks", "opened_count + clicked_count > 0"],
        ["unique_unsubscribes", "unsubscribed_count > 0"],
        ["unique_hosted_unsubscribe_clicks", "hosted_unsubscribe_clicked_count > 0"],
    ]) }}
{% endmacro %}

{#- All other figures: total_ ones count events, the rest messages. -#}
{% macro counted_messages() %}
    {{ return([
        ["sent", "count(*)"],
        ["delivered", source_iterable.count_if("is_delivered")],
        ["bounced", source_iterable.count_if("bounced_count > 0")],
        ["hard_bounced", source_iterable.count_if("hard_bounced_count > 0")],
        ["soft_bounced", source_iterable.count_if("soft_bounced_count > 0 and hard_bounced_count = 0")],
        ["messages_opened", source_iterable.count_if("opened_count > 0")],
        ["messages_opened_by_machines", source_iterable.count_if("opened_by_machine_count > 0")],
        ["messages_clicked", source_iterable.count_if("clicked_count > 0")],
        ["messages_opened_or_clicked", source_iterable.count_if("opened_count + clicked_count > 0")],
        ["unsubscribed", source_iterable.count_if("unsubscribed_count > 0")],
        ["complained", source_iterable.count_if("complained_count > 0")],
        ["total_opens", source_iterable.sum_of("opened_count")],
        ["total_opens_by_machines", source_iterable.sum_of("opened_by_machine_count")],
        ["total_clicks", source_iterable.sum_of("clicked_count")],
        ["total_clicks_by_machines", source_iterable.sum_of("clicked_by_machine_count")],
        ["total_hosted_unsubscribe_clicks", source_iterable.sum_of("hosted_unsubscribe_clicked_count")],
    ]) }}
{% endmacro %}

{#- Figures of a group of messages. Those of persons do not add up over groups. Definitions: docs/models.md. -#}
{% macro counted() %}
    {%- set figures = source_iterable.counted_messages() -%}
    {%- for name, condition in source_iterable.counted_persons() -%}
        {%- do figures.append([name, "count(distinct case when " ~ condition ~ " then person end)"]) -%}
    {%- endfor -%}
    {{ return(figures) }}
{% endmacro %}

{#- Rates of these figures, and the media whose events cannot tell a rate: it is NULL there. -#}
{% macro rates(medium="message_medium") -%}
{%- for name, part, whole, untold in [
    ("delivery", "delivered", "sent", ["Web push", "RCS"]),
    ("bounce", "bounced", "sent", ["InApp", "Embedded", "Web push", "RCS"]),
    ("open", "messages_opened", "delivered", ["SMS", "Web push", "RCS"]),
    ("click", "messages_clicked", "delivered", ["Push", "RCS"]),
    ("click_to_open", "messages_clicked", "messages_opened_or_clicked", ["Push", "SMS", "Web push", "RCS"]),
    ("unique_open", "unique_opens", "delivered", ["SMS", "Web push", "RCS"]),
    ("unique_click", "unique_clicks", "delivered", ["Push", "RCS"]),
    ("unique_click_to_open", "unique_clicks", "unique_opens_or_clicks", ["Push", "SMS", "Web push", "RCS"]),
    ("unsubscribe", "unsubscribed", "delivered", []),
    ("complaint", "complained", "delivered", ["Push", "InApp", "SMS", "Embedded", "WhatsApp", "Web push", "RCS"]),
] %}
    {% if untold -%}
    case when {{ medium }} not in ('{{ untold | join("', '") }}') then {{ source_iterable.rate(part, whole) }} end
    {%- else -%}
    {{ source_iterable.rate(part, whole) }}
    {%- endif %} as {{ name }}_rate{{ "," if not loop.last }}
{%- endfor %}
{%- endmacro %}
