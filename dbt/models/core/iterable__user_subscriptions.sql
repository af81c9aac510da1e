{{ config(materialized=source_iterable.on_demand()) }}
with
{%- for name, array, id in [
    ("left_channels", "unsubscribed_channel_ids", "channel_id"),
    ("left_types", "unsubscribed_message_type_ids", "message_type_id"),
    ("chosen_types", "subscribed_message_type_ids", "message_type_id"),
] %}
{{ name }} as (
    select distinct source.source_relation, source.unique_user_key, {{ source_iterable.whole_number("item") }} as {{ id }}
    from {{ source_iterable.unnested(ref("int_iterable__profiles"), "source." ~ array) }}
){{ "," if not loop.last }}
{% endfor %}
select
    users.source_relation,
    users.unique_user_key,
    offered.channel_id,
    offered.channel_name,
    offered.channel_type,
    offered.message_medium,
    offered.message_type_id,
    offered.message_type_name,
    offered.subscription_policy,
    left_channels.channel_id is not null as is_unsubscribed_channel_wide,
    left_channels.channel_id is not null or left_types.message_type_id is not null as has_unsubscribed,
    -- Everybody is subscribed to all channels at first.
    left_channels.channel_id is null
    and case
        when offered.subscription_policy = 'OptIn' then chosen_types.message_type_id is not null
        else left_types.message_type_id is null
    end as may_be_mailed
from {{ ref("int_iterable__profiles") }} as users
inner join {{ ref("int_iterable__channels_and_types") }} as offered on offered.source_relation = users.source_relation
{%- for name, id in [("left_channels", "channel_id"), ("left_types", "message_type_id"), ("chosen_types", "message_type_id")] %}
left join {{ name }}
    on {{ name }}.source_relation = users.source_relation
    and {{ name }}.unique_user_key = users.unique_user_key
    and {{ name }}.{{ id }} = offered.{{ id }}
{%- endfor %}
