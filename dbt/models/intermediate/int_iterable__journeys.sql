{{ config(materialized=source_iterable.made_anew(), on_schema_change="append_new_columns", pre_hook="{{ source_iterable.empty() }}") }}
select source_relation, id as workflow_id, name as workflow_name
from ({{ source_iterable.latest(["journeys"], ["id"], "updated_at") }}) as journeys
