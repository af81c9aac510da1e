"""The records of exports, as the connector reads them, and windows in which there are some.

Functions that ask raise NotVisible, Unexpected or NoAnswer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from integration_tests.live.answers import Items, type_of
from integration_tests.live.client import Answer, NotVisible, Unexpected
from integration_tests.live.probe import Project
from integration_tests.live.words import columns_of
from source_iterable.exports.windows import Window
from source_iterable.records.events import EventIds, EventRecords
from source_iterable.records.timestamps import rfc3339
from source_iterable.streams.table import EXPORTS

# The types in which something probably happened, the likely ones first.
LIKELY = ("emailSend", "emailOpen", "purchase", "customEvent", "pushSend", "smsSend", "inAppSend")
DAY, HOUR, MINUTE = 86_400, 3_600, 60
# Most bytes of an export to read: an hour of a large project may have gigabytes.
_EXPORT_BYTES = 8 << 20
# Windows that are tried, each a part of the one before.
_NARROWED = 5
STREAM_OF = {each.data_type: each.name for each in EXPORTS}
EXPORT = "export/data.json"


def last_days(project: Project, days: int, settled: bool = True) -> Window:
    """So many days up to a full hour, by default one so long ago that nothing changes in them any more."""
    end = int(project.now.timestamp()) // HOUR * HOUR - settled * 2 * HOUR
    return Window(end - days * DAY, end)


def export(project: Project, data_type: str, window: Window) -> Answer:
    """A window of a data type, as streamed."""
    answer = ask(project, data_type, window)
    if not answer.is_export:
        raise Unexpected({"status": answer.status, "type": type_of(answer)})
    return answer


def whole_export(project: Project, data_type: str, window: Window) -> Answer:
    """The same, but NotVisible if it is too large."""
    answer = export(project, data_type, window)
    if not answer.is_whole:
        raise NotVisible("a window is too large to be read whole")
    return answer


def ask(
    project: Project, data_type: str, window: Window, most: int = _EXPORT_BYTES, may_refuse: bool = False
) -> Answer:
    """The answer to a request for a window, whatever it is."""
    parameters: dict[str, Any] = {"dataTypeName": data_type, **window.parameters}
    return project.client.get(EXPORT, most=most, may_refuse=may_refuse, **parameters)


def seconds_of(records: Items, name: str = "createdAt") -> list[int | None]:
    """The second in which each of them happened, since the epoch; None if it does not tell."""
    texts = (rfc3339(record.get(name)) for record in records)
    return [int(datetime.fromisoformat(f"{text[:19]}+00:00").timestamp()) if text else None for text in texts]


def event_ids(data_type: str, lines: Iterable[bytes]) -> list[str]:
    """The `_event_id` of each line of an export, as the connector writes it; lines that are no records have none."""
    stream = STREAM_OF[data_type]
    parser = EventRecords(stream, {"properties": columns_of(stream)}, EventIds(data_type))
    parsed = parser.parse(b"".join(line + b"\n" for line in lines))
    return [record["_event_id"] for record in parsed.batch.records()]


def apart(one: Counter[str], other: Counter[str]) -> int:
    """How many are in one of the two only."""
    return ((one - other) + (other - one)).total()


def busy(project: Project) -> tuple[str, Window, Answer]:
    """A data type, a settled window in which some of it happened, and its whole export."""
    return project.once(_find)


def users_in_export(project: Project) -> tuple[Window, Answer]:
    """A window in which users changed, and its whole export."""
    return project.once(_find_users)


def _find(project: Project) -> tuple[str, Window, Answer]:
    for data_type in LIKELY:
        found = _whole(project, data_type, last_days(project, 7), "createdAt")
        if found is not None and len(found[1].lines) > 1:
            return data_type, *found
    raise NotVisible("nothing happened in the last week")


def _find_users(project: Project) -> tuple[Window, Answer]:
    found = _whole(project, "user", last_days(project, 30, settled=False), "profileUpdatedAt")
    if found is None:
        raise NotVisible("no user has changed in a month")
    return found


def _whole(project: Project, data_type: str, window: Window, name: str) -> tuple[Window, Answer] | None:
    """The window, or a part of it in which something happened, that can be read whole. None if nothing happened."""
    for _ in range(_NARROWED):
        answer = export(project, data_type, window)
        seconds = sorted(each for each in seconds_of(answer.records, name) if each is not None)
        if not seconds:
            return None
        if answer.is_whole:
            return window, answer
        # Around the middle of what came before the cut.
        size = max(window.seconds // 32, 1)
        start = min(max(seconds[len(seconds) // 2] - size // 2, window.start), window.end - size)
        window = Window(start, start + size)
    raise NotVisible("all windows are too large to be read whole")
