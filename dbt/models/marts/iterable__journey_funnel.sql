with journeys as (
{{ source_iterable.latest(["journeys"], ["id"], "updated_at") }}
),

messages as (
    select
        source_relation,
        workflow_id,
        count(distinct unique_user_key) as users_messaged,
        count(*) as sent,
        sum(case when is_delivered then 1 else 0 end) as delivered,
        count(distinct case when opened_count > 0 then unique_user_key end) as users_opened,
        count(distinct case when clicked_count > 0 then unique_user_key end) as users_clicked
    from {{ ref("iterable__messages") }}
    where workflow_id is not null
    group by source_relation, workflow_id
),

users as (
    select
        source_relation,
        workflow_id,
        count(distinct unique_user_key) as users_entered,
        count(distinct case when event_name = 'purchase' then unique_user_key end) as users_purchased,
        count(distinct case when event_name = 'journeyExit' then unique_user_key end) as users_exited
    from {{ ref("iterable__events") }}
    where workflow_id is not null
    group by source_relation, workflow_id
)

select
    users.source_relation,
    users.workflow_id,
    journeys.name as workflow_name,
    users.users_entered,
    coalesce(messages.users_messaged, 0) as users_messaged,
    coalesce(messages.users_opened, 0) as users_opened,
    coalesce(messages.users_clicked, 0) as users_clicked,
    users.users_purchased,
    users.users_exited,
    coalesce(messages.sent, 0) as sent,
    coalesce(messages.delivered, 0) as delivered
from users
left join messages on messages.source_relation = users.source_relation and messages.workflow_id = users.workflow_id
left join journeys on journeys.source_relation = users.source_relation and journeys.id = users.workflow_id
