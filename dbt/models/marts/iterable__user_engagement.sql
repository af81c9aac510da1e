{{ config(materialized=source_iterable.on_demand()) }}
with newest as (
    select source_relation, max(last_event_at) as as_of
    from {{ ref("int_iterable__user_activity") }}
    group by source_relation
)

select
    users.source_relation,
    users.unique_user_key,
    users.email,
    users.user_id,
    users.signup_date,
{%- for name, _ in source_iterable.media_of_users() %}
    activity.last_seen_by_{{ name }}_at,
{%- endfor %}
{%- for days in source_iterable.days_of_engagement() %}
    coalesce(activity.opens_{{ days }}_days, 0) as opens_{{ days }}_days,
    coalesce(activity.clicks_{{ days }}_days, 0) as clicks_{{ days }}_days,
    coalesce(activity.purchases_{{ days }}_days, 0) as purchases_{{ days }}_days,
{%- endfor %}
    newest.as_of
from {{ ref("int_iterable__profiles") }} as users
left join newest on newest.source_relation = users.source_relation
left join {{ ref("int_iterable__user_activity") }} as activity
    on activity.source_relation = users.source_relation and activity.unique_user_key = users.unique_user_key
