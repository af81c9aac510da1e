"""Ten questions to the tables of one project, each with its SQL and a chart: a marimo notebook to start your own from.

It reads a DuckDB file written by `source-iterable load`, and writes nothing.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Questions to Iterable")


@app.cell
def _():
    from pathlib import Path

    import altair as alt
    import duckdb
    import marimo as mo

    file = Path(mo.cli_args().get("database") or "demo/iterable.duckdb")
    database = duckdb.connect(str(file), read_only=True).execute(f"SET TimeZone = 'UTC'; USE \"{file.stem}\".iterable")
    return alt, database, file, mo


@app.cell(hide_code=True)
def _(file, mo):
    mo.md(f"""
    # Questions to Iterable

    The tables of `{file}`, with days and hours in UTC. Change any SQL, or add a cell: the charts follow. docs/columns.md
    describes the columns. A question whose stream was not loaded says that its table does not exist.
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## 1. How many messages are sent each day?
    """)
    return


@app.cell
def _(database, mo):
    sent_by_day = mo.sql(
        """
        SELECT created_at::DATE AS day, channel, count(*) AS sent
        FROM (
            SELECT created_at, 'email' AS channel FROM email_send
            UNION ALL SELECT created_at, 'push' FROM push_send
            UNION ALL SELECT created_at, 'in-app' FROM in_app_send
            UNION ALL SELECT created_at, 'SMS' FROM sms_send
        )
        GROUP BY ALL ORDER BY day, channel
        """,
        engine=database,
    )
    return (sent_by_day,)


@app.cell(hide_code=True)
def _(alt, sent_by_day):
    alt.Chart(sent_by_day).mark_line(point=True).encode(
        x=alt.X("day:T", title=None), y="sent:Q", color="channel:N", tooltip=["day:T", "channel", "sent"]
    ).properties(width="container")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## 2. Which email campaigns do most people open?

    As Iterable's unique opens: each person once a campaign, without bots and mail proxies.
    """)
    return


@app.cell
def _(database, mo):
    opens_by_campaign = mo.sql(
        """
        SELECT coalesce(campaigns.name, 'campaign') || ' (' || sends.campaign_id || ')' AS campaign,
            sends.sent, coalesce(opens.people, 0) AS opened, coalesce(opens.people, 0) / sends.sent AS share
        FROM (SELECT campaign_id, count(*) AS sent FROM email_send GROUP BY ALL) AS sends
        LEFT JOIN (
            -- Some events have only the ID of a user.
            SELECT campaign_id, count(DISTINCT coalesce(email_open.email, known.email, itbl_user_id, message_id)) AS people
            FROM email_open LEFT JOIN (SELECT itbl_user_id, min(email) AS email FROM users GROUP BY ALL) AS known
                USING (itbl_user_id)
            WHERE is_bot IS NOT TRUE AND proxy_source IS NULL GROUP BY ALL
        ) AS opens USING (campaign_id)
        LEFT JOIN campaigns ON campaigns.id = sends.campaign_id
        WHERE sends.sent >= 20 ORDER BY share DESC, campaign LIMIT 15
        """,
        engine=database,
    )
    return (opens_by_campaign,)


@app.cell(hide_code=True)
def _(alt, opens_by_campaign):
    alt.Chart(opens_by_campaign).mark_bar().encode(
        x=alt.X("share:Q", title="opened, of sent", axis=alt.Axis(format="%")),
        y=alt.Y("campaign:N", title=None, sort="-x", axis=alt.Axis(labelLimit=300)),
        tooltip=["campaign", "sent", "opened", alt.Tooltip("share:Q", format=".1%")],
    ).properties(width="container")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## 3. When do people open emails?
    """)
    return


@app.cell
def _(database, mo):
    opens_by_hour = mo.sql(
        """
        SELECT isodow(created_at) AS weekday, dayname(created_at) AS name, hour(created_at) AS hour, count(*) AS opens
        FROM email_open WHERE is_bot IS NOT TRUE AND proxy_source IS NULL
        GROUP BY ALL ORDER BY weekday, hour
        """,
        engine=database,
    )
    return (opens_by_hour,)


@app.cell(hide_code=True)
def _(alt, opens_by_hour):
    alt.Chart(opens_by_hour).mark_rect().encode(
        x=alt.X("hour:O", title="hour (UTC)", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("name:N", title=None, sort=alt.EncodingSortField("weekday", op="min")),
        color="opens:Q",
        tooltip=["name", "hour", "opens"],
    ).properties(width="container")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## 4. How soon after sending is an email opened for the first time?
    """)
    return


