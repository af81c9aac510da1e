"""The records of an export, as the connector reads them, and windows in which there are some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any

import orjson

from integration_tests.live.client import OK, Answer
from integration_tests.live.lists import columns_of
from integration_tests.live.probe import NotVisible, Project
from source_iterable.exports.windows import Window
from source_iterable.records.events import EventRecords
from source_iterable.records.timestamps import rfc3339
from source_iterable.streams.table import EXPORTS

# The types in which something probably happened, the likely ones first.
LIKELY = ("emailSend", "emailOpen", "purchase", "customEvent", "pushSend", "smsSend", "inAppSend")
DAY, HOUR, MINUTE = 86_400, 3_600, 60
# How long ago the windows end in which nothing shall change any more, in seconds.
SETTLED = 2 * HOUR
# Bytes of an export that are read: an hour of a large project may have gigabytes.
EXPORT_BYTES = 8 << 20
STREAM_OF = {each.data_type: each.name for each in EXPORTS}
EXPORT = "export/data.json"


def export(project: Project, data_type: str, window: Window, most: int = EXPORT_BYTES) -> Answer:
    """A window of a data type, as streamed. Raises NoAnswer."""
    parameters: dict[str, Any] = {"dataTypeName": data_type, **window.parameters}
    return project.client.get(EXPORT, most=most, **parameters)


def lines_in(answer: Answer) -> list[tuple[bytes, dict[str, Any]]]:
    """The lines of an export that hold an object, each with it."""
    found = []
    for line in answer.lines if answer.status == OK else ():
        with suppress(ValueError):
            record = orjson.loads(line)
            if isinstance(record, dict):
                found.append((line, record))
    return found


def records_in(answer: Answer) -> list[dict[str, Any]]:
    """The objects of an export."""
    return [record for _, record in lines_in(answer)]


def second_of(record: dict[str, Any], name: str = "createdAt") -> int | None:
    """The second in which something happened, since the epoch."""
    text = rfc3339(record.get(name))
    return None if text is None else int(datetime.fromisoformat(f"{text[:19]}+00:00").timestamp())


def event_ids(project: Project, data_type: str, lines: Iterable[bytes]) -> Counter[str]:
    """The `_event_id` of each line of an export, and how often it comes."""
    return Counter(ids_of(project, data_type, lines))


def ids_of(project: Project, data_type: str, lines: Iterable[bytes]) -> list[str]:
    """The `_event_id` of each line of an export, as the connector writes it; lines that are no records have none."""
    parser = EventRecords(STREAM_OF[data_type], {"properties": columns_of(project, STREAM_OF[data_type])})
    parsed = parser.parse(b"".join(line + b"\n" for line in lines))
    return [message["data"]["_event_id"] for message in parsed.batch.messages()]


def busy(project: Project) -> tuple[str, Window, Answer]:
    """A data type, a settled window in which some of it happened, and its whole export. Raises NotVisible."""
    return project.once(_find)


def users_in_export(project: Project) -> tuple[Window, Answer]:
    """A window in which users changed, and its export. Raises NotVisible."""
    return project.once(_ask_users)


def _ask_users(project: Project) -> tuple[Window, Answer]:
    end = int(project.now.timestamp()) // HOUR * HOUR
    for seconds in (30 * DAY, DAY, MINUTE):
        window = Window(end - seconds, end)
        answer = export(project, "user", window)
        if answer.is_whole:
            break
    if answer.status != OK or not answer.is_whole or not answer.lines:
        raise NotVisible("no user has changed in a month, or too many in a minute")
    return window, answer


def _find(project: Project) -> tuple[str, Window, Answer]:
    end = int(project.now.timestamp()) // HOUR * HOUR - SETTLED
    for data_type in LIKELY:
        # Shorter and shorter until it can be read whole.
        for seconds in (7 * DAY, 6 * HOUR, 10 * MINUTE, 10):
            window = Window(end - seconds, end)
            answer = export(project, data_type, window)
            if answer.is_whole:
                break
        if answer.is_whole and sum(second_of(each) is not None for each in records_in(answer)) > 1:
            return data_type, window, answer
    raise NotVisible("nothing happened in the last week")
