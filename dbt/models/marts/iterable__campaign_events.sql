{{ config(materialized=source_iterable.on_demand()) }}
select
    source_relation,
    campaign_id,
    event_name,
    count(*) as events,
    {{ source_iterable.count_if("is_machine") }} as events_by_machines,
    count(distinct unique_user_key) as unique_users,
    min(created_at) as first_event_at,
    max(created_at) as last_event_at
from {{ ref("iterable__events") }}
where campaign_id is not null
group by source_relation, campaign_id, event_name
