{{ config(
    materialized="incremental",
    on_schema_change="append_new_columns",
    pre_hook="{{ source_iterable.begin_reading(source_iterable.present_build('iterable__messages'), source_iterable.on_changed_days()) }}",
    post_hook="{{ source_iterable.end_reading() }}",
) }}
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
    where campaign_id is not null and sent_on is not null and {{ source_iterable.on_changed_days() }}
    group by source_relation, campaign_id, sent_on, message_medium
)

select
    {{ source_iterable.row_id("messages", ["campaign_id", "sent_on", "message_medium"]) }} as campaign_day_id,
    messages.*,
    {{ source_iterable.rates() }}
from messages
