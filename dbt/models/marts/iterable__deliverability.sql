{{ config(
    materialized="incremental",
    on_schema_change="append_new_columns",
    pre_hook="{{ source_iterable.begin_reading(source_iterable.present_build('iterable__messages'), source_iterable.on_changed_days()) }}",
    post_hook="{{ source_iterable.end_reading() }}",
) }}
with messages as (
    select
        source_relation,
        lower(substring(email, {{ dbt.position("'@'", "email") }} + 1)) as domain,
        sent_on,
{%- for name, figure in source_iterable.counted() if name in ["sent", "delivered", "bounced", "hard_bounced", "soft_bounced", "complained"] %}
        {{ figure }} as {{ name }}{{ "," if not loop.last }}
{%- endfor %}
    from {{ ref("iterable__messages") }}
    where message_medium = 'Email' and email like '%@%' and sent_on is not null and {{ source_iterable.on_changed_days() }}
    group by 1, 2, 3
)

select
    {{ source_iterable.row_id("messages", ["domain", "sent_on"]) }} as domain_day_id,
    messages.*,
    {{ source_iterable.rate("bounced", "sent") }} as bounce_rate,
    {{ source_iterable.rate("hard_bounced", "sent") }} as hard_bounce_rate,
    {{ source_iterable.rate("complained", "delivered") }} as complaint_rate
from messages
