{#- All values that are not NULL are between `least` and `most`. -#}
{% test in_range(model, column_name, least=none, most=none) %}
select {{ column_name }}
from {{ model }}
where {{ column_name }} is not null
    and ({{ column_name ~ " < " ~ least if least is not none else "1 = 0" }} or {{ column_name ~ " > " ~ most if most is not none else "1 = 0" }})
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
