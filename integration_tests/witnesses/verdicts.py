"""Compares what a witness read with the truth, and says whether they agree."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from integration_tests.sandbox.times import parse_record_time
from source_iterable.process.display import one_line

AGREE, KNOWN, DIFFERS, NOT_AVAILABLE = "agree", "known defect", "DIFFERS", "not available"
Record = Mapping[str, Any]
Schema = Mapping[str, Any]


class Verdict(NamedTuple):
    """One row of the table: what a witness says about a stream, or a method of its own."""

    witness: str
    name: str
    verdict: str
    note: str = ""


def everything(records: list[Record]) -> list[Record]:
    """All records."""
    return records


@dataclass(frozen=True)
class Defect:
    """What a witness loses or changes in a stream. Everything else must agree."""

    streams: tuple[str, ...]
    text: str
    keeps: Callable[[list[Record]], list[Record]] = everything  # the records that remain of the truth
    repeats: bool = False  # records come more than once
    only_schema: bool = False  # fields that its schema does not name are lost, and decimals that it calls integers


def judged(
    witness: str, name: str, found: list[Record], truth: list[Record], defects: Iterable[Defect], schema: Schema
) -> Verdict:
    """The verdict on one stream. A defect that is listed but does not show is a difference, too."""
    mine = [defect for defect in defects if name in defect.streams]
    missing, extra = _difference(found, truth)
    if not missing and not extra:
        gone = "; ".join(defect.text for defect in mine)
        return Verdict(witness, name, DIFFERS, f"does not show: {gone}") if mine else Verdict(witness, name, AGREE)
    kept = truth
    for defect in mine:
        kept = defect.keeps(kept)
    if any(defect.only_schema for defect in mine):
        kept = [projected(plain(record), schema) for record in kept]
    missing, extra = _difference(found, kept, counted=not any(defect.repeats for defect in mine))
    if not missing and not extra:
        return Verdict(witness, name, KNOWN, "; ".join(defect.text for defect in mine))
    examples = [f"{word} {next(iter(some))[:300]}" for word, some in (("lacks", missing), ("has", extra)) if some]
    counts = f"{missing.total()} of {len(kept)} missing, {extra.total()} of {len(found)} unknown"
    return Verdict(witness, name, DIFFERS, f"{counts}: {'; '.join(examples)}")


def _difference(
    found: Iterable[Record], truth: Iterable[Record], counted: bool = True
) -> tuple[Counter[str], Counter[str]]:
    """The records of the truth that were not found, and those found that are not true, whatever their notation."""
    ours, theirs = (Counter(json.dumps(plain(r), sort_keys=True) for r in records) for records in (truth, found))
    if not counted:
        ours, theirs = Counter(set(ours)), Counter(set(theirs))
    return ours - theirs, theirs - ours


def plain(value: Any, name: str = "") -> Any:
    """A value without what is only notation: times are epoch milliseconds, 1.0 is 1, JSON in a text is an object."""
    if isinstance(value, Mapping):
        return {key: plain(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, str):
        if name == "transactionalData":
            with suppress(ValueError):
                return plain(json.loads(value))
        ms = parse_record_time(value)
        return value if ms is None else ms
    return int(value) if isinstance(value, float) and value.is_integer() else value


def projected(value: Any, schema: Schema) -> Any:
    """A value without the fields that a JSON schema does not name, and decimals cut off where it has integers."""
    for each in schema.get("anyOf", ()):
        if "properties" in each or "items" in each:
            schema = each
    if isinstance(value, Mapping) and "properties" in schema:
        fields = schema["properties"]
        return {key: projected(each, fields[key]) for key, each in value.items() if key in fields}
    if isinstance(value, list) and "items" in schema:
        return [projected(each, schema["items"]) for each in value]
    return int(value) if isinstance(value, float) and "integer" in schema.get("type", ()) else value


def table(verdicts: Iterable[Verdict]) -> str:
    """The verdicts as text: names with the same verdict together."""
    together: dict[tuple[str, str, str], list[str]] = {}
    for each in verdicts:
        together.setdefault((each.witness, each.verdict, each.note), []).append(each.name)
    lines = []
    for (witness, verdict, note), names in together.items():
        lines.append(one_line(f"{witness:32} {verdict:14} {', '.join(names)}{f' -- {note}' if note else ''}"))
    return "\n".join(lines)
