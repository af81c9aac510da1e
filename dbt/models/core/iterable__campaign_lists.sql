with campaigns as (
{{ source_iterable.latest_campaigns() }}
),

found as (
    select
        source.source_relation,
        source.id as campaign_id,
        {{ source_iterable.whole_number("item") }} as list_id,
        false as is_suppression_list
    from {{ source_iterable.unnested("campaigns", "source.list_ids") }}
    union all
    select source.source_relation, source.id, {{ source_iterable.whole_number("item") }}, true
    from {{ source_iterable.unnested("campaigns", "source.suppression_list_ids") }}
)

select distinct source_relation, campaign_id, list_id, is_suppression_list
from found
where list_id is not null
