{{ config(materialized=source_iterable.on_demand()) }}
with counted as (
    select
        source_relation,
        unique_user_key,
        event_name,
        max(email) as email,
        max(user_id) as user_id,
        count(*) as events,
        {{ source_iterable.count_if("is_machine") }} as events_by_machines,
        min(created_at) as first_event_at,
        max(created_at) as last_event_at
    from {{ ref("iterable__events") }}
    where unique_user_key is not null
    group by source_relation, unique_user_key, event_name
)

select counted.*
from counted
where {{ source_iterable.not_forgotten("counted", ["email", "user_id"]) }}
