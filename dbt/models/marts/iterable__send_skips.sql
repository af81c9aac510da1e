{{ config(materialized=source_iterable.on_demand()) }}
select
    source_relation,
    campaign_id,
    case event_name
{%- for type, medium in source_iterable.media() %}
        when '{{ type }}Skip' then '{{ medium }}'
{%- endfor %}
    end as message_medium,
    reason,
    count(*) as skips,
    count(distinct unique_user_key) as unique_users,
    min(created_on) as first_skipped_on,
    max(created_on) as last_skipped_on
from {{ ref("iterable__events") }}
where event_name in ('{{ source_iterable.media() | map("first") | join("Skip', '") }}Skip')
group by 1, 2, 3, 4
