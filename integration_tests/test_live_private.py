"""The report of a live project holds no value and no name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from integration_tests.live import report as reports
from integration_tests.live.compare import of_sandbox
from integration_tests.live.probe import Probe, Seen
from integration_tests.live.words import Words, kind
from integration_tests.sandbox import Sandbox, SandboxSettings
from integration_tests.sandbox.settings import PROJECT_TYPES
from source_iterable.streams.table import EXPORTS, STREAMS

# Numbers from here on are ids, times or amounts; smaller ones are counts of anything.
IDS = 10_000
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")
NOT_EXPORTED = sorted(set(STREAMS) - {each.name for each in EXPORTS})


def leaves(value: Any) -> Iterator[Any]:
    """All names and values."""
    if isinstance(value, dict):
        yield from value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from leaves(each)
    if not isinstance(value, (dict, list)):
        yield value


def values_of(sandbox: Sandbox) -> set[str]:
    """Every text and every large number that the sandbox can answer with, names of its own fields included."""
    things: list[Any] = [
        sandbox.truth(each.data_type, "2000-01-01 00:00:00", "2100-01-01 00:00:00") for each in EXPORTS
    ]
    things += [sandbox.truth_list(name) for name in NOT_EXPORTED]
    things += [sandbox.jobs(), sandbox.settings.api_key, sandbox.base_url]
    texts = {str(each) for each in leaves(things) if not isinstance(each, bool)}
    return {each for each in texts if (abs(float(each)) >= IDS if NUMBER.fullmatch(each) else len(each) > 2)}


@pytest.mark.parametrize("project_type", PROJECT_TYPES)
def test_a_report_has_no_value_and_no_name(project_type: str) -> None:
    held: list[set[str]] = []
    settings = SandboxSettings(project_type=project_type, events_per_day=1_000, days=9)
    report = of_sandbox(settings, lambda sandbox: held.append(values_of(sandbox)))
    (values,) = held
    assert len(values) > 30_000
    words = Words("key")
    # Words that are public, or part of what the code itself says.
    common = {each for each in values if words.guarded(each) == each}
    said = "\n".join(
        str(each)
        for probe in report["probes"].values()
        for each in (probe["claim"], probe["relied_on"], probe.get("reason"))
    )
    del report["day"]  # of the run
    text = json.dumps(report, ensure_ascii=False)
    known = "\n".join({str(each) for each in leaves(report) if words.guarded(str(each)) == str(each)}) + said
    numbers = {each for each in values if NUMBER.fullmatch(each)}
    found = {each for each in values - common - numbers if each in text and each not in known}
    assert found == set()
    # Sizes are numbers of bytes, which may be anything.
    sizes = {
        str(each) for probe in report["probes"].values() for each in leaves(probe.get("counts", {}).get("bytes", []))
    }
    assert numbers & set(map(str, leaves(report))) - sizes == set()
    # What is not searched for, or only beside the code's own words, is little.
    assert len(common) < 350, sorted(common)
    assert len({each for each in values - common if each in known}) < 40


def test_a_value_that_a_probe_lets_through_is_hashed() -> None:
    words = Words("key")
    careless = {"name": "Anna's list", "anna@example.com": ["Summer sale", "email", 200, True]}
    guarded = words.guarded(careless)
    assert guarded["name"].startswith("own:") and len(guarded["name"]) == 12
    ((mail, listed),) = [(name, value) for name, value in guarded.items() if name != "name"]
    assert mail.startswith("own:")
    assert listed[0].startswith("own:") and listed[1:] == ["email", 200, True]


def test_every_probe_is_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(project: Any) -> Seen:
        return Seen(
            "holds", {"Anna": "Summer sale"}, {"of": ["anna@example.com"]}, {"user": {"Anna's field": ["text"]}}
        )

    monkeypatch.setattr(reports, "PROBES", [Probe("key", "", "", careless)])
    text = json.dumps(of_sandbox(SandboxSettings(users=5, days=1)))
    assert "own:" in text
    assert not [each for each in ("Anna", "Summer", "example.com") if each in text]


def test_the_projects_fields_are_hashed_whatever_they_are_called() -> None:
    # With this option, the connector's own schemas have them.
    settings = SandboxSettings(users=40, events_per_day=400, days=9)
    report = of_sandbox(settings, user_fields_as_columns=True)
    names = set(report["probes"]["users"]["fields"]["user"])
    assert "email" in names
    assert not names & {"firstName", "loyaltyPoints", "favouriteProducts", "isVip", "Größe", "note with space"}
    words = Words("key")
    # Public elsewhere, but no field of Iterable's.
    assert [words.field(each)[:4] for each in ("url_of_blog", "headers", "string", "Draft")] == ["own:"] * 4


def test_only_the_key_makes_the_hash_of_a_name() -> None:
    one, again, other = (Words(each).field("loyaltyPoints2") for each in ("one", "one", "other"))
    assert one == again != other


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "null"),
        (True, "boolean"),
        (7, "integer"),
        (1_700_000_000_000, "milliseconds"),
        (2**53 + 1, "integer beyond 2^53"),
        (1.5, "number"),
        ([], "array"),
        ({}, "object"),
        ("", "empty text"),
        ("anna@example.com", "address"),
        ("2021-04-14 16:52:42 +00:00", "YYYY-MM-DD HH:MM:SS +00:00"),
        ("2025-12-19T22:43:34.134105.000Z", "YYYY-MM-DDTHH:MM:SS.ffffff.fffZ"),
        ("https://example.com/a?b=c", "URL"),
        ('{"a": 1}', "object in a text"),
        ("line\u2028separator", "text with control characters"),
        ("Anna", "text"),
    ],
)
def test_a_value_is_shown_by_its_kind(value: object, shown: str) -> None:
    assert kind(value) == shown
