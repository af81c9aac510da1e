-- A model of one's own, on those of the package.
SELECT sent_on, message_medium, sum(sent) AS sent, sum(bounced) AS bounced
FROM {{ ref('source_iterable', 'iterable__campaign_performance_daily') }}
GROUP BY sent_on, message_medium
