with sizes as (
{{ source_iterable.latest(["list_sizes"], ["list_id", "date"], "size") }}
),

lists as (
{{ source_iterable.latest(["lists"], ["id"], "created_at") }}
)

select
    {{ dbt.concat([source_iterable.project_prefix().replace("source_relation", "sizes.source_relation"), "cast(sizes.list_id as " ~ dbt.type_string() ~ ")", "'/'", "cast(sizes.date as " ~ dbt.type_string() ~ ")"]) }} as list_day_id,
    sizes.source_relation,
    sizes.list_id,
    lists.name as list_name,
    lists.list_type,
    sizes.date as counted_on,
    sizes.size,
    sizes.size - lag(sizes.size) over (partition by sizes.source_relation, sizes.list_id order by sizes.date) as growth
from sizes
left join lists on lists.source_relation = sizes.source_relation and lists.id = sizes.list_id
