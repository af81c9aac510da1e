with sizes as (
{{ source_iterable.latest(["list_sizes"], ["list_id", "date"], "size") }}
)

select
    {{ source_iterable.row_id("sizes", ["list_id", "date"]) }} as list_day_id,
    sizes.source_relation,
    sizes.list_id,
    lists.list_name,
    lists.list_type,
    sizes.date as counted_on,
    sizes.size,
    sizes.size - lag(sizes.size) over (partition by sizes.source_relation, sizes.list_id order by sizes.date) as growth
from sizes
left join {{ ref("int_iterable__lists") }} as lists on lists.source_relation = sizes.source_relation and lists.list_id = sizes.list_id
