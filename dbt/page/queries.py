"""The page's SQL, which runs on DuckDB and PostgreSQL. Every number is of many persons together; none of a single one.

A *person* is `unique_user_key`, or the message where there is none. As at Iterable, a *unique* open or click counts once per
person and campaign, however many messages of the campaign the person had. So these figures do not add up over days: each
period has its own query.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

# A domain with fewer recipients than this might tell of a person.
FEWEST_RECIPIENTS = 10
MOST_DOMAINS = 15
MOST_LISTS = 12
MOST_JOURNEYS = 12
MOST_ROWS = 200

# What the page counts of messages, in this order wherever it keeps them as a list.
COUNTS = (
    *("sent", "delivered", "bounced", "hard_bounced", "soft_bounced"),
    *("opens", "clicks", "opens_or_clicks", "messages_opened", "messages_clicked", "unsubscribed", "complained"),
)

PERSON = "coalesce(messages.unique_user_key, messages.message_id)"

# Iterable says only of emails whether a bounce is hard or soft.
_BOUNCES = """
LEFT JOIN (
    SELECT source_relation, message_id, max(CASE WHEN recipient_state = 'HardBounce' THEN 1 ELSE 0 END) AS hard
    FROM iterable__events WHERE event_name = 'emailBounce' GROUP BY source_relation, message_id
) AS bounces ON bounces.source_relation = messages.source_relation AND bounces.message_id = messages.message_id
"""

PROJECTS = "SELECT source_relation, max(sent_at) AS newest FROM iterable__messages GROUP BY 1 ORDER BY 1"

# Of sends and stored events, whose times are Iterable's own: devices may have a wrong clock.
BOUNDS = """
SELECT newest, oldest_day, (SELECT max(created_on) FROM iterable__events WHERE created_at <= newest) AS newest_day
FROM (
    SELECT greatest(sends.newest, stored.newest) AS newest, sends.oldest_day
    FROM (SELECT max(sent_at) AS newest, min(sent_on) AS oldest_day FROM iterable__messages) AS sends
    CROSS JOIN (SELECT max(stored_at) AS newest FROM iterable__events) AS stored
) AS bounds
"""

CAMPAIGNS = """
SELECT coalesce(campaigns.source_relation, messages.source_relation) AS project,
    coalesce(campaigns.campaign_id, messages.campaign_id) AS id,
    campaigns.campaign_name AS name,
    coalesce(messages.message_medium, campaigns.message_medium) AS channel
FROM iterable__campaigns AS campaigns
FULL OUTER JOIN (
    SELECT source_relation, campaign_id, min(message_medium) AS message_medium
    FROM iterable__messages WHERE campaign_id IS NOT NULL GROUP BY source_relation, campaign_id
) AS messages ON messages.source_relation = campaigns.source_relation AND messages.campaign_id = campaigns.campaign_id
"""

LISTS = f"""
SELECT source_relation AS project, list_id AS id, list_name AS name, counted_on AS day, size
FROM iterable__list_growth
WHERE (source_relation, list_id) IN (
    SELECT source_relation, list_id FROM iterable__list_growth GROUP BY 1, 2 ORDER BY max(size) DESC, 1, 2
    LIMIT {MOST_LISTS}
)
ORDER BY max(size) OVER (PARTITION BY source_relation, list_id) DESC, 1, 2, 4
"""


_PROJECT = "CASE WHEN {0}.source_relation = '' THEN '' ELSE {0}.source_relation || ': ' END"

# Models that only some versions of the package have, each with what the page shows of it: a table, newest or largest first.
OPTIONAL = {
    "experiments": (
        "iterable__experiments",
        f"""
        SELECT {_PROJECT.format("variants")} || coalesce(experiment_name, CAST(experiment_id AS VARCHAR)) AS experiment,
            coalesce(variant_name, CAST(variant_id AS VARCHAR)) AS variant,
            CASE WHEN is_winner THEN 'winner' WHEN is_control THEN 'control' END AS role,
            status, sent, open_rate, click_rate, click_to_open_rate, unsubscribe_rate
        FROM iterable__experiments AS variants
        ORDER BY CASE WHEN started_at IS NULL THEN 1 ELSE 0 END, started_at DESC, experiment_id, variant_id
        LIMIT {MOST_ROWS}
        """,
    ),
    "reconciliation": (
        "iterable__metric_reconciliation",
        f"""
        SELECT {_PROJECT.format("compared")} || coalesce(campaign_name, '')
                || ' (' || compared.campaign_id || ')' AS campaign,
            iterable_metric AS figure, ours, iterables AS "Iterable's", difference, likely_reason
        FROM iterable__metric_reconciliation AS compared
        LEFT JOIN iterable__campaigns AS campaigns
            ON campaigns.source_relation = compared.source_relation AND campaigns.campaign_id = compared.campaign_id
        WHERE not_comparable_because IS NULL AND difference IS NOT NULL
        ORDER BY abs(difference) DESC, 1, 2, report LIMIT {MOST_ROWS}
        """,
    ),
}
COMPARED = """
SELECT coalesce(not_comparable_because, CASE WHEN abs(difference) < 0.005 THEN 'equal' ELSE 'different' END) AS outcome,
    count(*) AS figures
