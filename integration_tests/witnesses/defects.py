"""The known defects of the published connectors, as data."""

from __future__ import annotations

from collections.abc import Callable

from integration_tests.witnesses.verdicts import Defect, Record


def first(count: int, by: str = "") -> Callable[[list[Record]], list[Record]]:
    """Keeps the first records, or the first with the same value of a field."""

    def keep(records: list[Record]) -> list[Record]:
        seen: dict[object, int] = {}
        kept = []
        for record in records:
            group = record.get(by)
            seen[group] = seen.get(group, 0) + 1
            if seen[group] <= count:
                kept.append(record)
        return kept

    return keep


AIRBYTE_DEFECTS = [
    Defect(("campaigns",), "reads the first page only: 20 campaigns", keeps=first(20)),
    Defect(("campaigns_metrics",), "asks for the first 20 campaigns only, of which 16 have metrics", keeps=first(16)),
    Defect(("events",), "reads a user's events again for every list that holds the user", repeats=True),
]
_PRUNED = ("lists", "message_types", "users", "metadata_entries")
_EVENTS = (
    *("email_bounce", "email_click", "email_complaint", "email_open", "email_send", "email_send_skip"),
    *("email_subscribe", "email_unsubscribe"),
)
SINGER_DEFECTS = [
    Defect((*_PRUNED, *_EVENTS), "loses all fields that its schema does not name", only_schema=True),
    Defect(("campaigns",), "reads the first page only: 20 campaigns", keeps=first(20)),
    Defect(
        ("templates",), "asks with templateTypes, which is no parameter: every template comes four times", repeats=True
    ),
    Defect(("metadata_entries",), "reads the first 10 entries of a table only", keeps=first(10, "table")),
    Defect(("email_send",), "cuts the decimals off prices in transactionalData", only_schema=True),
]
# Method of Iterable's own client, part of its error, and what is known.
CLIENT_DEFECTS = [
    ("getExperimentMetrics", "CSV parse error", "reads CSV only; the reference documents {headers, rows}"),
    ("getExportFiles", "jobState", "its schema lacks the state cancelled, which its own documentation names"),
]
