"""What the streams outside the export API must hold, from the sandbox's truth, and whether records are exactly that."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, datetime, timedelta, timezone
from typing import Any

from jsonschema import Draft7Validator, FormatChecker

from integration_tests.connector import catalog_for, config_for
from integration_tests.sandbox import Sandbox
from source_iterable.config import Config
from source_iterable.records.schemas import load_schema
from source_iterable.records.timestamps import rfc3339
from source_iterable.streams.daily_metrics import columns
from source_iterable.streams.table import STREAMS

Record = dict[str, Any]
# Streams of reports, whose records hold the columns of those under `data`.
METRICS = ("campaigns_metrics", "campaigns_metrics_daily", "experiments_metrics")


def truth(sandbox: Sandbox, name: str, config: Config | None = None) -> list[Record]:
    """The stream's expected records, with the dates of a configuration, by default those of config_for."""
    schema = load_schema(name)["properties"]
    things = _things(sandbox, name, config or Config.parse(config_for(sandbox)))
    return [_with_data(thing, schema) if "data" in schema and name not in METRICS else thing for thing in things]


def _with_data(thing: Record, schema: Record) -> Record:
    """A record: declared columns that a value fits, times in one form, and all else under `data`."""
    times = {name for name, column in schema.items() if column.get("format") == "date-time"}
    thing = {name: (name in times and rfc3339(value)) or value for name, value in thing.items()}
    columns = {name: value for name, value in thing.items() if name in schema and name != "data"}
    fits = {name: value for name, value in columns.items() if Draft7Validator(schema[name]).is_valid(value)}
    return {**fits, "data": {name: value for name, value in thing.items() if name not in fits}}


def _things(sandbox: Sandbox, name: str, config: Config) -> list[Record]:
    if name == "campaigns_metrics":
        rows = [
            {column: number(cell) for column, cell in row.items()} for row in sandbox.metrics(config.start_date[:10])
        ]
        return [{"id": row["id"], "data": row} for row in rows]
    if name == "campaigns_metrics_daily":
        return days_of_metrics(sandbox, config)
    if name == "experiments_metrics":
        rows = [
            {column: number(cell) for column, cell in row.items() if cell}
            for row in sandbox.experiments_metrics(config.start_date[:10])
        ]
        names = {"campaignId": "Campaign ID", "experimentId": "Experiment ID", "templateId": "Template ID"}
        return [{**{column: row[named] for column, named in names.items()}, "data": row} for row in rows]
    things = sandbox.truth_list(name)
    if name == "templates":
        kinds = sandbox.core.world.template_kinds
        return [
            {
                **thing,
                "createdAt": rfc3339(thing["createdAt"]),
                "templateType": kinds[thing["templateId"]][0],
                "messageMedium": kinds[thing["templateId"]][1],
            }
            for thing in things
        ]
    if name == "template_contents":
        embedded = [each for each in sandbox.truth_list("campaigns") if each["messageMedium"] == "Embedded"]
        parents = {each["templateId"]: {"createdAt": None, "updatedAt": each["updatedAt"]} for each in embedded}
        parents |= {thing["templateId"]: thing for thing in sandbox.truth_list("templates")}
        return [
            {
                **thing,
                "createdAt": rfc3339(parents[thing["templateId"]]["createdAt"]),
                "updatedAt": parents[thing["templateId"]]["updatedAt"],
            }
            for thing in things
        ]
    if name == "template_locales":
        # Of those without a clientTemplateId nobody tells the locales.
        known = {thing["templateId"]: thing for thing in sandbox.truth_list("templates") if "clientTemplateId" in thing}
        return [
            {
                **thing,
                "createdAt": rfc3339(known[thing["templateId"]]["createdAt"]),
                "updatedAt": known[thing["templateId"]]["updatedAt"],
            }
            for thing in things
            if thing["templateId"] in known
        ]
    if name == "experiments":
        named = [{**thing, "name": thing["meta"]["name"]} for thing in things]
        return [{**thing, "campaignId": thing["meta"]["campaignId"]} for thing in named]
    if name == "experiment_variants":
        return [
            {
                **{column: value for column, value in thing.items() if column != "currentPercentage"},
                "percentage": thing["currentPercentage"],
                "templateId": thing["value"]["templateId"],
            }
            for thing in things
        ]
    if name == "experiment_trends":
        return [each for each in things if is_read(each["time"], config)]
    if name == "list_sizes":
        return [{"date": sandbox.now().date().isoformat(), **thing} for thing in things]
    if name == "webhooks":
        return [
            {field: value for field, value in thing.items() if field not in ("authToken", "headers")}
            for thing in things
        ]
    return things


def days_of_metrics(sandbox: Sandbox, config: Config) -> list[Record]:
    """The rows of every day for the campaigns that could have done anything on it."""
    last = sandbox.now().date()
    day = max(date.fromisoformat(config.start_date[:10]), last - timedelta(days=config.metrics_days - 1))
    records = []
    while day <= last:
        asked = {thing["id"] for thing in sandbox.truth_list("campaigns") if is_active(thing, day)}
        for row in sandbox.metrics(day.isoformat(), (day + timedelta(days=1)).isoformat()):
            data = {column: number(cell) for column, cell in row.items() if column != "id"}
            if int(row["id"]) in asked:
                key = {"campaignId": int(row["id"]), "date": day.isoformat()}
                records.append({**key, **columns(data), "data": data})
        day += timedelta(days=1)
    return records


def is_read(time: str, config: Config) -> bool:
    """Whether a time is between the dates of a configuration."""
    start, end = rfc3339(config.start_date), rfc3339(config.end_date)
    return (start or "") <= (rfc3339(time) or "") < (end or "~")


def is_active(campaign: Record, day: date) -> bool:
    """Whether a campaign was made by this day or the next, and goes on or had not ended 30 days before."""
    times = [campaign[name] for name in ("startAt", "createdAt", "updatedAt") if name in campaign]
    made, ended = (
        datetime.fromtimestamp(each / 1000, timezone.utc).date()
        for each in (campaign["createdAt"], campaign.get("endedAt", max(times)))
    )
    goes_on = campaign["campaignState"] in ("Recurring", "Running") or campaign["type"] == "Triggered"
    sent = campaign["campaignState"] not in ("Draft", "Scheduled")
    return sent and day >= made - timedelta(days=1) and (goes_on or day <= ended + timedelta(days=30))


def number(cell: str) -> Any:
    try:
        return int(cell)
    except ValueError:
        try:
            return float(cell)
        except ValueError:
            return cell


def uncounted(records: list[Record]) -> list[Record]:
    """The records without when their metrics were requested, which depends on the machine."""
    return [{name: value for name, value in record.items() if name != "countedAt"} for record in records]


def in_any_order(records: list[Record]) -> list[str]:
    return sorted(json.dumps(record, sort_keys=True) for record in records)


def assert_exact(name: str, records: list[Record], expected: list[Record], config: Record) -> None:
    assert in_any_order(uncounted(records)) == in_any_order(expected)
    (configured,) = catalog_for(config, [name])["streams"]
    validator = Draft7Validator(configured["stream"]["json_schema"], format_checker=FormatChecker())
    for record in records:
        validator.validate(record)
    key = STREAMS[name].primary_key
    keys = Counter(tuple(record[column] for column in key) for record in records)
    assert not key or max(keys.values()) == 1
