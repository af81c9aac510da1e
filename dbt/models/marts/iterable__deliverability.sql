with messages as (
    select
        source_relation,
        lower(substring(email, {{ dbt.position("'@'", "email") }} + 1)) as domain,
        sent_on,
        count(*) as sent,
        sum(case when is_delivered then 1 else 0 end) as delivered,
        sum(case when bounced_count > 0 then 1 else 0 end) as bounced,
        sum(case when complained_count > 0 then 1 else 0 end) as complained
    from {{ ref("iterable__messages") }}
    where message_medium = 'Email' and email like '%@%' and sent_on is not null
    group by 1, 2, 3
)

select
    {{ source_iterable.row_id("messages", ["domain", "sent_on"]) }} as domain_day_id,
    messages.*,
    {{ source_iterable.rate("bounced", "sent") }} as bounce_rate,
    {{ source_iterable.rate("complained", "delivered") }} as complaint_rate
from messages
