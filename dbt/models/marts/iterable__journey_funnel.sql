with journeys as (
{{ source_iterable.latest(["journeys"], ["id"], "updated_at") }}
),

-- By user first, so that counting users needs no sorting. Events without a user count in no figure of users.
messages as (
    select
        source_relation,
        workflow_id,
        count(unique_user_key) as users_messaged,
        sum(sent) as sent,
        sum(delivered) as delivered,
        sum(case when unique_user_key is not null and opened > 0 then 1 else 0 end) as users_opened,
        sum(case when unique_user_key is not null and clicked > 0 then 1 else 0 end) as users_clicked
    from (
        select
            source_relation,
            workflow_id,
            unique_user_key,
            count(*) as sent,
            sum(case when is_delivered then 1 else 0 end) as delivered,
            max(opened_count) as opened,
            max(clicked_count) as clicked
        from {{ ref("iterable__messages") }}
        where workflow_id is not null
        group by source_relation, workflow_id, unique_user_key
    ) as by_user
    group by source_relation, workflow_id
),

users as (
    select
        source_relation,
        workflow_id,
        count(unique_user_key) as users_entered,
        sum(case when unique_user_key is not null then purchased else 0 end) as users_purchased,
        sum(case when unique_user_key is not null then exited else 0 end) as users_exited
    from (
        select
            source_relation,
            workflow_id,
            unique_user_key,
            max(case when event_name = 'purchase' then 1 else 0 end) as purchased,
            max(case when event_name = 'journeyExit' then 1 else 0 end) as exited
        from {{ ref("iterable__events") }}
        where workflow_id is not null
        group by source_relation, workflow_id, unique_user_key
    ) as by_user
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
