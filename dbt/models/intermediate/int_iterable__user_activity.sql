{{ config(
    materialized="incremental",
    on_schema_change="append_new_columns",
    pre_hook="{{ source_iterable.begin_reading('iterable__events', source_iterable.of_changed_users()) }}",
    post_hook="{{ source_iterable.end_reading() }}",
) }}
{%- set opens_and_clicks = (source_iterable.opens() + source_iterable.clicks()) | join("', '") %}
select
    source_relation,
    unique_user_key,
    min(created_at) as first_event_at,
    max(created_at) as last_event_at,
    count(distinct campaign_id) as count_total_campaigns,
{%- for name, like in source_iterable.media_of_users() %}
    max(case when event_name like '{{ like }}' and event_name in ('{{ opens_and_clicks }}') and not is_machine then created_at end) as last_seen_by_{{ name }}_at
    {{- "," if not loop.last }}
{%- endfor %}
from {{ ref("iterable__events") }}
-- Events in the future come from devices with a wrong clock.
where unique_user_key is not null and (created_at is null or created_at <= {{ source_iterable.now() }})
    and {{ source_iterable.of_changed_users() | indent(4) }}
group by source_relation, unique_user_key
