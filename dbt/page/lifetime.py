"""The page's SQL of all that is loaded, whatever period is chosen; it runs on DuckDB and PostgreSQL."""

from __future__ import annotations

# The largest differences of each project and channel.
MOST_DIFFERENCES = 40

PROJECTS = """
SELECT source_relation AS name, min(sent_at) AS oldest, max(sent_at) AS newest
FROM iterable__messages GROUP BY 1 ORDER BY 1
"""

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

# What the messages of each channel can have: the models have no rate (NULL) of what a channel's events cannot tell. Every
# channel could have unsubscribes; only some do.
CAN = """
SELECT message_medium AS channel,
    max(delivery_rate) IS NOT NULL AS delivered,
    max(open_rate) IS NOT NULL AS opens,
    max(click_rate) IS NOT NULL AS clicks,
    max(bounce_rate) IS NOT NULL AS bounced,
    max(unsubscribed) > 0 AS unsubscribed,
    max(complaint_rate) IS NOT NULL AS complained
FROM iterable__campaign_performance_daily GROUP BY 1 ORDER BY 1
"""


def lists(most: int) -> str:
    """Sizes by day of the largest lists of each project."""
    return f"""
    WITH largest AS (
        SELECT source_relation, list_id, max(size) AS most,
            row_number() OVER (PARTITION BY source_relation ORDER BY max(size) DESC, list_id) AS place
        FROM iterable__list_growth GROUP BY 1, 2
    )
    SELECT growth.source_relation AS project, growth.list_id AS id, growth.list_name AS name,
        growth.counted_on AS day, growth.size
    FROM iterable__list_growth AS growth
    INNER JOIN largest ON largest.source_relation = growth.source_relation AND largest.list_id = growth.list_id
    WHERE largest.place <= {most}
    ORDER BY largest.most DESC, 1, 2, 4
    """


def experiments(most: int) -> str:
    """The variants of the newest experiments of each project, with figures of their own messages."""
    return f"""
    WITH newest AS (
        SELECT source_relation, experiment_id,
            row_number() OVER (
                PARTITION BY source_relation
                ORDER BY CASE WHEN max(started_at) IS NULL THEN 1 ELSE 0 END, max(started_at) DESC, experiment_id
            ) AS place
        FROM iterable__experiments GROUP BY 1, 2
    )
    SELECT variants.source_relation AS project, campaigns.message_medium AS channel, variants.experiment_id AS id,
        variants.experiment_name AS name, variants.status, CAST(variants.started_at AS DATE) AS started,
        coalesce(variants.variant_name, CAST(variants.variant_id AS VARCHAR)) AS variant,
        CASE WHEN variants.is_winner THEN 'winner' WHEN variants.is_control THEN 'control' END AS role,
        variants.sent, variants.unique_open_rate, variants.unique_click_rate, variants.unique_click_to_open_rate,
        variants.unsubscribe_rate
    FROM iterable__experiments AS variants
    INNER JOIN newest
        ON newest.source_relation = variants.source_relation AND newest.experiment_id = variants.experiment_id
    LEFT JOIN iterable__campaigns AS campaigns
        ON campaigns.source_relation = variants.source_relation AND campaigns.campaign_id = variants.campaign_id
    WHERE newest.place <= {most}
    ORDER BY newest.place, 1, 3, variants.variant_id
    """


_RECONCILED = """
iterable__metric_reconciliation AS compared
LEFT JOIN iterable__campaigns AS campaigns
    ON campaigns.source_relation = compared.source_relation AND campaigns.campaign_id = compared.campaign_id
"""

# How many of our figures are Iterable's: whether compared, whether equal, and why not.
COMPARED = f"""
SELECT compared.source_relation AS project, campaigns.message_medium AS channel,
    not_comparable_because IS NULL AS is_compared,
    not_comparable_because IS NULL AND likely_reason IS NULL AS is_equal,
    coalesce(not_comparable_because, likely_reason) AS reason, count(*) AS figures
FROM {_RECONCILED} GROUP BY 1, 2, 3, 4, 5 ORDER BY 6 DESC, 1, 2, 5
"""

DIFFERENT = f"""
SELECT project, channel, id, name, figure, ours, iterables, likely_reason
FROM (
    SELECT compared.source_relation AS project, campaigns.message_medium AS channel, compared.campaign_id AS id,
        campaigns.campaign_name AS name,
        iterable_metric || CASE WHEN report = 'campaigns_metrics_daily' THEN ' (by day)' ELSE '' END AS figure,
        ours, iterables, likely_reason, abs(difference) AS size,
        row_number() OVER (
            PARTITION BY compared.source_relation, campaigns.message_medium
            ORDER BY abs(difference) DESC, compared.campaign_id, iterable_metric
        ) AS place
    FROM {_RECONCILED} WHERE likely_reason IS NOT NULL
) AS ranked
WHERE place <= {MOST_DIFFERENCES} ORDER BY size DESC, 1, 3, 5
"""
