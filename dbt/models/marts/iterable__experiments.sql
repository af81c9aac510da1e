with experiments as (
{{ source_iterable.latest(["experiments"], ["id"], "start_date") }}
),

variants as (
    select
        newest.*,
        -- Variants that differ only in their send time share a template: their messages cannot be told apart.
        count(*) over (partition by source_relation, experiment_id, template_id) = 1 as has_own_template
    from ({{ source_iterable.latest(["experiment_variants"], ["experiment_id", "id"], "id") }}) as newest
),

messages as (
    select
        source_relation,
        experiment_id,
        template_id,
        min(message_medium) as message_medium,
{%- for name, figure in source_iterable.counted() %}
        {{ figure }} as {{ name }}{{ "," if not loop.last }}
{%- endfor %}
    from {{ ref("iterable__messages") }}
    where experiment_id is not null
    group by source_relation, experiment_id, template_id
)

select
    coalesce(variants.source_relation, experiments.source_relation) as source_relation,
    coalesce(variants.experiment_id, experiments.id) as experiment_id,
    experiments.name as experiment_name,
    experiments.experiment_type,
    experiments.status,
    experiments.campaign_id,
    experiments.start_date as started_at,
    experiments.finish_date as finished_at,
    variants.id as variant_id,
    variants.name as variant_name,
    variants.is_control,
    variants.is_winner,
    variants.percentage,
    variants.template_id,
{%- for name, _ in source_iterable.counted() %}
    messages.{{ name }},
{%- endfor %}
    {{ source_iterable.rates() }},
    variants.metrics
from experiments
full outer join variants
    on variants.source_relation = experiments.source_relation and variants.experiment_id = experiments.id
left join messages
    on messages.source_relation = variants.source_relation and messages.experiment_id = variants.experiment_id
    and messages.template_id = variants.template_id and variants.has_own_template
