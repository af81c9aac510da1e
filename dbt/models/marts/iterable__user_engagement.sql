{#- Days are counted back from the project's newest loaded event, so that a table means the same whenever it is read. Events in the
    future, from devices with a wrong clock, do not count. -#}
{%- set opens = "('" ~ source_iterable.opens() | join("', '") ~ "')" %}
{%- set clicks = "('" ~ source_iterable.clicks() | join("', '") ~ "')" %}
with newest as (
    select source_relation, max(created_at) as as_of
    from {{ ref("iterable__events") }}
    where created_at <= {{ source_iterable.now() }}
    group by source_relation
),

engaged as (
    select
{%- for days in [7, 30, 90] %}
        sum(case when event_name in {{ opens }} and not is_machine and created_at > {{ dbt.dateadd("day", -days, "newest.as_of") }} then 1 else 0 end) as opens_{{ days }}_days,
        sum(case when event_name in {{ clicks }} and not is_machine and created_at > {{ dbt.dateadd("day", -days, "newest.as_of") }} then 1 else 0 end) as clicks_{{ days }}_days,
        sum(case when event_name = 'purchase' and created_at > {{ dbt.dateadd("day", -days, "newest.as_of") }} then 1 else 0 end) as purchases_{{ days }}_days,
{%- endfor %}
        events.source_relation,
        events.unique_user_key as engaged_user_key
    from {{ ref("iterable__events") }} as events
    inner join newest on newest.source_relation = events.source_relation
    where events.unique_user_key is not null and events.created_at <= newest.as_of
        and events.created_at > {{ dbt.dateadd("day", -90, "newest.as_of") }}
        and (events.event_name in {{ opens }} or events.event_name in {{ clicks }} or events.event_name = 'purchase')
    group by events.source_relation, events.unique_user_key
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
{%- for days in [7, 30, 90] %}
    coalesce(engaged.opens_{{ days }}_days, 0) as opens_{{ days }}_days,
    coalesce(engaged.clicks_{{ days }}_days, 0) as clicks_{{ days }}_days,
    coalesce(engaged.purchases_{{ days }}_days, 0) as purchases_{{ days }}_days,
{%- endfor %}
    newest.as_of
from {{ ref("iterable__users") }} as users
left join newest on newest.source_relation = users.source_relation
left join {{ ref("int_iterable__user_activity") }} as activity
    on activity.source_relation = users.source_relation and activity.unique_user_key = users.unique_user_key
left join engaged on engaged.source_relation = users.source_relation and engaged.engaged_user_key = users.unique_user_key
