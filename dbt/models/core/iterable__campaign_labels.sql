with campaigns as (
{{ source_iterable.latest_campaigns() }}
)

select distinct source.source_relation, source.id as campaign_id, item as label
from {{ source_iterable.unnested("campaigns", "source.labels") }}
where item is not null
