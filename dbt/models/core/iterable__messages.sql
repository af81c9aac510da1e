{{ config(
    materialized="incremental",
    unique_key=["source_relation", "message_id"],
    on_schema_change="append_new_columns",
    partition_by={"field": "sent_on", "data_type": "date"} if target.type == "bigquery" else none,
    cluster_by=source_iterable.clusters("sent_on"),
    indexes=source_iterable.indexes(["source_relation", "message_id"], ["sent_on"], ["build_number"]),
    pre_hook="{{ source_iterable.begin_reading(source_iterable.present_build('iterable__events')) }}",
    post_hook="{{ source_iterable.end_reading() }}",
) }}
{%- set last_build = source_iterable.last_build() %}
{%- set media = source_iterable.media() %}
{%- set opens = source_iterable.opens() %}
{%- set clicks = source_iterable.clicks() %}
{%- set bounces = source_iterable.bounces() %}
{%- set arrivals = ["inAppDelivery", "embeddedReceived"] %}
{#- Of the send. Without `data`, which would be sorted with it. #}
{%- set kept = [
    "source_relation", "message_id", "event_name", "created_at", "created_on", "unique_user_key", "email", "user_id", "campaign_id",
    "template_id", "channel_id", "message_type_id", "workflow_id", "experiment_id",
] %}

{%- set changed %}
exists (
    -- All events of the messages that have new ones.
    select 1 from {{ ref("iterable__events") }} as changed
    where changed.source_relation = events.source_relation and changed.message_id = events.message_id
        and changed.build_number > {{ last_build }} and changed.message_id is not null
)
{%- endset %}
{%- set changed = changed if last_build else "true" %}

with changed_events as {{ source_iterable.read_twice(small=last_build) }} (
    select
{%- for name in kept + ["event_id", "is_machine", "unsub_source", "recipient_state"] %}
        {{ name }},
{%- endfor %}
        build_number
    from {{ source_iterable.rows_of_changed(ref("iterable__events"), "events", "message_id is not null", changed) }}
),

sent as (
    select
{%- for name in kept %}
        {{ name }},
{%- endfor %}
        row_number() over (partition by source_relation, message_id order by created_at, event_id) as nth,
        count(*) over (partition by source_relation, message_id) as sent_count
    from changed_events
    where event_name like '%Send'
),

followed as (
    select
        source_relation,
        message_id,
{%- for name, types, condition in [
    ("delivered", arrivals, "true"),
    ("opened", opens, "not is_machine"),
    ("opened_by_machine", opens, "is_machine"),
    ("clicked", clicks, "not is_machine"),
    ("clicked_by_machine", clicks, "is_machine"),
    ("unsubscribed", ["emailUnSubscribe"], source_iterable.by_user()),
    ("complained", ["emailComplaint"], "true"),
    ("bounced", bounces, "true"),
    ("hard_bounced", bounces, "recipient_state = 'HardBounce'"),
    ("soft_bounced", bounces, "recipient_state = 'SoftBounce'"),
    ("hosted_unsubscribe_clicked", ["hostedUnsubscribeClick"], "not is_machine"),
] %}
        min(case when event_name in ('{{ types | join("', '") }}') and {{ condition }} then created_at end) as first_{{ name }}_at,
        {{ source_iterable.count_if("event_name in ('" ~ types | join("', '") ~ "') and " ~ condition) }} as {{ name }}_count
        {{- "," if not loop.last }}
{%- endfor %},
        max(build_number) as build_number
    from changed_events
    group by source_relation, message_id
)

select
    sent.source_relation,
    sent.message_id,
    sent.created_at as sent_at,
    sent.created_on as sent_on,
    case sent.event_name
{%- for type, medium in media %}
        when '{{ type }}' then '{{ medium }}'
{%- endfor %}
    end as message_medium,
{%- for name in kept[5:] %}
    sent.{{ name }},
{%- endfor %}
    -- Iterable reports delivery only for in-app and embedded messages; all others count unless they bounced. Messages that somebody
    -- opened, clicked, unsubscribed from or complained about were delivered, even if they bounced.
    followed.opened_count + followed.opened_by_machine_count + followed.clicked_count + followed.clicked_by_machine_count
    + followed.unsubscribed_count + followed.complained_count > 0
    or case
        when sent.event_name in ('inAppSend', 'embeddedSend') then followed.delivered_count > 0
        else followed.bounced_count = 0
    end as is_delivered,
{%- for name in [
    "delivered", "opened", "opened_by_machine", "clicked", "clicked_by_machine", "unsubscribed", "complained", "bounced",
    "hard_bounced", "soft_bounced", "hosted_unsubscribe_clicked",
] %}
    followed.first_{{ name }}_at,
    followed.{{ name }}_count,
{%- endfor %}
    -- Whom unique figures count.
    coalesce(sent.unique_user_key, sent.message_id) as person,
    sent.sent_count,
    followed.build_number
from sent
inner join followed on followed.source_relation = sent.source_relation and followed.message_id = sent.message_id
where sent.nth = 1
{%- if not last_build %}
{{ source_iterable.order_by("sent_on") }}
{%- endif %}
