{#-
Conditions that select what has changed since a model was built; "true" if the model has to read everything. Most are used twice: in the
DELETE of the model's old rows and in the query for the new ones. The subqueries rename their columns, so that plain names mean the
outer row in both.
-#}

{#- The last build that this model has read, or none if it missed one of iterable__events: former_person remembers only the last
change. -#}
{% macro build_before() %}
    {%- set last = source_iterable.last_build() -%}
    {%- if last is none -%}{{ return(none) }}{%- endif -%}
    {%- set present = run_query(source_iterable.build_of("iterable__events")).columns[0].values()[0] -%}
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

{#- A condition on events and on rows by user: the user has events that are new, have changed, were still in the future when the
model was built, or no longer lie within the days of engagement. -#}
{% macro of_changed_users() %}
    {%- set last = source_iterable.build_before() -%}
    {%- set events = ref("iterable__events") -%}
    {%- if last is none -%}{{ return("true") }}{%- endif -%}
    {%- set since = "from " ~ events ~ " where build_number > " ~ last -%}
    {%- set passed = source_iterable.passed_days() -%}
    exists (
        select 1
        from (
            select source_relation as changed_relation, unique_user_key as changed_key {{ since }}
            union all
            select source_relation, former_person {{ since }}
            union all
            select source_relation, unique_user_key from {{ events }} where {{ source_iterable.become_due() }}
            {%- if passed %}
            union all
            select source_relation, unique_user_key from {{ events }} where {{ passed }}
            {%- endif %}
        ) as changed
        where changed_relation = source_relation and changed_key = unique_user_key
    )
{% endmacro %}

{#- A condition on events: they were still in the future when the model was built. -#}
{% macro become_due() %}
    {%- set then = "cast('" ~ source_iterable.progress()["time"] ~ "' as " ~ source_iterable.type_time() ~ ")" -%}
    {{ return("created_at > " ~ then ~ " and created_at <= " ~ source_iterable.now()) }}
{% endmacro %}

{% macro days_of_engagement() %}{{ return([7, 30, 90]) }}{% endmacro %}

{#- By project, the time of its users' newest event, as text: when int_iterable__user_activity was last built, and now. Engagement
counts days back from it. -#}
{% macro newest_events() %}
    {%- if not execute or not flags.INTROSPECT -%}{{ return([]) }}{%- endif -%}
    {%- set last, events = source_iterable.build_before(), ref("iterable__events") -%}
    {%- if adapter.get_relation(events.database, events.schema, events.identifier) is none -%}{{ return([]) }}{%- endif -%}
    {%- set newest -%}
        select
            source_relation,
            cast(max(former) as {{ dbt.type_string() }}) as former,
            cast(max(present) as {{ dbt.type_string() }}) as present
        from (
            select source_relation, cast(null as {{ source_iterable.type_time() }}) as former, created_at as present
            from {{ events }}
            where unique_user_key is not null and created_at <= {{ source_iterable.now() }}
{%- if last is not none %}
                and (build_number > {{ last }} or {{ source_iterable.become_due() }})
            union all
            select source_relation, last_event_at, last_event_at from {{ this }}
{%- endif %}
        ) as times
        group by source_relation
    {%- endset -%}
    {{ return(run_query(newest).rows) }}
{% endmacro %}

{#- The time of the newest event of a row's project. -#}
{% macro as_of() %}
    {%- set time = source_iterable.type_time() -%}
    {%- set whens = [] -%}
    {%- for project, _, present in source_iterable.newest_events() if present is not none -%}
        {%- do whens.append("when '" ~ dbt.escape_single_quotes(project) ~ "' then cast('" ~ present ~ "' as " ~ time ~ ")") -%}
    {%- endfor -%}
    {{ return("case source_relation " ~ whens | join(" ") ~ " end" if whens else "cast(null as " ~ time ~ ")") }}
{% endmacro %}

{#- A condition on events: they were within the days of engagement when the model was built, and no longer are. Empty if time has not
moved on in any project. -#}
{% macro passed_days() %}
    {%- set time = source_iterable.type_time() -%}
    {%- set ranges = [] -%}
    {%- for project, former, present in source_iterable.newest_events() if former is not none and former != present -%}
        {%- for days in source_iterable.days_of_engagement() -%}
            {%- set since = dbt.dateadd("day", -days, "cast('" ~ former ~ "' as " ~ time ~ ")") -%}
            {%- set until = dbt.dateadd("day", -days, "cast('" ~ present ~ "' as " ~ time ~ ")") -%}
            {%- do ranges.append("source_relation = '" ~ dbt.escape_single_quotes(project) ~ "' and created_at > " ~ since ~ " and created_at <= " ~ until) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set counted = source_iterable.opens() + source_iterable.clicks() + ["purchase"] -%}
    {{ return("event_name in ('" ~ counted | join("', '") ~ "') and (" ~ ranges | join(" or ") ~ ")" if ranges else "") }}
{% endmacro %}

{#- A condition on rows by user of int_iterable__profiles: a new batch has a version of the profile, the raw table no longer has any, or
the user was forgotten. -#}
{% macro of_changed_profiles() %}
    {%- set progress = source_iterable.progress() -%}
    {%- set batch = source_iterable.batch_of(source_iterable.held_columns("users")) -%}
    {%- if "users" not in progress or not batch or source_iterable.raw_rows_were_taken_away() -%}{{ return("true") }}{%- endif -%}
    {#- In a hook, dbt does not inline ephemeral models. #}
    {%- set raw = "select source_relation, " ~ source_iterable.user_key() ~ " as unique_user_key from (" ~ source_iterable.staging("users") ~ ") as staged" -%}
    exists (
        select 1
        from (
            select source_relation as changed_relation, unique_user_key as changed_key
            from ({{ raw }} where _batch >= cast('{{ progress["users"] }}' as {{ batch.type }})) as versions
            union all
            select gone.source_relation, gone.unique_user_key
            from {{ this }} as gone
            left join ({{ raw }}) as versions
                on versions.source_relation = gone.source_relation and versions.unique_user_key = gone.unique_user_key
            where versions.unique_user_key is null
            union all
            select known.source_relation, known.unique_user_key
            from {{ this }} as known
            where not ({{ source_iterable.not_forgotten("known", ["email", "user_id"]) }})
        ) as changed
        where changed_relation = source_relation and changed_key = unique_user_key
    )
{% endmacro %}

{#- A condition on rows by campaign and person: the campaign's messages to the person have changed since the model was built. -#}
{% macro of_changed_persons() %}
    {%- set last = source_iterable.build_before() -%}
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
