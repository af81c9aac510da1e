{{ config(materialized=source_iterable.on_demand()) }}
with lists as (
    select source_relation, unique_user_key, count(*) as count_lists
    from {{ ref("iterable__user_lists") }}
    group by source_relation, unique_user_key
)

select
{%- for name in [
    "source_relation", "unique_user_key", "email", "user_id", "itbl_user_id", "first_name", "last_name", "phone_number", "signup_date",
    "signup_source", "updated_at", "country", "region", "city", "locale", "time_zone", "email_list_ids",
] %}
    profiles.{{ name }},
{%- endfor %}
    coalesce(lists.count_lists, 0) as count_lists,
    coalesce(activity.count_total_campaigns, 0) as count_total_campaigns,
    activity.first_event_at,
    activity.last_event_at,
{%- for own in var("iterable_user_columns") %}
    profiles.{{ own.name }},
{%- endfor %}
    profiles.data
from {{ ref("int_iterable__profiles") }} as profiles
left join {{ ref("int_iterable__user_activity") }} as activity
    on activity.source_relation = profiles.source_relation and activity.unique_user_key = profiles.unique_user_key
left join lists on lists.source_relation = profiles.source_relation and lists.unique_user_key = profiles.unique_user_key
