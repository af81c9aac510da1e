{{ config(
    materialized="incremental",
    unique_key=["source_relation", "event_id"],
    on_schema_change="append_new_columns",
    pre_hook=["{{ source_iterable.add_source_relation() }}", "{{ source_iterable.empty_if_raw_rows_were_taken_away() }}"],
) }}
{%- set texts = [
    "email", "user_id", "itbl_user_id", "message_id", "message_bus_id", "workflow_name", "url", "link_url", "clicked_url",
    "user_agent", "user_agent_device", "proxy_source", "city", "region", "country", "ip", "recipient_state", "status", "reason",
    "unsub_source", "message_status",
] %}
{%- set numbers = [
    "campaign_id", "template_id", "message_type_id", "channel_id", "content_id", "workflow_id", "experiment_id",
] %}
{%- set own = var("iterable_event_columns") | map(attribute="name") | list %}

with everything as (
{% for stream, type in source_iterable.event_streams() %}
    select
        source_relation,
        _event_id as event_id,
        '{{ type }}' as event_name,
        created_at,
{%- for name in texts %}
        {{ source_iterable.column_or_null(stream, name) }} as {{ name }},
{%- endfor %}
{%- for name in numbers %}
        {{ source_iterable.column_or_null(stream, name, "integer") }} as {{ name }},
{%- endfor %}
        {{ source_iterable.column_or_null(stream, "is_bot", "boolean") }} as is_bot,
        {{ source_iterable.column_or_null(stream, "event_name") }} as custom_event_name,
        {{ source_iterable.column_or_null(stream, "total", "number") }} as total,
{%- for name in own %}
        {{ name }},
{%- endfor %}
        transactional_data,
        {{ source_iterable.json_text("itbl_internal", "documentCreatedAt") }} as stored_at,
        data,
        _extracted_at
    from {{ ref("stg_iterable__" ~ stream) }}
{%- if not loop.last %}
    union all
{%- endif %}
{% endfor %}
),

numbered as (
    select
        everything.*,
        row_number() over (
            partition by source_relation, event_id
            order by case when _extracted_at is null then 1 else 0 end, _extracted_at desc, event_name
        ) as nth
    from everything
),

events as (
    select
        source_relation,
        event_id,
        event_name,
        created_at,
        {{ source_iterable.day_of("created_at") }} as created_on,
        {{ source_iterable.user_key("known_key") }} as unique_user_key,
{%- for name in texts + numbers %}
        {{ name }},
{%- endfor %}
        is_bot,
        -- A machine fetched the message: a bot or a mail program's proxy.
        coalesce(is_bot, false) or proxy_source is not null as is_machine,
        custom_event_name,
        total,
{%- for name in own %}
        {{ name }},
{%- endfor %}
        transactional_data,
        -- When Iterable stored the event, if its metadata says so. Later than created_at if a device was offline.
        {{ source_iterable.time_of_text("stored_at") }} as stored_at,
        data
    from numbered
    {{ source_iterable.known_users("numbered") | indent(4) }}
    where nth = 1
)

select events.*
from events
{%- if flags.INTROSPECT and is_incremental() %}
-- Events may arrive weeks late, and some have no time or a time in the future, so a time does not show what is new. Events that
-- differ were loaded again, with more fields, or use another iterable_user_key.
left join {{ this }} as present on present.source_relation = events.source_relation and present.event_id = events.event_id
where present.event_id is null
{#- A table built by an older version has fewer columns; dbt adds them after this query. #}
{%- set present = adapter.get_columns_in_relation(this) | map(attribute="name") | map("lower") | list %}
{%- for name in ["event_name", "created_at", "unique_user_key"] + texts + numbers + ["is_bot", "custom_event_name", "total", "stored_at"] + own %}
    or {{ "present." ~ name if name in present else "null" }} is distinct from events.{{ name }}
{%- endfor %}
{%- endif %}
