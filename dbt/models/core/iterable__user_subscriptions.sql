{{ config(materialized=source_iterable.on_demand()) }}
with users as (
{{ source_iterable.current_users() }}
),

channels as (
{{ source_iterable.latest(["channels"], ["id"], "id") }}
),

message_types as (
{{ source_iterable.latest(["message_types"], ["id"], "updated_at") }}
),

left_channels as (
    select distinct source.source_relation, source.unique_user_key, {{ source_iterable.whole_number("item") }} as channel_id
    from {{ source_iterable.unnested("users", "source.unsubscribed_channel_ids") }}
),

left_types as (
    select distinct source.source_relation, source.unique_user_key, {{ source_iterable.whole_number("item") }} as message_type_id
    from {{ source_iterable.unnested("users", "source.unsubscribed_message_type_ids") }}
),

chosen_types as (
    select distinct source.source_relation, source.unique_user_key, {{ source_iterable.whole_number("item") }} as message_type_id
    from {{ source_iterable.unnested("users", "source.subscribed_message_type_ids") }}
)

-- Everybody is subscribed to all channels at first.
select
    users.source_relation,
    users.unique_user_key,
    channels.id as channel_id,
    channels.name as channel_name,
    channels.channel_type,
    channels.message_medium,
    cast(null as {{ dbt.type_bigint() }}) as message_type_id,
    cast(null as {{ dbt.type_string() }}) as message_type_name,
    cast(null as {{ dbt.type_string() }}) as subscription_policy,
    left_channels.channel_id is not null as is_unsubscribed_channel_wide,
    left_channels.channel_id is not null as has_unsubscribed,
    left_channels.channel_id is null as may_be_mailed
from users
inner join channels on channels.source_relation = users.source_relation
left join left_channels
    on left_channels.source_relation = users.source_relation
    and left_channels.unique_user_key = users.unique_user_key
    and left_channels.channel_id = channels.id

union all

select
    users.source_relation,
    users.unique_user_key,
    message_types.channel_id,
    channels.name,
    channels.channel_type,
    channels.message_medium,
    message_types.id,
    message_types.name,
    message_types.subscription_policy,
    left_channels.channel_id is not null,
    left_channels.channel_id is not null or left_types.message_type_id is not null,
    left_channels.channel_id is null
    and case
        when message_types.subscription_policy = 'OptIn' then chosen_types.message_type_id is not null
        else left_types.message_type_id is null
    end
from users
inner join message_types on message_types.source_relation = users.source_relation
left join channels on channels.source_relation = users.source_relation and channels.id = message_types.channel_id
left join left_channels
    on left_channels.source_relation = users.source_relation
    and left_channels.unique_user_key = users.unique_user_key
    and left_channels.channel_id = message_types.channel_id
left join left_types
    on left_types.source_relation = users.source_relation
    and left_types.unique_user_key = users.unique_user_key
    and left_types.message_type_id = message_types.id
left join chosen_types
    on chosen_types.source_relation = users.source_relation
    and chosen_types.unique_user_key = users.unique_user_key
    and chosen_types.message_type_id = message_types.id