@app.cell
def _(database, mo):
    opens_by_delay = mo.sql(
        """
        SELECT date_diff('hour', sends.sent_at, opens.opened_at) AS hours, count(*) AS messages
        FROM (SELECT message_id, min(created_at) AS sent_at FROM email_send GROUP BY ALL) AS sends
        INNER JOIN (
            SELECT message_id, min(created_at) AS opened_at
            FROM email_open WHERE is_bot IS NOT TRUE AND proxy_source IS NULL GROUP BY ALL
        ) AS opens USING (message_id)
        WHERE opens.opened_at >= sends.sent_at AND hours < 72
        GROUP BY ALL ORDER BY hours
        """,
        engine=database,
    )
    return (opens_by_delay,)


@app.cell(hide_code=True)
def _(alt, opens_by_delay):
    alt.Chart(opens_by_delay).mark_bar().encode(
        x=alt.X("hours:Q", title="hours after sending"), y="messages:Q", tooltip=["hours", "messages"]
    ).properties(width="container")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## 5. Which links are clicked?

    Without what follows a question mark, which often differs by person.
    """)
    return


@app.cell
def _(database, mo):
    clicks_by_link = mo.sql(
        """
        SELECT split_part(coalesce(url, clicked_url, link_url, 'not told'), '?', 1) AS link, count(*) AS clicks,
            count(DISTINCT coalesce(email, itbl_user_id)) AS people
        FROM email_click WHERE is_bot IS NOT TRUE AND proxy_source IS NULL
        GROUP BY ALL ORDER BY clicks DESC, link LIMIT 15
        """,
        engine=database,
    )
    return (clicks_by_link,)


@app.cell(hide_code=True)
def _(alt, clicks_by_link):
    alt.Chart(clicks_by_link).mark_bar().encode(
        x="clicks:Q",
        y=alt.Y("link:N", title=None, sort="-x", axis=alt.Axis(labelLimit=300)),
        tooltip=["link", "clicks", "people"],
    ).properties(width="container")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## 6. Which mail domains bounce?
    """)
    return


@app.cell
def _(database, mo):
    bounces_by_domain = mo.sql(
        """
        WITH sends AS (
            SELECT message_id, lower(split_part(min(email), '@', 2)) AS domain FROM email_send GROUP BY ALL
        ),
        bounces AS (
            SELECT message_id, CASE WHEN bool_or(recipient_state = 'HardBounce') THEN 'hard' ELSE 'soft' END AS kind
            FROM email_bounce GROUP BY ALL
        ),
        domains AS (SELECT domain, count(*) AS sent FROM sends GROUP BY ALL ORDER BY sent DESC, domain LIMIT 15)
        SELECT domain, kind, count(*) AS messages, count(*) / any_value(sent) AS share
        FROM domains INNER JOIN sends USING (domain) INNER JOIN bounces USING (message_id)
        GROUP BY ALL ORDER BY messages DESC, domain, kind
        """,
        engine=database,
    )
    return (bounces_by_domain,)


