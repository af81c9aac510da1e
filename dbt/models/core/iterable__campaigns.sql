with campaigns as (
{{ source_iterable.latest_campaigns() }}
),

templates as (
{{ source_iterable.latest(["templates"], ["template_id"], "updated_at") }}
),

message_types as (
{{ source_iterable.latest(["message_types"], ["id"], "updated_at") }}
),

channels as (
{{ source_iterable.latest(["channels"], ["id"], "id") }}
),

lists as (
    select
        source_relation,
        campaign_id,
        {{ source_iterable.count_if("not is_suppression_list") }} as count_send_lists,
        {{ source_iterable.count_if("is_suppression_list") }} as count_suppress_lists
    from {{ ref("iterable__campaign_lists") }}
    group by source_relation, campaign_id
)

select
    campaigns.source_relation,
    campaigns.id as campaign_id,
    campaigns.name as campaign_name,
    campaigns.campaign_state,
    campaigns.type as campaign_type,
    campaigns.message_medium,
    campaigns.send_size,
    campaigns.created_at,
    campaigns.updated_at,
    campaigns.start_at,
    campaigns.ended_at,
    campaigns.created_by_user_id,
    campaigns.template_id,
    templates.name as template_name,
    templates.creator_user_id as template_creator_user_id,
    templates.message_type_id,
    message_types.name as message_type_name,
    message_types.channel_id,
    channels.name as channel_name,
    channels.channel_type,
    campaigns.workflow_id,
    campaigns.recurring_campaign_id,
    recurring.name as recurring_campaign_name,
    recurring.campaign_state as recurring_campaign_state,
    recurring.send_size as recurring_campaign_send_size,
    recurring.start_at as recurring_campaign_start_at,
    coalesce(campaigns.campaign_state = 'Recurring', false) or children.id is not null as is_campaign_recurring,
    campaigns.labels,
    coalesce(lists.count_send_lists, 0) as count_send_lists,
    coalesce(lists.count_suppress_lists, 0) as count_suppress_lists
from campaigns
left join (select distinct source_relation, recurring_campaign_id as id from campaigns) as children
    on children.source_relation = campaigns.source_relation and children.id = campaigns.id
left join campaigns as recurring
    on recurring.source_relation = campaigns.source_relation and recurring.id = campaigns.recurring_campaign_id
left join templates
    on templates.source_relation = campaigns.source_relation and templates.template_id = campaigns.template_id
left join message_types
    on message_types.source_relation = campaigns.source_relation and message_types.id = templates.message_type_id
left join channels
    on channels.source_relation = campaigns.source_relation and channels.id = message_types.channel_id
left join lists
    on lists.source_relation = campaigns.source_relation and lists.campaign_id = campaigns.id
