{{ config(
    materialized="incremental",
    on_schema_change="append_new_columns",
    indexes=source_iterable.indexes(["source_relation", "unique_user_key"]),
    pre_hook="{{ source_iterable.begin_reading(source_iterable.next_batches(['users']), source_iterable.of_changed_profiles()) }}",
    post_hook="{{ source_iterable.end_reading() }}",
) }}
-- depends_on: {{ ref("iterable__events") }}
{#- What has changed is deleted by the hook, so that it is missing. #}
with profiles as (
    select *, {{ source_iterable.user_key() }} as unique_user_key
    from {{ ref("stg_iterable__users") }}
),

missing as (
    select *
    from profiles
    where unique_user_key is not null
{%- if flags.INTROSPECT and is_incremental() %}
        and not exists (
            select 1 from {{ this }} as present
            where present.source_relation = profiles.source_relation and present.unique_user_key = profiles.unique_user_key
        )
{%- endif %}
),

latest as (
    select *, {{ source_iterable.nth_version(["unique_user_key"], "profile_updated_at") }} as nth_version
    from missing
)

select
    source_relation,
    unique_user_key,
    email,
    user_id,
    itbl_user_id,
    coalesce(first_name, {{ source_iterable.json_text("data", "firstName") }}) as first_name,
    coalesce(last_name, {{ source_iterable.json_text("data", "lastName") }}) as last_name,
    phone_number,
    signup_date,
    signup_source,
    profile_updated_at as updated_at,
    country,
    region,
    city,
    locale,
    time_zone,
    email_list_ids,
    user_list_ids,
    unsubscribed_channel_ids,
    unsubscribed_message_type_ids,
    subscribed_message_type_ids,
{%- for own in var("iterable_user_columns") %}
    {{ own.name }},
{%- endfor %}
    data
from latest
-- Iterable no longer has users that were forgotten on request.
where nth_version = 1 and {{ source_iterable.not_forgotten("latest", ["email", "user_id"]) }}
