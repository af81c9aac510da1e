{{ config(
    materialized="incremental",
    on_schema_change="append_new_columns",
    pre_hook="{{ source_iterable.begin_reading(source_iterable.present_build('iterable__messages'), source_iterable.of_changed_persons()) }}",
    post_hook="{{ source_iterable.end_reading() }}",
) }}
{#- Unique figures of campaigns count these rows: with each build, counting the persons of all messages would take longest. -#}
select
    source_relation,
    campaign_id,
    person,
    count(*) as sent_count,
{%- for name in ["opened", "opened_by_machine", "clicked", "clicked_by_machine", "unsubscribed", "hosted_unsubscribe_clicked"] %}
    {{ source_iterable.sum_of(name ~ "_count") }} as {{ name }}_count{{ "," if not loop.last }}
{%- endfor %}
from {{ ref("iterable__messages") }}
where campaign_id is not null and {{ source_iterable.of_changed_persons() }}
group by source_relation, campaign_id, person
