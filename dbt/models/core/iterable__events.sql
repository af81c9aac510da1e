{{ config(
    materialized="incremental",
    unique_key=["source_relation", "event_id"],
    on_schema_change="append_new_columns",
    partition_by={"field": "created_on", "data_type": "date"} if target.type == "bigquery" else none,
    cluster_by=source_iterable.clusters("created_on"),
    indexes=source_iterable.indexes(["source_relation", "event_id"], ["source_relation", "message_id"], ["build_number"]),
    pre_hook=["{{ source_iterable.add_source_relation() }}", "{{ source_iterable.begin_events() }}"],
    post_hook="{{ source_iterable.end_reading() }}",
) }}
{%- set progress = source_iterable.events_progress() %}
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
    from {{ source_iterable.new_rows(stream, progress) }}
{%- if not loop.last %}
    union all
{%- endif %}
{% endfor %}
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
        data,
        _extracted_at,
        cast({{ source_iterable.build_number() }} as {{ dbt.type_bigint() }}) as build_number
    from everything
    {{ source_iterable.known_users("everything") | indent(4) }}
)

select events.*
from events
{%- if "settings" in progress %}
{%- if source_iterable.has_versions() %}
-- What was extracted before that which is there, and committed after it, is old.
left join {{ this }} as present on present.source_relation = events.source_relation and present.event_id = events.event_id
where present._extracted_at is null or present._extracted_at <= events._extracted_at
{%- endif %}
union all
-- Events that are there, of users whose profiles came or changed after them.
select
{%- for name in ["source_relation", "event_id", "event_name", "created_at", "created_on"] %}
    present.{{ name }},
{%- endfor %}
    {{ source_iterable.user_key("known_key") }},
{%- for name in texts + numbers + ["is_bot", "is_machine", "custom_event_name", "total"] + own + ["transactional_data", "stored_at", "data", "_extracted_at"] %}
    present.{{ name }},
{%- endfor %}
    cast({{ source_iterable.build_number() }} as {{ dbt.type_bigint() }})
from {{ this }} as present
{{ source_iterable.known_users("present") }}
where present.{{ var("iterable_user_key") }} is null
    and present.unique_user_key is distinct from {{ source_iterable.user_key("known_key") }}
    and not exists (
        select 1 from events
        where events.source_relation = present.source_relation and events.event_id = present.event_id
    )
{%- endif %}
