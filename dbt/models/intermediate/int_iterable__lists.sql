{{ config(materialized=source_iterable.made_anew(), on_schema_change="append_new_columns", pre_hook="{{ source_iterable.empty() }}") }}
{#- As a table: PostgreSQL takes a subquery of the newest versions for one row, and compares all lists with every member. #}
select source_relation, id as list_id, name as list_name, list_type
from ({{ source_iterable.latest(["lists"], ["id"], "created_at") }}) as lists
