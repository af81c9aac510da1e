{{ config(
    materialized="incremental",
    unique_key=["source_relation", "event_id"],
    on_schema_change="append_new_columns",
    partition_by={"field": "created_on", "data_type": "date"} if target.type == "bigquery" else none,
    cluster_by=source_iterable.clusters("created_on"),
    indexes=source_iterable.indexes(["source_relation", "event_id"], ["source_relation", "message_id"], ["build_number"], ["created_at"]),
    pre_hook=["{{ source_iterable.add_source_relation() }}", "{{ source_iterable.begin_events() }}"],
    post_hook=["{{ source_iterable.end_reading() }}", "{{ source_iterable.partial_indexes() }}"],
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
{#- dbt learns from all of them what this model depends on, and then reads those that have a table. #}
{%- set streams = source_iterable.event_streams() %}
{%- set loaded = [] %}
{%- for stream, type in streams if not execute or source_iterable.raw_table(stream) is not none %}
{%- do loaded.append([stream, type]) %}
{%- endfor %}

with everything as (
{% for stream, type in loaded or streams[:1] %}
{%- set held = source_iterable.columns_of(stream) | map(attribute="name") | list %}
    select
        source_relation,
        _event_id as event_id,
        '{{ type }}' as event_name,
        created_at,
{%- for name in texts %}
        {{ source_iterable.column_or_null(held, name) }} as {{ name }},
{%- endfor %}
{%- for name in numbers %}
        {{ source_iterable.column_or_null(held, name, "integer") }} as {{ name }},
{%- endfor %}
        {{ source_iterable.column_or_null(held, "is_bot", "boolean") }} as is_bot,
        {{ source_iterable.column_or_null(held, "event_name") }} as custom_event_name,
        {{ source_iterable.column_or_null(held, "total", "number") }} as total,
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
{%- if "settings" not in progress %}

select events.*, cast(null as {{ dbt.type_string() }}) as former_person
from events
{%- else %},

-- The events that are there already.
known_events as (
    select source_relation, event_id, coalesce(unique_user_key, message_id) as person, _extracted_at
    from {{ this }}
{%- if target.type != "postgres" %}
    -- An event's ID is made of all that it says, so it keeps its day: other days need not be read. PostgreSQL has an index of the IDs.
    where created_on is null or created_on in (select created_on from events)
{%- endif %}
)

select
    events.*,
    case when known_events.person <> coalesce(events.unique_user_key, events.message_id) then known_events.person end as former_person
from events
left join known_events on known_events.source_relation = events.source_relation and known_events.event_id = events.event_id
{%- if source_iterable.has_versions() %}
-- What was extracted before that which is there, and committed after it, is old.
where known_events._extracted_at is null or known_events._extracted_at <= events._extracted_at
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
    cast({{ source_iterable.build_number() }} as {{ dbt.type_bigint() }}),
    coalesce(present.unique_user_key, present.message_id)
from {{ this }} as present
{{ source_iterable.known_users("present") }}
where present.{{ var("iterable_user_key") }} is null
    and present.unique_user_key is distinct from {{ source_iterable.user_key("known_key") }}
    and not exists (
        select 1 from events
        where events.source_relation = present.source_relation and events.event_id = present.event_id
    )
{%- if target.type == "postgres" %}
-- In the order of the index of IDs, which is read and written for each of them.
order by event_id
{%- endif %}
{%- endif %}
