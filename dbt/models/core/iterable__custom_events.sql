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
    data
from {{ ref("iterable__events") }}
where event_name = 'customEvent'
