with latest as (
{{ source_iterable.current_users() }}
),

lists as (
    select source_relation, unique_user_key, count(*) as count_lists
    from {{ ref("iterable__user_lists") }}
    group by source_relation, unique_user_key
)

select
    latest.source_relation,
    latest.unique_user_key,
    latest.email,
    latest.user_id,
    latest.itbl_user_id,
    coalesce(latest.first_name, {{ source_iterable.json_text("latest.data", "firstName") }}) as first_name,
    coalesce(latest.last_name, {{ source_iterable.json_text("latest.data", "lastName") }}) as last_name,
    latest.phone_number,
    latest.signup_date,
    latest.signup_source,
    latest.profile_updated_at as updated_at,
    latest.country,
    latest.region,
    latest.city,
    latest.locale,
    latest.time_zone,
    latest.email_list_ids,
    coalesce(lists.count_lists, 0) as count_lists,
    coalesce(activity.count_total_campaigns, 0) as count_total_campaigns,
    activity.first_event_at,
    activity.last_event_at,
{%- for own in var("iterable_user_columns") %}
    latest.{{ own.name }},
{%- endfor %}
    latest.data
from latest
left join {{ ref("int_iterable__user_activity") }} as activity
    on activity.source_relation = latest.source_relation and activity.unique_user_key = latest.unique_user_key
left join lists on lists.source_relation = latest.source_relation and lists.unique_user_key = latest.unique_user_key
