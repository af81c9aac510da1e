{#- No value is NULL. -#}
{% test never_null(model, column_name, new=false) %}
select {{ column_name }}
from {{ model }}
where {{ column_name }} is null {{ source_iterable.only_new(model, new) }}
{% endtest %}

{#- All values that are not NULL are between `least` and `most`. -#}
{% test in_range(model, column_name, least=none, most=none, new=false) %}
select {{ column_name }}
from {{ model }}
where {{ column_name }} is not null
    and ({{ column_name ~ " < " ~ least if least is not none else "1 = 0" }} or {{ column_name ~ " > " ~ most if most is not none else "1 = 0" }})
    {{ source_iterable.only_new(model, new) }}
{% endtest %}

{#- No two rows have the same values in these columns. -#}
{% test unique_together(model, columns) %}
select {{ columns | join(", ") }}
from {{ model }}
group by {{ columns | join(", ") }}
having count(*) > 1
{% endtest %}

{#- The newest of these times is at most `days` old. Passes if there are no times, because nothing was synced. -#}
{% test is_fresh(model, column_name, days) %}
{#- Ignores times in the future, from devices with a wrong clock. -#}
select max({{ column_name }}) as newest
from {{ model }}
where {{ column_name }} <= {{ source_iterable.in_utc(dbt.current_timestamp()) }}
having max({{ column_name }}) < {{ dbt.dateadd("day", -(days | int), source_iterable.in_utc(dbt.current_timestamp())) }}
{% endtest %}

{#- No two rows of a project have the same value in this column. -#}
{% test unique_in_project(model, column_name, new=false) %}
select source_relation, {{ column_name }}
from {{ model }}
where {{ column_name }} is not null
{%- if new %}
    and {{ column_name }} in (
        select {{ column_name }} from {{ model }} as newest
        where {{ column_name }} is not null {{ source_iterable.only_new(model, new) }}
    )
{%- endif %}
group by source_relation, {{ column_name }}
having count(*) > 1
{% endtest %}

{#- Each value that is not NULL is one of the same project's there. -#}
{% test relationships_in_project(model, column_name, to, field, new=false) %}
select child.source_relation, child.{{ column_name }}
from {{ model }} as child
left join {{ to }} as parent
    on parent.source_relation = child.source_relation and parent.{{ field }} = child.{{ column_name }}
where child.{{ column_name }} is not null and parent.{{ field }} is null {{ source_iterable.only_new(model, new) }}
{% endtest %}

{#- Our and Iterable's numbers differ by at most this share, where they can be compared. -#}
{% test agrees(model, tolerance) %}
select *
from {{ model }}
where not_comparable_because is null and abs(difference) > {{ tolerance }} * greatest(abs(ours), abs(iterables))
{% endtest %}
