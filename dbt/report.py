"""Writes one HTML file of charts from the models: `make report DATABASE=iterable.duckdb`.

The file contains everything, including the chart library, so it needs no server and no network. A table below each chart has
its numbers, for screen readers and for copying.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date, datetime, timedelta
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import altair as alt
import duckdb
import psycopg2
import vl_convert
from database import DATABASE, SCHEMA, NoDatabase, connect

Row = dict[str, Any]
TEMPLATE = Path(__file__).with_name("report.html")
# Most rows in a table below a chart.
MOST_ROWS = 200
# Up to how many days an axis names each day, a line has points, and a chart has a point per day instead of per week.
MOST_DAYS_NAMED = 15
MOST_DAYS_WITH_POINTS = 60
MOST_DAYS = 180


# In front of names, where several projects share the tables.
PROJECT = "CASE WHEN source_relation = '' THEN '' ELSE source_relation || ': ' END"


Draw = Callable[[alt.Data], alt.Chart]


class Chart(NamedTuple):
    """A chart: what it shows, in a sentence or two, and the query for its rows. Rows by day are (day, what, number)."""

    name: str
    title: str
    about: str
    query: str
    draw: Draw
    # Whether the numbers are counts per day, so that a day without a row has 0. Otherwise they are sizes at a time.
    adds_up: bool = True


def _lines(y: str, y_title: str, color: str, order: Sequence[str] | None = None) -> Draw:
    """A line over days or weeks (UTC) for each value of `color`, in the given order."""

    def draw(data: alt.Data) -> alt.Chart:
        days = len({row["day"] for row in data.values})
        axis = alt.Axis(format="%-d %b", tickCount="day") if days < MOST_DAYS_NAMED else alt.Axis(format="%-d %b %Y")
        # As the domain of the scale, not as `sort`, which Vega-Lite turns into an expression: a name may break that.
        names = alt.Scale(domain=list(order or sorted({row[color] for row in data.values})))
        return (
            alt.Chart(data)
            .mark_line(point=days < MOST_DAYS_WITH_POINTS)
            .encode(
                # In UTC: in a time zone west of it, a day would appear as the one before.
                x=alt.X("day:T", title="Day (UTC)", scale=alt.Scale(type="utc"), axis=axis),
                y=alt.Y(f"{y}:Q", title=y_title),
                color=alt.Color(f"{color}:N", title=None, scale=names),
                strokeDash=alt.StrokeDash(f"{color}:N", title=None, scale=names),
                tooltip=[alt.Tooltip("day:N", title="Day"), f"{color}:N", alt.Tooltip(f"{y}:Q", format=",d")],
            )
        )

    return draw


def _bars(y: str, x: str, x_title: str, number: str, color: str | None = None, order: Sequence[str] = ()) -> Draw:
    """Bars in the order of their rows; `color` names a column with several bars each, in the given order."""

    def draw(data: alt.Data) -> alt.Chart:
        told = [f"{y}:N", *([f"{color}:N"] if color else []), alt.Tooltip(f"{x}:Q", format=number)]
        chart = (
            alt.Chart(data)
            .mark_bar()
            .encode(
                y=alt.Y(f"{y}:N", sort=None, title=None),
                x=alt.X(f"{x}:Q", title=x_title, axis=alt.Axis(format=number.replace(".1%", "%"), labelSeparation=8)),
                tooltip=told,
            )
        )
        if not color:
            return chart
        return chart.encode(
            yOffset=alt.YOffset(f"{color}:N", sort=list(order)),
            color=alt.Color(f"{color}:N", sort=list(order), title=None),
        )

    return draw


def _by_channel(what: str, about: str, condition: str) -> Chart:
    return Chart(
        what,
        f"Messages {what} by channel",
        about,
        f"""
        SELECT sent_on AS day, message_medium AS channel, sum(CASE WHEN {condition} THEN 1 ELSE 0 END) AS messages
        FROM iterable__messages WHERE sent_on IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2
        """,
        _lines("messages", "Messages", "channel"),
    )


CHARTS = [
    Chart(
        "activity",
        "Sends, opens and clicks by day",
        "Messages of all channels by the day on which they were sent, and how many of them a person opened or clicked. Bots "
        "and mail proxies do not count.",
        """
        SELECT sent_on AS day, what, count(*) AS messages
        FROM (
            SELECT sent_on, 'sent' AS what FROM iterable__messages
            UNION ALL SELECT sent_on, 'opened' FROM iterable__messages WHERE opened_count > 0
            UNION ALL SELECT sent_on, 'clicked' FROM iterable__messages WHERE clicked_count > 0
        ) AS messages
        WHERE sent_on IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2
        """,
        _lines("messages", "Messages", "what", ("sent", "opened", "clicked")),
    ),
    _by_channel("sent", "By the day on which they were sent.", "TRUE"),
    _by_channel("opened", "Messages that a person opened, by the day on which they were sent.", "opened_count > 0"),
    _by_channel("clicked", "Messages that a person clicked, by the day on which they were sent.", "clicked_count > 0"),
    Chart(
        "campaigns",
        "Open and click rates of campaigns",
        "Share of delivered messages that a person opened or clicked, for the fifteen campaigns that sent the most.",
        f"""
        WITH shown AS (
            SELECT {PROJECT} || CAST(campaign_id AS VARCHAR) || ' ' || coalesce(campaign_name, '') AS campaign, *
            FROM iterable__campaign_performance WHERE delivered > 0 ORDER BY sent DESC, campaign_id, source_relation LIMIT 15
        )
        SELECT campaign, what, rate, sent, delivered
        FROM shown CROSS JOIN LATERAL (VALUES ('opened', open_rate), ('clicked', click_rate)) AS rates(what, rate)
        ORDER BY sent DESC, campaign_id, source_relation, what DESC
        """,
        _bars("campaign", "rate", "Rate", ".1%", "what", ("opened", "clicked")),
    ),
    Chart(
        "journeys",
        "How far users get in journeys",
        "For the eight journeys with the most users: users with any event of the journey, users who were sent a message, "
        "opened one, clicked one, and made a purchase.",
        f"""
        WITH shown AS (
            SELECT {PROJECT} || CAST(workflow_id AS VARCHAR) || ' ' || coalesce(workflow_name, '') AS journey, *
            FROM iterable__journey_funnel ORDER BY users_entered DESC, workflow_id, source_relation LIMIT 8
        )
        SELECT journey, step, users
        FROM shown CROSS JOIN LATERAL (VALUES
            (1, 'entered', users_entered), (2, 'messaged', users_messaged), (3, 'opened', users_opened),
            (4, 'clicked', users_clicked), (5, 'purchased', users_purchased)
        ) AS steps(nth, step, users)
        ORDER BY users_entered DESC, workflow_id, source_relation, nth
        """,
        _bars("journey", "users", "Users", ",d", "step", ("entered", "messaged", "opened", "clicked", "purchased")),
    ),
    Chart(
        "lists",
        "List sizes by day",
        "The ten largest lists. This chart needs the stream list_sizes, which counts each list once a day.",
        f"""
        SELECT counted_on AS day, {PROJECT} || CAST(list_id AS VARCHAR) || ' ' || coalesce(list_name, '') AS list, size
        FROM iterable__list_growth
        WHERE (source_relation, list_id) IN (
            SELECT source_relation, list_id FROM iterable__list_growth GROUP BY 1, 2 ORDER BY max(size) DESC, 1, 2 LIMIT 10
        )
        ORDER BY 1, 2
        """,
        _lines("size", "Users", "list"),
        adds_up=False,
    ),
    Chart(
        "deliverability",
        "Bounces by domain",
        "Share of sent emails that bounced, for the ten domains that received the most email.",
        """
        SELECT domain, CAST(sum(bounced) AS DOUBLE PRECISION) / sum(sent) AS bounce_rate, sum(sent) AS sent,
            sum(bounced) AS bounced, sum(complained) AS complained
        FROM iterable__deliverability GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT 10
        """,
        _bars("domain", "bounce_rate", "Bounce rate", ".1%"),
    ),
    Chart(
        "late",
        "Events stored late",
        "Events by the day on which they happened, and how long afterwards Iterable stored them. Only events whose metadata "
        "contains that time.",
        """
        SELECT created_on AS day,
            CASE
                WHEN stored_at < created_at + INTERVAL '1 hour' THEN 'within an hour'
                WHEN stored_at < created_at + INTERVAL '1 day' THEN 'within a day'
                ELSE 'later'
            END AS stored,
            count(*) AS events
        FROM iterable__events
        -- Without events from devices with a wrong clock.
        CROSS JOIN (SELECT CAST(max(stored_at) AS DATE) AS newest FROM iterable__events) AS last
        WHERE stored_at IS NOT NULL AND created_on BETWEEN newest - 730 AND newest
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
        _lines("events", "Events", "stored", ("within an hour", "within a day", "later")),
    ),
]


