{{ config(
    materialized="incremental",
    on_schema_change="append_new_columns",
    indexes=source_iterable.indexes(["source_relation", "unique_user_key"]),
    pre_hook="{{ source_iterable.begin_reading(source_iterable.present_build('iterable__events'), source_iterable.of_changed_users()) }}",
    post_hook="{{ source_iterable.end_reading() }}",
) }}
{%- set as_of = source_iterable.as_of() %}
with events as (
    select
        source_relation,
        unique_user_key,
        event_name,
        created_at,
        campaign_id,
        case when event_name in ('{{ source_iterable.opens() | join("', '") }}') and not is_machine then created_at end as opened_at,
        case when event_name in ('{{ source_iterable.clicks() | join("', '") }}') and not is_machine then created_at end as clicked_at,
        case when event_name = 'purchase' then created_at end as purchased_at
    from {{ ref("iterable__events") }}
    -- Events in the future come from devices with a wrong clock.
    where unique_user_key is not null and (created_at is null or created_at <= {{ source_iterable.now() }})
        and {{ source_iterable.of_changed_users() | indent(8) }}
)

select
    source_relation,
    unique_user_key,
    min(created_at) as first_event_at,
    max(created_at) as last_event_at,
{%- for name, like in source_iterable.media_of_users() %}
    max(case when event_name like '{{ like }}' then coalesce(opened_at, clicked_at) end) as last_seen_by_{{ name }}_at,
{%- endfor %}
{%- for days in source_iterable.days_of_engagement() %}
{%- set since = dbt.dateadd("day", -days, as_of) | trim %}
{%- for name, time in [("opens", "opened_at"), ("clicks", "clicked_at"), ("purchases", "purchased_at")] %}
    {{ source_iterable.count_if(time ~ " > " ~ since) }} as {{ name }}_{{ days }}_days,
{%- endfor %}
{%- endfor %}
    count(distinct campaign_id) as count_total_campaigns
from events
group by source_relation, unique_user_key
