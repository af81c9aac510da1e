{{ config(materialized=source_iterable.on_demand()) }}
with counted as (
    select
        source_relation,
        unique_user_key,
        campaign_id,
        max(email) as email,
        max(user_id) as user_id,
        min(sent_at) as first_sent_at,
        max(sent_at) as last_sent_at,
{%- for name in ["opened", "clicked", "unsubscribed", "complained", "bounced"] %}
        min(first_{{ name }}_at) as first_{{ name }}_at,
{%- endfor %}
        count(*) as sent,
{%- for name, figure in source_iterable.counted() if name in [
    "delivered", "bounced", "messages_opened", "messages_clicked", "unsubscribed", "complained", "total_opens", "total_clicks",
] %}
        {{ figure }} as {{ name }}{{ "," if not loop.last }}
{%- endfor %}
    from {{ ref("iterable__messages") }}
    where unique_user_key is not null and campaign_id is not null
    group by source_relation, unique_user_key, campaign_id
)

select counted.*
from counted
where {{ source_iterable.not_forgotten("counted", ["email", "user_id"]) }}
