{#-
Conditions that select what has changed since a model was built; "true" if the model has to read everything. Each is used twice: in the
DELETE of the model's old rows and in the query for the new ones. The subqueries rename their columns, so that plain names mean the
outer row in both.
-#}

{#- The last build that this model has read, or none if it missed one of `source`: former_person remembers only the last change. -#}
{% macro build_before(source) %}
    {%- set last = source_iterable.last_build() -%}
    {%- if last is none -%}{{ return(none) }}{%- endif -%}
    {%- set present = run_query(source_iterable.build_of(source)).columns[0].values()[0] -%}
    {{ return(last if present | int - last | int <= 1 else none) }}
{% endmacro %}

{#- FROM the sends of messages that changed after a build and were sent more than once: a new send that is older than the known ones
changes the message's day, campaign and person. Returns none if there is no such message, the usual case: the join with all events
would be the slowest part of the run. -#}
{% macro sends_of_resent(last) %}
    {%- set messages, events = ref("iterable__messages"), ref("iterable__events") -%}
    {%- set resent = "from " ~ messages ~ " as resent where resent.sent_count > 1 and resent.build_number > " ~ last -%}
    {%- if run_query("select 1 " ~ resent ~ " limit 1").rows | length == 0 -%}{{ return(none) }}{%- endif -%}
    {{ return(events ~ " as sends where sends.event_name like '%Send' and exists (select 1 " ~ resent
        ~ " and resent.source_relation = sends.source_relation and resent.message_id = sends.message_id)") }}
{% endmacro %}

{#- A condition on rows by day of sending: messages of that day have changed since the model was built. -#}
{% macro on_changed_days() %}
    {%- set last = source_iterable.last_build() -%}
    {%- set messages, events = ref("iterable__messages"), ref("iterable__events") -%}
    {%- if last is none -%}{{ return("true") }}{%- endif -%}
    {%- set sends = source_iterable.sends_of_resent(last) -%}
    sent_on in (
        select sent_on from {{ messages }} where build_number > {{ last }}
        {%- if sends %}
        union all
        select sends.created_on from {{ sends }}
        {%- endif %}
    )
{% endmacro %}

{#- A condition on events and on rows by user: the user has events that are new, have changed, or were still in the future when the
model was built. -#}
{% macro of_changed_users() %}
    {%- set last = source_iterable.build_before("iterable__events") -%}
    {%- set events = ref("iterable__events") -%}
    {%- if last is none -%}{{ return("true") }}{%- endif -%}
    {%- set since = "from " ~ events ~ " where build_number > " ~ last -%}
    {%- set then = "cast('" ~ source_iterable.progress()["time"] ~ "' as " ~ source_iterable.type_time() ~ ")" -%}
    exists (
        select 1
        from (
            select source_relation as changed_relation, unique_user_key as changed_key {{ since }}
            union all
            select source_relation, former_person {{ since }}
            union all
            select source_relation, unique_user_key from {{ events }}
            where created_at > {{ then }} and created_at <= {{ source_iterable.now() }}
        ) as changed
        where changed_relation = source_relation and changed_key = unique_user_key
    )
{% endmacro %}

{#- A condition on rows by campaign and person: the campaign's messages to the person have changed since the model was built. -#}
{% macro of_changed_persons() %}
    {%- set last = source_iterable.build_before("iterable__messages") -%}
    {%- set messages, events = ref("iterable__messages"), ref("iterable__events") -%}
    {%- if last is none -%}{{ return("true") }}{%- endif -%}
    {%- set sends = source_iterable.sends_of_resent(last) -%}
    exists (
        select 1
        from (
            select source_relation as changed_relation, campaign_id as changed_campaign, person as changed_person
            from {{ messages }}
            where build_number > {{ last }}
            union all
            select source_relation, campaign_id, former_person
            from {{ events }}
            where build_number > {{ last }} and event_name like '%Send'
            {%- if sends %}
            union all
            select source_relation, campaign_id, coalesce(unique_user_key, message_id) from {{ sends }}
            {%- endif %}
        ) as changed
        where changed_relation = source_relation and changed_campaign = campaign_id and changed_person = person
    )
{% endmacro %}
