{{ config(materialized=source_iterable.made_anew(), on_schema_change="append_new_columns", pre_hook="{{ source_iterable.empty() }}") }}
with channels as (
{{ source_iterable.latest(["channels"], ["id"], "id") }}
),

message_types as (
{{ source_iterable.latest(["message_types"], ["id"], "updated_at") }}
)

select
    source_relation,
    id as channel_id,
    name as channel_name,
    channel_type,
    message_medium,
    cast(null as {{ dbt.type_bigint() }}) as message_type_id,
    cast(null as {{ dbt.type_string() }}) as message_type_name,
    cast(null as {{ dbt.type_string() }}) as subscription_policy
from channels

union all

select
    message_types.source_relation,
    message_types.channel_id,
    channels.name,
    channels.channel_type,
    channels.message_medium,
    message_types.id,
    message_types.name,
    message_types.subscription_policy
from message_types
left join channels on channels.source_relation = message_types.source_relation and channels.id = message_types.channel_id
