{{ config(
    materialized="incremental",
    on_schema_change="append_new_columns",
    pre_hook="{{ source_iterable.begin_reading('iterable__messages', source_iterable.on_changed_days()) }}",
    post_hook="{{ source_iterable.end_reading() }}",
) }}
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
        {{- source_iterable.only_changed_days() }}
    group by 1, 2, 3
)

select
    {{ dbt.concat([source_iterable.project_prefix(), "domain", "'/'", "cast(sent_on as " ~ dbt.type_string() ~ ")"]) }} as domain_day_id,
    messages.*,
    {{ source_iterable.rate("bounced", "sent") }} as bounce_rate,
    {{ source_iterable.rate("complained", "delivered") }} as complaint_rate
from messages
