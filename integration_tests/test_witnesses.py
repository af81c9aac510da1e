"""The witnesses' verdicts; `make witnesses` runs the witnesses themselves."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.witnesses.defects import first
from integration_tests.witnesses.schemas import differences
from integration_tests.witnesses.verdicts import (
    AGREE,
    DIFFERS,
    KNOWN,
    Defect,
    Verdict,
    judged,
    plain,
    projected,
    table,
)

TRUTH = [{"id": n, "at": "2026-03-01 10:00:00 +00:00", "price": n + 0.5} for n in range(3)]
SCHEMA = {"properties": {"id": {}, "at": {}}}
PRUNED = [{"id": record["id"], "at": "2026-03-01T10:00:00Z"} for record in TRUTH]


def verdict(found: list[Any], *defects: Defect) -> str:
    return judged("w", "things", found, list(TRUTH), defects, SCHEMA).verdict


def defect(**what: Any) -> Defect:
    return Defect(("things",), "it does", **what)


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (TRUTH[:2], {"keeps": first(2)}),
        (TRUTH + TRUTH, {"repeats": True}),
        (PRUNED, {"only_schema": True}),
    ],
)
def test_a_known_defect_excuses_what_it_names_and_nothing_else(found: list[Any], what: dict[str, Any]) -> None:
    assert verdict(found, defect(**what)) == KNOWN
    assert verdict(found) == DIFFERS
    assert verdict(found[1:] if "repeats" not in what else found[1:3], defect(**what)) == DIFFERS
    assert verdict([*found, {"id": 7}], defect(**what)) == DIFFERS
    assert verdict(found, Defect(("others",), "it does", **what)) == DIFFERS


def test_a_defect_that_does_not_show_is_a_difference() -> None:
    assert verdict(TRUTH) == AGREE
    assert verdict(TRUTH, defect(repeats=True)) == DIFFERS


def test_notation_is_no_difference() -> None:
    one = {"at": "2026-03-01 10:00:00 +00:00", "n": 1.0, "transactionalData": '{"at": "2026-03-01T10:00:00.000Z"}'}
    assert plain(one) == {"at": 1772359200000, "n": 1, "transactionalData": {"at": 1772359200000}}
    assert plain({"text": '{"a": 1}', "half": 0.5}) == {"text": '{"a": 1}', "half": 0.5}


def test_a_schema_prunes_what_it_does_not_name() -> None:
    items = {"anyOf": [{"items": {"properties": {"a": {"type": ["null", "integer"]}}}}, {"type": "null"}]}
    assert projected({"x": [{"a": 1.5, "b": 2}], "y": 1}, {"properties": {"x": items}}) == {"x": [{"a": 1}]}


def test_columns_are_held_against_fields() -> None:
    columns = {"id": {"type": ["null", "integer"]}, "at": {"type": ["null", "string"], "format": "date-time"}}
    assert not list(differences({"id": {"type": "number"}, "at": {"type": "integer"}}, columns))
    wrong = list(differences({"id": {"type": "string"}, "name": {"type": "string"}}, columns))
    assert wrong == ["id is string in the client, integer in the schema", "name is no column"]


def test_names_with_the_same_verdict_share_a_row() -> None:
    rows = table([Verdict("w", "a", AGREE), Verdict("w", "b", DIFFERS, "why"), Verdict("w", "c", AGREE)]).split("\n")
    assert [row.split()[0:2] for row in rows] == [["w", "agree"], ["w", "DIFFERS"]]
    assert rows[0].endswith("a, c")
    assert rows[1].endswith("b -- why")
