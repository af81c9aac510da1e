{#-
What of our events each metric of campaigns counts: its name; a condition; whether it counts persons instead of events; the condition
that Iterable may have used instead, because it counts machines or not; the column of campaigns_metrics_daily; and Iterable's names
in campaigns_metrics, by medium.
-#}
{% macro metrics() %}
    {%- set sends = "event_name in ('" ~ source_iterable.media() | map("first") | join("', '") ~ "')" -%}
    {%- set opens = "event_name in ('" ~ source_iterable.opens() | join("', '") ~ "')" -%}
    {%- set clicks = "event_name in ('" ~ source_iterable.clicks() | join("', '") ~ "')" -%}
    {%- set bounces = "event_name in ('" ~ source_iterable.bounces() | join("', '") ~ "')" -%}
    {%- set unsubscribes = "event_name = 'emailUnSubscribe'" -%}
    {{ return([
        {"name": "sent", "of": sends, "day": "sends",
            "names": ["Total Email Sends", "Total Pushes Sent", "Total In-App Sent", "Total SMS Sent"]},
        {"name": "bounced", "of": bounces, "day": "bounces",
            "names": ["Total Emails Bounced", "Total Pushes Bounced", "Total SMS Bounced"]},
        {"name": "total_opens_with_machines", "of": opens, "or": opens ~ " and not is_machine", "day": "total_opens",
            "names": ["Total Email Opens", "Total Pushes Opened", "Total In-App Opens"]},
        {"name": "total_opens", "of": opens ~ " and not is_machine", "or": opens, "names": ["Total Email Opens (filtered)"]},
        {"name": "unique_opens_with_machines", "of": opens, "or": opens ~ " and not is_machine", "persons": true,
            "names": ["Unique Email Opens", "Unique Pushes Opened", "Unique In-App Opens"]},
        {"name": "unique_opens", "of": opens ~ " and not is_machine", "or": opens, "persons": true,
            "names": ["Unique Email Opens (filtered)"]},
        {"name": "total_clicks_with_machines", "of": clicks, "or": clicks ~ " and not is_machine", "day": "total_clicks",
            "names": ["Total Emails Clicked", "Total In-App Clicks", "Total SMS Clicks"]},
        {"name": "total_clicks", "of": clicks ~ " and not is_machine", "or": clicks, "names": ["Total Emails Clicked (filtered)"]},
        {"name": "unique_clicks_with_machines", "of": clicks, "or": clicks ~ " and not is_machine", "persons": true,
            "names": ["Unique Email Clicks", "Unique In-App Clicks", "Unique SMS Clicks"]},
        {"name": "unique_clicks", "of": clicks ~ " and not is_machine", "or": clicks, "persons": true,
            "names": ["Unique Email Clicks (filtered)"]},
        {"name": "total_complaints", "of": "event_name = 'emailComplaint'", "day": "complaints", "names": ["Total Complaints"]},
        {"name": "total_unsubscribes", "of": unsubscribes, "or": unsubscribes ~ " and " ~ source_iterable.by_user(),
            "day": "unsubscribes", "names": ["Total Unsubscribes"]},
        {"name": "unique_unsubscribes", "of": unsubscribes, "or": unsubscribes ~ " and " ~ source_iterable.by_user(), "persons": true,
            "names": ["Unique Unsubscribes"]},
        {"name": "purchases", "of": "event_name = 'purchase'", "day": "purchases", "names": ["Total Purchases"]},
        {"name": "revenue", "of": "event_name = 'purchase'", "sum": true, "day": "revenue", "names": ["Revenue"]},
    ]) }}
{% endmacro %}

{#- How many events, or what they total. -#}
{% macro metric(each, condition) %}
    {{ return("sum(case when " ~ condition ~ " then " ~ ("coalesce(total, 0)" if each.sum else "1") ~ " else 0 end)") }}
{% endmacro %}
