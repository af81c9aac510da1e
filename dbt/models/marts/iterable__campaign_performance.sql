with days as (
    select
        source_relation,
        campaign_id,
        sent_on,
        message_medium,
{%- for name, _ in source_iterable.counted_messages() %}
        {{ name }}{{ "," if not loop.last }}
{%- endfor %}
    from {{ ref("iterable__campaign_performance_daily") }}
    union all
    -- Sends without a time are on no day.
    select
        source_relation,
        campaign_id,
        sent_on,
        message_medium,
{%- for _, figure in source_iterable.counted_messages() %}
        {{ figure }}{{ "," if not loop.last }}
{%- endfor %}
    from {{ ref("iterable__messages") }}
    where campaign_id is not null and sent_on is null
    group by source_relation, campaign_id, sent_on, message_medium
),

messages as (
    select
        source_relation,
        campaign_id,
        min(message_medium) as message_medium,
        min(sent_on) as first_sent_on,
        max(sent_on) as last_sent_on,
{%- for name, _ in source_iterable.counted_messages() %}
        {{ source_iterable.sum_of(name) }} as {{ name }}{{ "," if not loop.last }}
{%- endfor %}
    from days
    group by source_relation, campaign_id
),

persons as (
    select
        source_relation,
        campaign_id,
{%- for name, condition in source_iterable.counted_persons() %}
        {{ source_iterable.count_if(condition) }} as {{ name }}{{ "," if not loop.last }}
{%- endfor %}
    from {{ ref("int_iterable__campaign_persons") }}
    group by source_relation, campaign_id
),

purchases as (
    select source_relation, campaign_id, count(*) as purchases, sum(total) as revenue
    from {{ ref("iterable__events") }}
    where event_name = 'purchase' and campaign_id is not null
    group by source_relation, campaign_id
)

-- Messages count even if their campaign was not synced.
select
    coalesce(campaigns.source_relation, messages.source_relation, purchases.source_relation) as source_relation,
    coalesce(campaigns.campaign_id, messages.campaign_id, purchases.campaign_id) as campaign_id,
    campaigns.campaign_name,
    campaigns.campaign_type,
    campaigns.campaign_state,
    coalesce(campaigns.message_medium, messages.message_medium) as message_medium,
    campaigns.recurring_campaign_id,
    campaigns.workflow_id,
    messages.first_sent_on,
    messages.last_sent_on,
{%- for name, _ in source_iterable.counted_messages() %}
    coalesce(messages.{{ name }}, 0) as {{ name }},
{%- endfor %}
{%- for name, _ in source_iterable.counted_persons() %}
    coalesce(persons.{{ name }}, 0) as {{ name }},
{%- endfor %}
    coalesce(purchases.purchases, 0) as purchases,
    coalesce(purchases.revenue, 0) as revenue,
    {{ source_iterable.rates("messages.message_medium") }}
from {{ ref("iterable__campaigns") }} as campaigns
full outer join messages
    on messages.source_relation = campaigns.source_relation and messages.campaign_id = campaigns.campaign_id
left join persons on persons.source_relation = messages.source_relation and persons.campaign_id = messages.campaign_id
full outer join purchases
    on purchases.source_relation = coalesce(campaigns.source_relation, messages.source_relation)
    and purchases.campaign_id = coalesce(campaigns.campaign_id, messages.campaign_id)
