"""A small API that answers well: a few records a stream, each with a known key."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from integration_tests.hostile.server import Request

Record = dict[str, Any]
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
# Seconds of the period that is exported, an event in each.
SECONDS = 4
END = START + timedelta(seconds=SECONDS)
BYSTANDER = "message_types"
MANY = 2000


@dataclass(frozen=True)
class Kind:
    """A kind of stream: the endpoint that is spoilt, the form of its response, and the keys of its records."""

    stream: str
    path: str
    # json, csv, users (a line each), lines (JSON lines) or number.
    form: str
    good: frozenset[str]
    key: Callable[[Record], str]
    options: Record = field(default_factory=dict)
    # Of a list in JSON: the field that holds the items, and the field of an item that identifies it.
    items: str = ""
    item_id: str = ""


def _column(name: str) -> Callable[[Record], str]:
    return lambda record: str(record[name])


KEYS = frozenset({"1", "2"})
EVENTS = frozenset(f"e{second}" for second in range(SECONDS))
STREAMING, JOBS = {"export_method": "streaming"}, {"export_method": "jobs"}
MEMBERS = {1: ["ada@example.com", "bob@example.com"], 2: ["bob@example.com", "eve@example.com"]}

KINDS = {
    "list": Kind("channels", "channels", "json", KEYS, _column("id"), items="channels", item_id="id"),
    "pages": Kind("campaigns", "campaigns", "json", KEYS, _column("id"), items="campaigns", item_id="id"),
    "report": Kind("campaigns_metrics", "campaigns/metrics", "csv", KEYS, _column("id")),
    "days": Kind("campaigns_metrics_daily", "campaigns/metrics", "csv", KEYS, _column("campaignId")),
    "experiments": Kind("experiments", "experiments", "json", KEYS, _column("id"), items="experiments", item_id="id"),
    "experiment": Kind("experiments", "experiments/2", "json", KEYS, _column("id")),
    "totals": Kind("experiment_variants", "experiments/2/totals", "json", KEYS, _column("experimentId")),
    "trends": Kind("experiment_trends", "experiments/2/trends", "json", KEYS, _column("experimentId")),
    "children": Kind(
        "catalog_items",
        "catalogs/shops/items",
        "json",
        KEYS,
        _column("itemId"),
        items="catalogItemsWithProperties",
        item_id="itemId",
    ),
    "markers": Kind(
        "metadata_entries", "metadata/colors", "json", KEYS, _column("key"), items="results", item_id="key"
    ),
    "entry": Kind("metadata_entries", "metadata/colors/2", "json", KEYS, _column("key")),
    "fields": Kind("user_fields", "users/getFields", "json", KEYS, _column("name"), items="userFields", item_id="name"),
    "members": Kind(
        "list_users",
        "lists/getUsers",
        "users",
        frozenset(f"{number} {user}" for number, users in MEMBERS.items() for user in users),
        lambda record: f"{record['listId']} {record['userIdentifier']}",
    ),
    "sizes": Kind("list_sizes", "lists/1/size", "number", KEYS, _column("listId")),
    "history": Kind(
        "events",
        "export/userEvents",
        "lines",
        frozenset(f"{user} 1" for users in MEMBERS.values() for user in users),
        lambda record: f"{record['email']} {record['data']['n']}",
    ),
    "stream": Kind("email_send", "export/data.json", "lines", EVENTS, _column("messageId"), STREAMING),
    "start": Kind("email_send", "export/start", "json", EVENTS, _column("messageId"), JOBS),
    "files": Kind("email_send", "export/7/files", "json", EVENTS, _column("messageId"), JOBS),
    "file": Kind("email_send", "files/f1", "lines", EVENTS, _column("messageId"), JOBS),
}


class GoodApi:
    """What a well-behaved server returns. `listings` counts the requests for the list of a job's files."""

    def __init__(self) -> None:
        self.base_url = ""
        self.listings = 0
        self._window: tuple[datetime, datetime] = (START, END)

    def body(self, request: Request) -> bytes | None:
        """The body of the response, None where there is nothing."""
        answer = self._answers().get(request.path)
        if answer is None:
            return None
        value = answer(request)
        return value if isinstance(value, bytes) else json.dumps(value).encode()

    def _answers(self) -> dict[str, Callable[[Request], Any]]:
        return {
            "channels": lambda _: {"channels": items("id")},
            "messageTypes": lambda _: {"messageTypes": items("id")},
            "campaigns": lambda _: {
                "campaigns": [{**each, "updatedAt": 5, "campaignState": "Finished"} for each in items("id")]
            },
            "campaigns/metrics": lambda _: b"id,Total Email Sends\n1,10\n2,20\n",
            "experiments": lambda _: {"experiments": items("id"), "totalCount": 2},
            **{f"experiments/{each}": _experiment(each) for each in "12"},
            **{f"experiments/{each}/variants": _experiment(each) for each in "12"},
            **{f"experiments/{each}/totals": _experiment(each) for each in "12"},
            **{f"experiments/{each}/trends": _trends(each) for each in "12"},
            "catalogs": lambda _: {"catalogNames": [{"name": "shops"}]},
            "catalogs/shops/items": lambda _: {"catalogItemsWithProperties": [{"itemId": each} for each in "12"]},
            "metadata": lambda _: {"results": [{"name": "colors"}]},
            "metadata/colors": lambda _: {"results": [{"key": each} for each in "12"]},
            **{f"metadata/colors/{each}": _entry(each) for each in "12"},
            "users/getFields": lambda _: {"fields": {"1": "string", "2": "long"}},
            "lists": lambda _: {"lists": [{"id": each} for each in MEMBERS]},
            "lists/getUsers": lambda request: lines_of(MEMBERS[int(request.value("listId") or 0)]),
            **{f"lists/{each}/size": lambda _: b"1234567" for each in MEMBERS},
            "export/userEvents": lambda request: json_lines([{"email": request.value("email"), "n": 1}]),
            "export/data.json": lambda request: events(*_window(request)),
            "export/start": self._start,
            "export/7": lambda _: {},
            "export/7/files": self._files,
            "files/f1": lambda _: events(*self._window),
        }

    def _start(self, request: Request) -> Record:
        self._window = (_time(request.body["startDateTime"]), _time(request.body["endDateTime"]))
        return {"jobId": 7}

    def _files(self, request: Request) -> Record:
        self.listings += 1
        listed = [] if request.value("startAfter") else [self.file("f1")]
        return {"jobState": "completed", "exportTruncated": False, "files": listed}

    def file(self, name: str) -> Record:
        """An entry of the list of files."""
        return {"file": name, "url": f"{self.base_url}files/{name}"}


