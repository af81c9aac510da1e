{{ config(
    materialized="incremental",
    unique_key=["source_relation", "event_id"],
    on_schema_change="append_new_columns",
    pre_hook="{{ source_iterable.begin_reading(source_iterable.present_build('iterable__events')) }}",
    post_hook="{{ source_iterable.end_reading() }}",
) }}
{%- set last_build = source_iterable.last_build() %}
select
    source_relation,
    event_id,
    custom_event_name,
    created_at,
    created_on,
    unique_user_key,
    email,
    user_id,
    campaign_id,
    template_id,
    message_id,
    workflow_id,
    data,
    build_number
from {{ ref("iterable__events") }}
where event_name = 'customEvent'
{%- if last_build %}
    and build_number > {{ last_build }}
{%- endif %}
