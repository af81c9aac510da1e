{{ config(materialized=source_iterable.made_anew(), on_schema_change="append_new_columns", pre_hook="{{ source_iterable.empty() }}") }}
select distinct source_relation, user_hash
from {{ ref("stg_iterable__forgotten_users") }}
where user_hash is not null