def main() -> int:
    """Read the models and write the page. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", **DATABASE)
    parser.add_argument("--schema", default=SCHEMA, help="where the models are")
    parser.add_argument("--output", type=Path, default=Path("report.html"))
    options = parser.parse_args()
    try:
        text = page(_read(options.database, options.schema))
        options.output.touch(0o600)
        options.output.write_text(text, encoding="utf-8")
    except NoDatabase as error:
        print(error, file=sys.stderr)
    except (duckdb.Error, psycopg2.Error) as error:
        print(f"There are no models: run make models first. {str(error).strip()}", file=sys.stderr)
    except OSError as error:
        print(f"{options.output} cannot be written: {error.strerror}", file=sys.stderr)
    else:
        print(f"The report: {options.output.resolve()}")
        return 0
    return 1


def page(shown: Sequence[tuple[Chart, list[Row]]]) -> str:
    """The page with these charts and their rows."""
    specs = {chart.name: _spec(chart, rows) for chart, rows in shown if rows}
    fill = {
        "LIBRARY": vl_convert.javascript_bundle(),
        # The name of a campaign must not end the script.
        "SPECS": json.dumps(specs).replace("<", "\\u003c"),
        "SECTIONS": "\n".join(_section(chart, rows) for chart, rows in shown),
        "MADE": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
    }
    return re.sub(f"%({'|'.join(fill)})%", lambda found: fill[found[1]], TEMPLATE.read_text(encoding="utf-8"))


def _read(database: str, schema: str) -> list[tuple[Chart, list[Row]]]:
    """Each chart with its rows. The SQL runs on both engines."""
    found = []
    with closing(connect(database)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("SET search_path = '{}'".format(schema.replace("'", "''")))
        for chart in CHARTS:
            cursor.execute(chart.query)
            names = [column[0] for column in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            if names[0] == "day":
                rows = _by_day(rows, chart.adds_up)
            found.append((chart, [{name: _plain(value) for name, value in row.items()} for row in rows]))
    return found


def _by_day(rows: list[Row], adds_up: bool) -> list[Row]:
    """Rows of (day, what, number) in order, one per week, at its Monday, if there are many days."""
    if not rows:
        return rows
    day, what, number = rows[0]
    first, last = min(row[day] for row in rows), max(row[day] for row in rows)
    by_week = (last - first).days > MOST_DAYS
    found: dict[tuple[date, str], Any] = {}
    if adds_up:
        # Without a row of 0 for an empty day, the line would go straight from the day before to the day after.
        days = [first + timedelta(days=each) for each in range((last - first).days + 1)]
        names = {row[what] for row in rows}
        found = {(_monday(each) if by_week else each, name): 0 for each in days for name in names}
    for row in sorted(rows, key=lambda row: row[day]):
        place = (_monday(row[day]) if by_week else row[day], row[what])
        found[place] = found[place] + row[number] if adds_up else row[number]
    return [{day: when, what: name, number: value} for (when, name), value in sorted(found.items())]


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _plain(value: Any) -> Any:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


def _spec(chart: Chart, rows: list[Row]) -> dict[str, Any]:
    spec: dict[str, Any] = chart.draw(alt.Data(values=rows)).properties(width="container", height=300).to_dict()
    if spec["mark"]["type"] == "bar":
        spec["height"] = 20 * len(rows) + 40
    return spec


def _section(chart: Chart, rows: list[Row]) -> str:
    content = '<p class="nothing">There is nothing to show: the streams for this chart have no rows.</p>'
    if rows:
        label = escape(f"{chart.title}. {chart.about} The numbers are in the table below.")
        content = f'<div class="chart" id="{chart.name}" role="img" aria-label="{label}"></div>{_table(chart, rows)}'
    return (
        f'<section aria-labelledby="{chart.name}-title"><h2 id="{chart.name}-title">{escape(chart.title)}</h2>'
        f"<p>{escape(chart.about)}</p>{content}</section>"
    )


def _table(chart: Chart, rows: list[Row]) -> str:
    head = "".join(f'<th scope="col">{escape(name.replace("_", " "))}</th>' for name in rows[0])
    newest_first = rows[::-1] if "day" in rows[0] else rows
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(_shown(cell))}</td>' for cell in row.values())}</tr>"
        for row in newest_first[:MOST_ROWS]
    )
    more = f"<p>{len(rows) - MOST_ROWS:,} older rows are not shown.</p>" if len(rows) > MOST_ROWS else ""
    return (
        f"<details><summary>Show the numbers as a table</summary><div class='table'><table>"
        f"<caption>{escape(chart.title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{more}</details>"
    )


def _shown(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and not cell.is_integer():
        return f"{cell:.3f}"
    return f"{cell:,.0f}" if isinstance(cell, (int, float)) else str(cell)


if __name__ == "__main__":
    sys.exit(main())
