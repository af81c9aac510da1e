{{ config(materialized=source_iterable.made_anew(), on_schema_change="append_new_columns", pre_hook="{{ source_iterable.empty() }}") }}
-- list_users identifies users by their email address, or by one of their IDs in projects that are not email-based.
with named as (
    select source_relation, identifier, unique_user_key
    from (
        select
            source_relation,
            identifier,
            unique_user_key,
            row_number() over (partition by source_relation, identifier order by rank_of_name, unique_user_key) as nth
        from (
{%- for name in ["unique_user_key", "email", "user_id", "itbl_user_id"] %}
            select source_relation, {{ name }} as identifier, unique_user_key, {{ loop.index }} as rank_of_name
            from {{ ref("int_iterable__profiles") }}
            {%- if not loop.last %} union all {% endif %}
{%- endfor %}
        ) as identifiers
        where identifier is not null
    ) as ranked
    where nth = 1
),

found as (
    -- Static lists, from the profile. The project type determines which of the two fields has them.
{%- for name in ["email_list_ids", "user_list_ids"] %}
    select source.source_relation, source.unique_user_key, {{ source_iterable.whole_number("item") }} as list_id
    from {{ source_iterable.unnested(ref("int_iterable__profiles"), "source." ~ name) }}
    union all
{%- endfor %}
    -- All lists, if list_users is synced.
    select members.source_relation, coalesce(named.unique_user_key, members.user_identifier), members.list_id
    from {{ ref("stg_iterable__list_users") }} as members
    left join named
        on named.source_relation = members.source_relation and named.identifier = members.user_identifier
    where {{ source_iterable.not_forgotten("members", ["user_identifier", "email", "user_id"]) }}
),

members as (
    select distinct source_relation, unique_user_key, list_id from found where list_id is not null
)

select
    members.source_relation,
    members.unique_user_key,
    members.list_id,
    lists.list_name,
    lists.list_type
from members
left join {{ ref("int_iterable__lists") }} as lists
    on lists.source_relation = members.source_relation and lists.list_id = members.list_id
