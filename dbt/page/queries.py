"""The page's SQL of a period, which runs on DuckDB and PostgreSQL. Every number is of many persons; none of a single one.

A *person* is `unique_user_key`, or the message where there is none. As at Iterable, a *unique* open or click counts once per
person and campaign, however many messages of the campaign the person had. So these figures do not add up over days: each
period has its own query. They add up over projects, as no person is in two.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

# A domain with fewer recipients than this might tell of a person.
FEWEST_RECIPIENTS = 10
# Of each project.
MOST_DOMAINS = 15
MOST_JOURNEYS = 12

# What the page counts of messages, in this order wherever it keeps them as a list.
COUNTS = (
    *("sent", "delivered", "bounced", "hard_bounced", "soft_bounced"),
    *("opens", "clicks", "opens_or_clicks", "messages_opened", "messages_clicked", "unsubscribed", "complained"),
)

# A message with both is a hard one.
HARD = "sum(CASE WHEN hard_bounced_count > 0 THEN 1 ELSE 0 END) AS hard_bounced"
SOFT = "sum(CASE WHEN soft_bounced_count > 0 AND hard_bounced_count = 0 THEN 1 ELSE 0 END) AS soft_bounced"

# What figures are grouped by: a name, and its expression.
Keys = Mapping[str, str]
BY_CHANNEL = {"project": "messages.source_relation", "channel": "messages.message_medium"}
BY_CAMPAIGN = {**BY_CHANNEL, "id": "messages.campaign_id"}


def by_time(keys: Keys, column: str, unit: str) -> Keys:
    """The keys, and the first day of the day or week (its Monday) of a column."""
    return {**keys, "day": f"CAST(date_trunc('{unit}', {column}) AS DATE)"}


def figures(first: date, last: date, keys: Keys) -> str:
    """COUNTS of the messages sent from `first` to `last`, for each value of the keys."""
    return f"""
    WITH persons AS (
        SELECT {_columns(keys)}, messages.source_relation, campaign_id, person,
            count(*) AS sent,
            sum(CASE WHEN is_delivered THEN 1 ELSE 0 END) AS delivered,
            sum(CASE WHEN bounced_count > 0 THEN 1 ELSE 0 END) AS bounced,
            {HARD},
            {SOFT},
            max(CASE WHEN opened_count > 0 THEN 1 ELSE 0 END) AS opens,
            max(CASE WHEN clicked_count > 0 THEN 1 ELSE 0 END) AS clicks,
            max(CASE WHEN opened_count + clicked_count > 0 THEN 1 ELSE 0 END) AS opens_or_clicks,
            sum(CASE WHEN opened_count > 0 THEN 1 ELSE 0 END) AS messages_opened,
            sum(CASE WHEN clicked_count > 0 THEN 1 ELSE 0 END) AS messages_clicked,
            sum(CASE WHEN unsubscribed_count > 0 THEN 1 ELSE 0 END) AS unsubscribed,
            sum(CASE WHEN complained_count > 0 THEN 1 ELSE 0 END) AS complained
        FROM iterable__messages AS messages WHERE {_between("sent_on", first, last)}
        GROUP BY {", ".join(keys.values())}, messages.source_relation, campaign_id, person
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
    """Distinct persons per project and channel, and in all channels (NULL): sent to, reached, who opened, who clicked."""
    flags = ("sent_to", "reached", "opened", "clicked")
    totals = f"count(*) AS {flags[0]}, {', '.join(f'sum({name}) AS {name}' for name in flags[1:])}"
    return f"""
    WITH by_channel AS (
        SELECT messages.source_relation AS project, messages.message_medium AS channel, person,
            max(CASE WHEN is_delivered THEN 1 ELSE 0 END) AS reached,
            max(CASE WHEN opened_count > 0 THEN 1 ELSE 0 END) AS opened,
            max(CASE WHEN clicked_count > 0 THEN 1 ELSE 0 END) AS clicked
        FROM iterable__messages AS messages WHERE {_between("sent_on", first, last)} GROUP BY 1, 2, 3
    ),
    by_person AS (
        SELECT project, person, max(reached) AS reached, max(opened) AS opened, max(clicked) AS clicked
        FROM by_channel GROUP BY 1, 2
    )
    SELECT project, channel, {totals} FROM by_channel GROUP BY project, channel
    UNION ALL SELECT project, NULL, {totals} FROM by_person GROUP BY project
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
    ),
    ranked AS (
        SELECT events.*, row_number() OVER (PARTITION BY source_relation ORDER BY entered DESC, workflow_id) AS place
        FROM events
    )
    SELECT ranked.source_relation AS project, ranked.workflow_id AS id, funnel.workflow_name AS name,
        ranked.entered, coalesce(messages.messaged, 0) AS messaged, coalesce(messages.opened, 0) AS opened,
        coalesce(messages.clicked, 0) AS clicked, ranked.bought
    FROM ranked
    LEFT JOIN messages
        ON messages.source_relation = ranked.source_relation AND messages.workflow_id = ranked.workflow_id
    LEFT JOIN iterable__journey_funnel AS funnel
        ON funnel.source_relation = ranked.source_relation AND funnel.workflow_id = ranked.workflow_id
    WHERE ranked.place <= {MOST_JOURNEYS} ORDER BY ranked.entered DESC, 1, 2
    """


def domains(first: date, last: date) -> str:
    """Emails by the recipient's domain, of each project and of all (project NULL).

    Domains of few persons, and those after the largest, are one row (domain NULL).
    """
    return f"""
    WITH emails AS (
        SELECT messages.*, lower(split_part(email, '@', 2)) AS domain FROM iterable__messages AS messages
        WHERE message_medium = 'Email' AND email LIKE '%@%' AND {_between("sent_on", first, last)}
    ),
    by_domain AS (
        SELECT source_relation AS project, domain, count(DISTINCT email) AS recipients, count(*) AS sent,
            {HARD},
            {SOFT},
            sum(CASE WHEN complained_count > 0 THEN 1 ELSE 0 END) AS complained
        FROM emails GROUP BY GROUPING SETS ((source_relation, domain), (domain))
    ),
    ranked AS (
        SELECT *, row_number() OVER (PARTITION BY project ORDER BY sent DESC, domain) AS place FROM by_domain
    )
    SELECT project, CASE WHEN recipients >= {FEWEST_RECIPIENTS} AND place <= {MOST_DOMAINS} THEN domain END AS domain,
        sum(sent) AS sent, sum(hard_bounced) AS hard_bounced, sum(soft_bounced) AS soft_bounced,
        sum(complained) AS complained
    FROM ranked GROUP BY 1, 2 ORDER BY 1, CASE WHEN min(place) > {MOST_DOMAINS} THEN 1 ELSE 0 END, 3 DESC, 2
    """


def skips(first: date, last: date) -> str:
    """Messages that Iterable did not send, by channel and reason."""
    return f"""
    SELECT events.source_relation AS project, media.message_medium AS channel, events.reason,
        count(*) AS skips
    FROM iterable__events AS events
    INNER JOIN (SELECT DISTINCT message_medium FROM iterable__send_skips) AS media
        ON lower(events.event_name) = lower(replace(media.message_medium, ' ', '')) || 'sendskip'
    WHERE {_between("created_on", first, last)} GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3
    """


def late(first: date, last: date) -> str:
    """Events by the day on which they happened, and how long afterwards Iterable stored them."""
    return f"""
    SELECT source_relation AS project, created_on AS day,
        sum(CASE WHEN stored_at < created_at + INTERVAL '1 hour' THEN 1 ELSE 0 END) AS within_hour,
        sum(CASE WHEN stored_at >= created_at + INTERVAL '1 hour' AND stored_at < created_at + INTERVAL '1 day'
            THEN 1 ELSE 0 END) AS within_day,
        sum(CASE WHEN stored_at >= created_at + INTERVAL '1 day' THEN 1 ELSE 0 END) AS later
    FROM iterable__events
    WHERE stored_at IS NOT NULL AND {_between("created_on", first, last)} GROUP BY 1, 2 ORDER BY 1, 2
    """


def _between(column: str, first: date, last: date) -> str:
    return f"{column} BETWEEN DATE '{first.isoformat()}' AND DATE '{last.isoformat()}'"


def _columns(keys: Keys) -> str:
    return ", ".join(f"{expression} AS {name}" for name, expression in keys.items())


def _places(keys: Keys) -> str:
    return ", ".join(str(place) for place, _ in enumerate(keys, start=1))
