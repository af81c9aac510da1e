{{ config(materialized=source_iterable.on_demand(reads_raw=true)) }}
{#-
Ours counts the events of a campaign as Iterable's report does, not by message: up to the moment at which Iterable counted, or on the
days that its report by day has. Days are in UTC, as in the report.
-#}
{%- set metrics = source_iterable.metrics() %}
{%- set ways = ["", "_in_time", "_otherwise"] %}
{%- set day = "cast(" ~ dbt.date_trunc("day", "events.created_at") ~ " as date)" %}
{%- set not_in_future = "created_at <= " ~ source_iterable.in_utc(dbt.current_timestamp()) %}
-- Machines of senders have exact clocks, devices may not.
with loaded as (
    select
        source_relation,
        min(case when {{ metrics[0].of }} then created_at end) as first_at,
        max(created_at) as last_at
    from {{ ref("iterable__events") }}
    where {{ not_in_future }}
    group by source_relation
),

lifetimes as (
{{ source_iterable.latest(["campaigns_metrics"], ["id"], "counted_at") }}
),

days as (
    select days.*
    from ({{ source_iterable.latest(["campaigns_metrics_daily"], ["campaign_id", "date"], "date") }}) as days
    inner join loaded on loaded.source_relation = days.source_relation
    -- The first and the last day may be loaded in part.
    where days.date > cast(loaded.first_at as date) and days.date < cast(loaded.last_at as date)
),

events as (
    select events.*
    from {{ ref("iterable__events") }} as events
    left join {{ ref("iterable__campaigns") }} as campaigns
        on campaigns.source_relation = events.source_relation and campaigns.campaign_id = events.campaign_id
    -- The report of a campaign counts only the events of its medium.
    where events.{{ not_in_future }} and (
        coalesce(lower(events.event_name) like {{ dbt.concat(["lower(campaigns.message_medium)", "'%'"]) }}, true)
        or events.event_name in ('purchase', 'emailUnSubscribe', 'emailComplaint')
    )
    and exists (
        select 1
        from (
            select source_relation, id as campaign_id from lifetimes
            union all
            select source_relation, campaign_id from days
        ) as reported
        where reported.source_relation = events.source_relation and reported.campaign_id = events.campaign_id
    )
),

-- By person, so that counting persons needs no sorting.
people as (
    select
        lifetimes.source_relation,
        lifetimes.id as campaign_id,
        coalesce(events.unique_user_key, events.message_id, events.event_id) as person,
        min(lifetimes.counted_at) as counted_at,
{%- for each in metrics %}
        {{ source_iterable.metric(each, each.of) }} as {{ each.name }},
        {{ source_iterable.metric(each, each.of ~ " and (events.stored_at is null or events.stored_at <= lifetimes.counted_at)") }} as {{ each.name }}_in_time,
        {{ source_iterable.metric(each, each["or"] or each.of) }} as {{ each.name }}_otherwise{{ "," if not loop.last }}
{%- endfor %}
    from lifetimes
    left join events
        on events.source_relation = lifetimes.source_relation and events.campaign_id = lifetimes.id
        and events.created_at <= lifetimes.counted_at
    group by 1, 2, 3
),

counted as (
    select
        'campaigns_metrics' as report,
        source_relation,
        campaign_id,
        min(counted_at) as counted_at,
        cast(min(counted_at) as date) as last_day,
{%- for each in metrics %}
{%- set last = loop.last %}
{%- for way in ways %}
        sum({{ "case when " ~ each.name ~ way ~ " > 0 then 1 else 0 end" if each.persons else each.name ~ way }}) as {{ each.name }}{{ way }}{{ "," if not (last and loop.last) }}
{%- endfor %}
{%- endfor %}
    from people
    group by source_relation, campaign_id

    union all

    select
        'campaigns_metrics_daily',
        days.source_relation,
        days.campaign_id,
        cast(null as {{ source_iterable.type_time() }}),
        max(days.date),
{%- for each in metrics %}
        {{ source_iterable.metric(each, each.of) }},
        {{ source_iterable.metric(each, each.of) }},
        {{ source_iterable.metric(each, each["or"] or each.of) }}{{ "," if not loop.last }}
{%- endfor %}
    from days
    left join events
        on events.source_relation = days.source_relation and events.campaign_id = days.campaign_id and {{ day }} = days.date
    group by days.source_relation, days.campaign_id
),

theirs as (
{%- for each in metrics %}
{%- for name in each.names %}
    select
        'campaigns_metrics' as report,
        source_relation,
        id as campaign_id,
        '{{ each.name }}' as metric,
        '{{ name }}' as iterable_metric,
        {{ source_iterable.number_of(source_iterable.json_text("data", name)) }} as iterables
    from lifetimes
    union all
{%- endfor %}
{%- if each.day %}
    select 'campaigns_metrics_daily', source_relation, campaign_id, '{{ each.name }}', '{{ each.day }}', sum({{ each.day }})
    from days
    group by source_relation, campaign_id
    {%- if not loop.last %}
    union all
    {%- endif %}
{%- endif %}
{%- endfor %}
),

compared as (
    select
        theirs.*,
        counted.last_day,
{%- for way in ways %}
        case theirs.metric
{%- for each in metrics %}
            when '{{ each.name }}' then counted.{{ each.name }}{{ way }}
{%- endfor %}
        end as ours{{ way }},
{%- endfor %}
        case
            when theirs.report = 'campaigns_metrics_daily' then null
            when campaigns.campaign_id is null then 'it is not known when the campaign began'
            when coalesce(campaigns.start_at, campaigns.created_at) < loaded.first_at
                then 'the campaign began before the first loaded send'
            when loaded.last_at is null or loaded.last_at < {{ dbt.dateadd("day", -1, "counted.counted_at") }}
                then 'events are not loaded up to when Iterable counted'
        end as not_comparable_because
    from theirs
    inner join counted
        on counted.report = theirs.report and counted.source_relation = theirs.source_relation
        and counted.campaign_id = theirs.campaign_id
    left join {{ ref("iterable__campaigns") }} as campaigns
        on campaigns.source_relation = theirs.source_relation and campaigns.campaign_id = theirs.campaign_id
    left join loaded on loaded.source_relation = theirs.source_relation
    where theirs.iterables is not null
),

-- A stream that is not synced has no events of any campaign.
explained as (
    select
        compared.*,
        coalesce(not_comparable_because, case
            when max(ours) over (partition by report, source_relation, iterable_metric) = 0 and iterables > 0
                then 'no events of this kind are loaded'
        end) as reason
    from compared
)

select
    report,
    source_relation,
    campaign_id,
    metric,
    iterable_metric,
    last_day,
    ours,
    iterables,
    ours - iterables as difference,
    reason as not_comparable_because,
    case
        when reason is not null or abs(ours - iterables) < 0.005 then null
        when abs(ours_otherwise - iterables) < 0.005 and metric like '%unsubscribes' then 'unsubscribes by bounces and complaints'
        when abs(ours_otherwise - iterables) < 0.005 then 'machines'
        when abs(ours_in_time - iterables) < 0.005 then 'late events: stored after Iterable counted'
        when ours > iterables and metric like 'unique%' then 'events that Iterable did not have yet, or users with several identifiers'
        when ours > iterables then 'events that Iterable did not have yet'
        else 'events that are not loaded'
    end as likely_reason
from explained