def _entry(key: str) -> Callable[[Request], Record]:
    return lambda _: {"table": "colors", "key": key, "value": {"hex": "#00"}}


def _experiment(key: str) -> Callable[[Request], Record]:
    return lambda _: {"id": int(key), "variants": [{"id": 10 * int(key), "name": "A", "metrics": {"Sends": 5}}]}


def _trends(key: str) -> Callable[[Request], Record]:
    series = {"Sends": [{"time": "2026-01-01T00:00:00.000Z", "value": 5}]}
    return lambda _: {"id": int(key), "interval": "day", "variants": [{"id": 10 * int(key), "series": series}]}


def items(key: str) -> list[Record]:
    """Two items of a list."""
    return [{key: 1, "name": "one"}, {key: 2, "name": "two"}]


def lines_of(texts: list[str]) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


def json_lines(records: list[Record]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def event(second: int, **more: Any) -> Record:
    """The event of a second of the period."""
    time = (START + timedelta(seconds=second)).strftime("%Y-%m-%d %H:%M:%S +00:00")
    return {"messageId": f"e{second}", "createdAt": time, "email": "ada@example.com", **more}


def events(start: datetime, end: datetime) -> bytes:
    """The events of a window, as lines."""
    return json_lines([event(each) for each in range(SECONDS) if start <= START + timedelta(seconds=each) < end])


def _window(request: Request) -> tuple[datetime, datetime]:
    return _time(request.value("startDateTime") or ""), _time(request.value("endDateTime") or "")


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S %z")