@app.cell(hide_code=True)
def _(alt, bounces_by_domain):
    alt.Chart(bounces_by_domain).mark_bar().encode(
        x=alt.X("share:Q", title="bounced, of sent", axis=alt.Axis(format="%")),
        y=alt.Y("domain:N", title=None, sort="-x"),
        color="kind:N",
        tooltip=["domain", "kind", "messages", alt.Tooltip("share:Q", format=".1%")],
    ).properties(width="container")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## 7. Why are emails not sent?
    """)
    return


@app.cell
def _(database, mo):
    skips_by_reason = mo.sql(
        """
        SELECT coalesce(reason, 'not told') AS reason, count(*) AS emails
        FROM email_send_skip GROUP BY ALL ORDER BY emails DESC, reason
        """,
        engine=database,
    )
    return (skips_by_reason,)


@app.cell(hide_code=True)
def _(alt, skips_by_reason):
    alt.Chart(skips_by_reason).mark_bar().encode(
        x="emails:Q", y=alt.Y("reason:N", title=None, sort="-x"), tooltip=["reason", "emails"]
    ).properties(width="container")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## 8. Which campaigns bring revenue?
    """)
    return


@app.cell
def _(database, mo):
    revenue_by_campaign = mo.sql(
        """
        SELECT coalesce(campaigns.name || ' (' || campaigns.id || ')', 'no campaign') AS campaign,
            count(*) AS purchases, sum(total) AS revenue
        FROM purchase LEFT JOIN campaigns ON campaigns.id = purchase.campaign_id
        GROUP BY ALL ORDER BY revenue DESC, campaign LIMIT 15
        """,
        engine=database,
    )
    return (revenue_by_campaign,)


@app.cell(hide_code=True)
def _(alt, revenue_by_campaign):
    alt.Chart(revenue_by_campaign).mark_bar().encode(
        x="revenue:Q",
        y=alt.Y("campaign:N", title=None, sort="-x", axis=alt.Axis(labelLimit=300)),
        tooltip=["campaign", "purchases", alt.Tooltip("revenue:Q", format=",.2f")],
    ).properties(width="container")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## 9. How many users sign up each week?
    """)
    return


@app.cell
def _(database, mo):
    users_by_week = mo.sql(
        """
        SELECT date_trunc('week', signup_date)::DATE AS week, count(*) AS users
        FROM users WHERE signup_date IS NOT NULL GROUP BY ALL ORDER BY week
        """,
        engine=database,
    )
    return (users_by_week,)


@app.cell(hide_code=True)
def _(alt, users_by_week):
    alt.Chart(users_by_week).mark_bar().encode(
        x=alt.X("week:T", title=None), y="users:Q", tooltip=["week:T", "users"]
    ).properties(width="container")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## 10. Do people who signed up long ago still open emails?

    By month of signing up: of all who were sent an email, those who opened one.
    """)
    return


@app.cell
def _(database, mo):
    opened_by_age = mo.sql(
        """
        SELECT date_trunc('month', users.signup_date)::DATE AS signed_up, count(*) AS people,
            count(*) FILTER (opens.email IS NOT NULL) / count(*) AS share
        FROM (SELECT DISTINCT email FROM email_send) AS sends
        INNER JOIN users USING (email)
        LEFT JOIN (
            SELECT DISTINCT email FROM email_open WHERE is_bot IS NOT TRUE AND proxy_source IS NULL
        ) AS opens USING (email)
        WHERE users.signup_date IS NOT NULL GROUP BY ALL ORDER BY signed_up
        """,
        engine=database,
    )
    return (opened_by_age,)


@app.cell(hide_code=True)
def _(alt, opened_by_age):
    alt.Chart(opened_by_age).mark_bar().encode(
        x=alt.X("signed_up:T", title="month of signing up"),
        y=alt.Y("share:Q", title="opened an email", axis=alt.Axis(format="%")),
        tooltip=["signed_up:T", "people", alt.Tooltip("share:Q", format=".1%")],
    ).properties(width="container")
    return


if __name__ == "__main__":
    app.run()
