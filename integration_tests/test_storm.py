"""A dozen storms, and what a verdict notices; `make storm` runs any number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from integration_tests.connector import config_for
from integration_tests.expected import truth
from integration_tests.sandbox import Sandbox, SandboxSettings
from integration_tests.storm.process import Ended, Message
from integration_tests.storm.run import run
from integration_tests.storm.schedule import NOW
from integration_tests.storm.verdict import Verdict
from source_iterable.config import Config

# Quick ones: half a minute in all. One reads all streams, three are killed.
SEEDS = (13, 15, 17, 18, 24, 25, 26, 39, 43, 45, 48, 49)
Records = list[dict[str, Any]]


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_the_records_are_the_truth(seed: int) -> None:
    outcome = run(seed)
    assert outcome.problems == [], str(outcome)


CHANGES: dict[str, tuple[Callable[[Records], Records], tuple[int, int, int]]] = {
    "nothing": (lambda records: records, (0, 0, 0)),
    "lost": (lambda records: records[1:], (1, 0, 0)),
    "invented": (lambda records: [*records, {**records[0], "id": -1}], (0, 1, 0)),
    "doubled": (lambda records: [*records, records[0]], (0, 0, 1)),
    "changed": (lambda records: [{**records[0], "name": "?"}, *records[1:]], (1, 1, 0)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_verdict_notices(change: str) -> None:
    changed, expected = CHANGES[change]
    with Sandbox(SandboxSettings(users=5, days=1, now=NOW)) as sandbox:
        verdict = Verdict(sandbox, Config.parse(config_for(sandbox)), ["lists"])
        records = [_record(each, "lists") for each in changed(truth(sandbox, "lists"))]
        verdict.add(Ended(0, [*records, complete("lists")], "", killed=False))
        verdict.finish()
    assert (verdict.lost, verdict.invented, verdict.doubled) == expected
    assert bool(verdict.problems) == (change != "nothing")


@pytest.mark.parametrize("is_read", [True, False])
def test_the_verdict_notices_a_change_that_was_not_read(is_read: bool) -> None:
    with Sandbox(SandboxSettings(users=5, days=1, now=NOW)) as sandbox:
        verdict = Verdict(sandbox, Config.parse(config_for(sandbox)), ["campaigns"])
        before = [_record(each, "campaigns") for each in truth(sandbox, "campaigns")]
        verdict.add(Ended(0, [*before, complete("campaigns")], "", killed=False))
        sandbox.change("campaigns", 500001, labels=["silently"])
        verdict.look_again()
        after = [_record(truth(sandbox, "campaigns")[0], "campaigns")] if is_read else []
        verdict.add(Ended(0, [*after, complete("campaigns")], "", killed=False))
        verdict.finish()
    assert (verdict.lost, verdict.invented) == ((0, 0) if is_read else (1, 1))


@pytest.mark.parametrize("text", ["user_of", "sandbox-key"])
def test_the_verdict_notices_what_a_log_must_not_name(text: str) -> None:
    with Sandbox(SandboxSettings(users=5, days=1, now=NOW)) as sandbox:
        verdict = Verdict(sandbox, Config.parse(config_for(sandbox)), ["lists"])
        told = sandbox.truth_list("list_users")[0]["userIdentifier"] if text == "user_of" else text
        log = {"type": "LOG", "log": {"level": "INFO", "message": f"About {told}."}}
        verdict.add(Ended(1, [log], "", killed=False))
    assert verdict.problems == ["leak: a message names the key or a user's email"]


def complete(name: str) -> Message:
    status = {"stream_descriptor": {"name": name}, "status": "COMPLETE"}
    return {"type": "TRACE", "trace": {"type": "STREAM_STATUS", "stream_status": status}}


def _record(data: dict[str, Any], name: str) -> Message:
    return {"type": "RECORD", "record": {"stream": name, "data": data}}
