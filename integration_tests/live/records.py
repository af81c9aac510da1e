"""The records of an export, as the connector reads them, and windows in which there are some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from integration_tests.live.client import Answer
from integration_tests.live.errors import NotVisible, Unexpected
from integration_tests.live.probe import Project
from integration_tests.live.words import columns_of, public
from source_iterable.exports.windows import Window
from source_iterable.records.event_ids import EventIds
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
# Windows that are tried, each a part of the one before.
_NARROWED = 5
STREAM_OF = {each.data_type: each.name for each in EXPORTS}
EXPORT = "export/data.json"


def export(project: Project, data_type: str, window: Window) -> Answer:
    """A window of a data type, as streamed. Raises NotVisible, Unexpected or NoAnswer."""
    answer = ask(project, data_type, window)
    if not answer.is_export:
        raise Unexpected({"status": answer.status, "type": public(answer.content_type)})
    return answer


def ask(project: Project, data_type: str, window: Window, most: int = EXPORT_BYTES, may_refuse: bool = False) -> Answer:
    """The same, whatever the answer is."""
    parameters: dict[str, Any] = {"dataTypeName": data_type, **window.parameters}
    return project.client.get(EXPORT, most=most, may_refuse=may_refuse, **parameters)


def records_in(answer: Answer) -> list[dict[str, Any]]:
    """The objects of an export."""
    return [record for _, record in answer.records]


def second_of(record: dict[str, Any], name: str = "createdAt") -> int | None:
    """The second in which something happened, since the epoch."""
    text = rfc3339(record.get(name))
    return None if text is None else int(datetime.fromisoformat(f"{text[:19]}+00:00").timestamp())


def event_ids(data_type: str, lines: Iterable[bytes]) -> Counter[str]:
    """The `_event_id` of each line of an export, and how often it comes."""
    return Counter(ids_of(data_type, lines))


def ids_of(data_type: str, lines: Iterable[bytes]) -> list[str]:
    """The `_event_id` of each line of an export, as the connector writes it; lines that are no records have none."""
    parser = EventRecords(STREAM_OF[data_type], {"properties": columns_of(STREAM_OF[data_type])}, EventIds(data_type))
    parsed = parser.parse(b"".join(line + b"\n" for line in lines))
    return [record["_event_id"] for record in parsed.batch.records()]


def busy(project: Project) -> tuple[str, Window, Answer]:
    """A data type, a settled window in which some of it happened, and its whole export. Raises NotVisible and others."""
    return project.once(_find)


def users_in_export(project: Project) -> tuple[Window, Answer]:
    """A window in which users changed, and its whole export. Raises NotVisible and others."""
    return project.once(_ask_users)


def _find(project: Project) -> tuple[str, Window, Answer]:
    end = int(project.now.timestamp()) // HOUR * HOUR - SETTLED
    for data_type in LIKELY:
        found = _whole(project, data_type, Window(end - 7 * DAY, end), "createdAt")
        if found is not None and len(found[1].lines) > 1:
            return data_type, *found
    raise NotVisible("nothing happened in the last week")


def _ask_users(project: Project) -> tuple[Window, Answer]:
    end = int(project.now.timestamp()) // HOUR * HOUR
    found = _whole(project, "user", Window(end - 30 * DAY, end), "profileUpdatedAt")
    if found is None:
        raise NotVisible("no user has changed in a month")
    return found


def _whole(project: Project, data_type: str, window: Window, name: str) -> tuple[Window, Answer] | None:
    """The window, or a part of it in which something happened, that can be read whole. None if nothing happened."""
    for _ in range(_NARROWED):
        answer = export(project, data_type, window)
        seconds = sorted(each for record in records_in(answer) if (each := second_of(record, name)) is not None)
        if not seconds:
            return None
        if answer.is_whole:
            return window, answer
        # Around the middle of what came before the cut.
        size = max(window.seconds // 32, 1)
        start = min(max(seconds[len(seconds) // 2] - size // 2, window.start), window.end - size)
        window = Window(start, start + size)
    raise NotVisible("all windows are too large to be read whole")