FROM iterable__metric_reconciliation GROUP BY 1 ORDER BY 2 DESC, 1
"""

# What figures are grouped by: a name, and its expression.
Keys = Mapping[str, str]
BY_CHANNEL = {"channel": "messages.message_medium"}
BY_CAMPAIGN = {**BY_CHANNEL, "project": "messages.source_relation", "id": "messages.campaign_id"}


def by_time(keys: Keys, column: str, unit: str) -> Keys:
    """The keys, and the first day of the day or week (its Monday) of a column."""
    return {**keys, "day": f"CAST(date_trunc('{unit}', {column}) AS DATE)"}


def figures(first: date, last: date, keys: Keys) -> str:
    """COUNTS of the messages sent from `first` to `last`, for each value of the keys."""
    return f"""
    WITH persons AS (
        SELECT {_columns(keys)}, messages.source_relation, campaign_id, {PERSON} AS person,
            count(*) AS sent,
            sum(CASE WHEN is_delivered THEN 1 ELSE 0 END) AS delivered,
            sum(CASE WHEN bounced_count > 0 THEN 1 ELSE 0 END) AS bounced,
            sum(CASE WHEN bounced_count > 0 AND bounces.hard = 1 THEN 1 ELSE 0 END) AS hard_bounced,
            sum(CASE WHEN bounced_count > 0 AND bounces.hard = 0 THEN 1 ELSE 0 END) AS soft_bounced,
            max(CASE WHEN opened_count > 0 THEN 1 ELSE 0 END) AS opens,
            max(CASE WHEN clicked_count > 0 THEN 1 ELSE 0 END) AS clicks,
            max(CASE WHEN opened_count + clicked_count > 0 THEN 1 ELSE 0 END) AS opens_or_clicks,
            sum(CASE WHEN opened_count > 0 THEN 1 ELSE 0 END) AS messages_opened,
            sum(CASE WHEN clicked_count > 0 THEN 1 ELSE 0 END) AS messages_clicked,
            sum(CASE WHEN unsubscribed_count > 0 THEN 1 ELSE 0 END) AS unsubscribed,
            sum(CASE WHEN complained_count > 0 THEN 1 ELSE 0 END) AS complained
        FROM (SELECT * FROM iterable__messages WHERE {_between("sent_on", first, last)}) AS messages {_BOUNCES}
        GROUP BY {", ".join(keys.values())}, messages.source_relation, campaign_id, {PERSON}
    )
    SELECT {", ".join(f"persons.{name}" for name in keys)}, {", ".join(f"sum({name}) AS {name}" for name in COUNTS)}
    FROM persons GROUP BY {_places(keys)} ORDER BY {_places(keys)}
    """


def purchases(first: date, last: date, keys: Keys) -> str:
    """Purchases and revenue by day of the purchase, and the campaign that Iterable attributes them to (NULL: none)."""
    return f"""
    SELECT {_columns(keys)}, count(*) AS purchases, coalesce(sum(total), 0) AS revenue
    FROM iterable__events AS events
    WHERE event_name = 'purchase' AND {_between("created_on", first, last)}
    GROUP BY {_places(keys)} ORDER BY {_places(keys)}
    """


def people(first: date, last: date) -> str:
    """Distinct persons per channel, and those of all (channel NULL): sent to, reached, who opened, who clicked."""
    flags = ("sent_to", "reached", "opened", "clicked")
    totals = f"count(*) AS {flags[0]}, {', '.join(f'sum({name}) AS {name}' for name in flags[1:])}"
    return f"""
    WITH by_channel AS (
        SELECT messages.source_relation, messages.message_medium AS channel, {PERSON} AS person,
            max(CASE WHEN is_delivered THEN 1 ELSE 0 END) AS reached,
            max(CASE WHEN opened_count > 0 THEN 1 ELSE 0 END) AS opened,
            max(CASE WHEN clicked_count > 0 THEN 1 ELSE 0 END) AS clicked
        FROM iterable__messages AS messages WHERE {_between("sent_on", first, last)} GROUP BY 1, 2, 3
    ),
    by_person AS (
        SELECT source_relation, person, max(reached) AS reached, max(opened) AS opened, max(clicked) AS clicked
        FROM by_channel GROUP BY 1, 2
    )
    SELECT channel, {totals} FROM by_channel GROUP BY channel
    UNION ALL SELECT NULL, {totals} FROM by_person
    """


def journeys(first: date, last: date) -> str:
    """Distinct persons of the journeys with most of them: in any event, messaged, opened, clicked, bought."""
    return f"""
    WITH events AS (
        SELECT source_relation, workflow_id, count(DISTINCT unique_user_key) AS entered,
            count(DISTINCT CASE WHEN event_name = 'purchase' THEN unique_user_key END) AS bought
        FROM iterable__events
        WHERE workflow_id IS NOT NULL AND {_between("created_on", first, last)} GROUP BY 1, 2
    ),
    messages AS (
        SELECT source_relation, workflow_id, count(DISTINCT unique_user_key) AS messaged,
            count(DISTINCT CASE WHEN opened_count > 0 THEN unique_user_key END) AS opened,
            count(DISTINCT CASE WHEN clicked_count > 0 THEN unique_user_key END) AS clicked
        FROM iterable__messages
        WHERE workflow_id IS NOT NULL AND {_between("sent_on", first, last)} GROUP BY 1, 2
    )
    SELECT events.source_relation AS project, events.workflow_id AS id, funnel.workflow_name AS name,
        events.entered, coalesce(messages.messaged, 0) AS messaged, coalesce(messages.opened, 0) AS opened,
        coalesce(messages.clicked, 0) AS clicked, events.bought
    FROM events
    LEFT JOIN messages
        ON messages.source_relation = events.source_relation AND messages.workflow_id = events.workflow_id
    LEFT JOIN iterable__journey_funnel AS funnel
        ON funnel.source_relation = events.source_relation AND funnel.workflow_id = events.workflow_id
    ORDER BY events.entered DESC, 1, 2 LIMIT {MOST_JOURNEYS}
    """


def domains(first: date, last: date) -> str:
    """Emails by the recipient's domain. Domains of few persons, and those after the largest, are one row (NULL)."""
    return f"""
    WITH by_domain AS (
        SELECT lower(split_part(email, '@', 2)) AS domain, count(DISTINCT email) AS recipients, count(*) AS sent,
            sum(CASE WHEN bounced_count > 0 AND bounces.hard = 1 THEN 1 ELSE 0 END) AS hard_bounced,
            sum(CASE WHEN bounced_count > 0 AND bounces.hard = 0 THEN 1 ELSE 0 END) AS soft_bounced,
            sum(CASE WHEN complained_count > 0 THEN 1 ELSE 0 END) AS complained
        FROM iterable__messages AS messages {_BOUNCES}
        WHERE message_medium = 'Email' AND email LIKE '%@%' AND {_between("sent_on", first, last)} GROUP BY 1
    ),
    ranked AS (
        SELECT *, row_number() OVER (ORDER BY sent DESC, domain) AS place FROM by_domain
    )
    SELECT CASE WHEN recipients >= {FEWEST_RECIPIENTS} AND place <= {MOST_DOMAINS} THEN domain END AS domain,
        sum(sent) AS sent, sum(hard_bounced) AS hard_bounced, sum(soft_bounced) AS soft_bounced,
        sum(complained) AS complained
    FROM ranked GROUP BY 1 ORDER BY CASE WHEN min(place) > {MOST_DOMAINS} THEN 1 ELSE 0 END, 2 DESC, 1
    """


def late(first: date, last: date) -> str:
    """Events by the day on which they happened, and how long afterwards Iterable stored them."""
    return f"""
    SELECT created_on AS day,
        sum(CASE WHEN stored_at < created_at + INTERVAL '1 hour' THEN 1 ELSE 0 END) AS within_hour,
        sum(CASE WHEN stored_at >= created_at + INTERVAL '1 hour' AND stored_at < created_at + INTERVAL '1 day'
            THEN 1 ELSE 0 END) AS within_day,
        sum(CASE WHEN stored_at >= created_at + INTERVAL '1 day' THEN 1 ELSE 0 END) AS later
    FROM iterable__events
    WHERE stored_at IS NOT NULL AND {_between("created_on", first, last)} GROUP BY 1 ORDER BY 1
    """


def _between(column: str, first: date, last: date) -> str:
    return f"{column} BETWEEN DATE '{first.isoformat()}' AND DATE '{last.isoformat()}'"


def _columns(keys: Keys) -> str:
    return ", ".join(f"{expression} AS {name}" for name, expression in keys.items())


def _places(keys: Keys) -> str:
    return ", ".join(str(place) for place, _ in enumerate(keys, start=1))
