{{ config(materialized=source_iterable.on_demand()) }}
-- By user first, so that counting users needs no sorting. Events without a user count in no figure of users.
with messages as (
    select
        source_relation,
        workflow_id,
        count(unique_user_key) as users_messaged,
        {{ source_iterable.sum_of("sent") }} as sent,
        {{ source_iterable.sum_of("delivered") }} as delivered,
        {{ source_iterable.count_if("unique_user_key is not null and opened > 0") }} as users_opened,
        {{ source_iterable.count_if("unique_user_key is not null and clicked > 0") }} as users_clicked
    from (
        select
            source_relation,
            workflow_id,
            unique_user_key,
            count(*) as sent,
            {{ source_iterable.count_if("is_delivered") }} as delivered,
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
        {{ source_iterable.count_if("unique_user_key is not null and purchased > 0") }} as users_purchased,
        {{ source_iterable.count_if("unique_user_key is not null and exited > 0") }} as users_exited
    from (
        select
            source_relation,
            workflow_id,
            unique_user_key,
            {{ source_iterable.count_if("event_name = 'purchase'") }} as purchased,
            {{ source_iterable.count_if("event_name = 'journeyExit'") }} as exited
        from {{ ref("iterable__events") }}
        where workflow_id is not null
        group by source_relation, workflow_id, unique_user_key
    ) as by_user
    group by source_relation, workflow_id
)

select
    users.source_relation,
    users.workflow_id,
    journeys.workflow_name,
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
left join {{ ref("int_iterable__journeys") }} as journeys
    on journeys.source_relation = users.source_relation and journeys.workflow_id = users.workflow_id
