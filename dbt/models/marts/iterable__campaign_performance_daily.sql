{#- By day of sending: an open or click counts for the day on which its message was sent. -#}
with messages as (
    select
        source_relation,
        campaign_id,
        sent_on,
        message_medium,
{%- for name, figure in source_iterable.counted() %}
        {{ figure }} as {{ name }}{{ "," if not loop.last }}
{%- endfor %}
    from {{ ref("iterable__messages") }}
    where campaign_id is not null and sent_on is not null
    group by source_relation, campaign_id, sent_on, message_medium
)

select
    {{ source_iterable.row_id("messages", ["campaign_id", "sent_on", "message_medium"]) }} as campaign_day_id,
    messages.*,
    {{ source_iterable.rates() }}
from messages
