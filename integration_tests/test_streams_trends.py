"""experiment_trends: which experiments a sync asks for, what is kept, and projects that do not have trends."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from integration_tests.connector import Sync, config_for, state_of, sync, time_text
from integration_tests.expected import assert_exact, truth
from integration_tests.sandbox import Fault, Sandbox, SandboxSettings
from source_iterable.config import Config

Record = dict[str, Any]
NAME, ENDPOINT = "experiment_trends", "experiments/{experimentId}/trends"
DAY = 86400


def a_sandbox(**settings: Any) -> Sandbox:
    return Sandbox(SandboxSettings(**{"seed": 4, "users": 20, "days": 10, "events_per_day": 200, **settings}))


def config_of(sandbox: Sandbox) -> Record:
    """A configuration with a start date before all experiments."""
    return config_for(sandbox, days=12)


def started(sandbox: Sandbox) -> dict[int, Record]:
    """The experiments that have begun, by their ids."""
    return {each["id"]: each for each in sandbox.truth_list("experiments") if "startDate" in each}


def asked(sandbox: Sandbox) -> set[int]:
    """The experiments whose trends were requested since the last call."""
    ids = {int(entry.path.split("/")[-2]) for entry in sandbox.requests if entry.endpoint == ENDPOINT}
    sandbox.clear_requests()
    return ids


def keys_of(result: Sync) -> Counter[tuple[Any, ...]]:
    columns = ("experimentId", "variantId", "metric", "interval", "time")
    return Counter(tuple(record[column] for column in columns) for record in result.records[NAME])


def test_every_variant_has_a_row_for_each_metric_and_day_and_the_holdout_too() -> None:
    with a_sandbox() as sandbox:
        config = config_of(sandbox)
        result = sync(config, [NAME, "experiment_variants"])
        assert result.failure is None
        assert_exact(NAME, result.records[NAME], truth(sandbox, NAME, Config.parse(config)), config)
        assert asked(sandbox) == set(started(sandbox))
        variants = {(each["experimentId"], each["id"]) for each in result.records["experiment_variants"]}
        held = {each["id"] for each in started(sandbox).values() if each["sizing"]["holdoutPercentage"]}
    read = {(each["experimentId"], each["variantId"]) for each in result.records[NAME]}
    assert read == {key for key in variants if key[0] in started(sandbox)} | {(each, -1) for each in held}
    sends = [each["value"] for each in result.records[NAME] if each["metric"] == "Total Email Sends"]
    assert max(sends) > 1


def test_a_sync_asks_for_experiments_that_run_and_for_others_until_30_days_after_their_end() -> None:
    with a_sandbox() as sandbox:
        config, state = config_of(sandbox), []
        running = {key for key, each in started(sandbox).items() if "finishDate" not in each}
        ended = {key: each["finishDate"] / 1000 for key, each in started(sandbox).items() if key not in running}
        last = float("-inf")
        for days in (0, 1, 35, 35):
            sandbox.advance(days * DAY)
            result = sync(config, [NAME], state)
            assert result.failure is None
            assert asked(sandbox) == running | {key for key, end in ended.items() if end >= last - 30 * DAY}
            state, last = result.state, sandbox.now().timestamp()
        assert {row["experimentId"] for row in result.records[NAME]} == running != set(started(sandbox))


def test_the_30_days_are_those_before_the_last_sync() -> None:
    with a_sandbox() as sandbox:
        config = config_of(sandbox)
        state = sync(config, [NAME]).state
        now_ms = int(sandbox.now().timestamp() * 1000)
        first, second = [key for key, each in started(sandbox).items() if "finishDate" in each][:2]
        sandbox.change("experiments", first, finishDate=now_ms - 29 * DAY * 1000)
        sandbox.change("experiments", second, finishDate=now_ms - 31 * DAY * 1000)
        asked(sandbox)
        sandbox.advance(3 * DAY)
        sync(config, [NAME], state)
        assert asked(sandbox) == set(started(sandbox)) - {second}


def test_what_changed_in_a_past_bucket_is_read_again_under_the_same_key() -> None:
    with a_sandbox() as sandbox:
        first = sync(config_of(sandbox), [NAME])
        one = first.records[NAME][0]
        body = {
            "id": one["experimentId"], "interval": one["interval"],
            "variants": [{"id": one["variantId"], "series": {one["metric"]: [{"time": one["time"], "value": 7, "p": 1}]}}],
        }  # fmt: skip
        chosen = Fault(ENDPOINT, "status", times=None, status=200, body=body)
        chosen.when = lambda entry: f"/{one['experimentId']}/" in entry.path
        sandbox.add_fault(chosen)
        second = sync(config_of(sandbox), [NAME], first.state)
    (row,) = [each for each in second.records[NAME] if each["experimentId"] == one["experimentId"]]
    assert (row["value"], row["data"]) == (7, {"p": 1})
    assert keys_of(second).keys() <= keys_of(first).keys()


def test_buckets_belong_to_the_part_of_a_backfill_in_which_they_begin() -> None:
    with a_sandbox() as sandbox:
        config = config_of(sandbox)
        middle = time_text(datetime.fromtimestamp(sandbox.now().timestamp() - 4.3 * DAY, sandbox.now().tzinfo))
        parts = [sync({**config, **dates}, [NAME]) for dates in ({"end_date": middle}, {"start_date": middle})]
        whole = sync(config, [NAME])
    assert all(keys_of(part) for part in parts)
    assert keys_of(parts[0]) + keys_of(parts[1]) == keys_of(whole)


@pytest.mark.parametrize("status", [403, 404])
def test_a_project_without_trends_has_no_rows_one_warning_and_asks_again(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with a_sandbox() as sandbox:
        sandbox.add_fault(Fault(ENDPOINT, "status", times=None, status=status))
        config = config_of(sandbox)
        result = sync(config, [NAME, "experiments"])
        assert result.failure is None
        assert result.records[NAME] == []
        assert result.statuses[NAME][-1] == "COMPLETE"
        assert len(result.records["experiments"]) == len(sandbox.truth_list("experiments"))
        (warning,) = [each.message for each in caplog.records if each.message.startswith(f"{NAME}: Iterable")]
        count = len(started(sandbox))
        assert f"does not offer trends of {count} of {count} experiments to this project or API key" in warning
        # Later it has them: those that have ended meanwhile are not forgotten.
        sandbox.advance(60 * DAY)
        result = sync(config, [NAME], result.state)
        sandbox.clear_faults()
        later = sync(config, [NAME], result.state)
        assert {row["experimentId"] for row in later.records[NAME]} == set(started(sandbox))


def test_an_experiment_without_trends_costs_its_own_rows_only(caplog: pytest.LogCaptureFixture) -> None:
    with a_sandbox() as sandbox:
        first = next(iter(started(sandbox)))
        sandbox.add_fault(
            Fault(ENDPOINT, "status", times=None, status=404, when=lambda entry: f"/{first}/" in entry.path)
        )
        config = config_of(sandbox)
        result = sync(config, [NAME])
        expected = [row for row in truth(sandbox, NAME, Config.parse(config)) if row["experimentId"] != first]
        assert_exact(NAME, result.records[NAME], expected, config)
    assert result.failure is None
    assert result.state[-1]["stream"]["stream_state"]["time"]
    assert sum("does not offer trends of 1 of" in each.message for each in caplog.records) == 1


def test_a_project_without_experiments_has_no_trends() -> None:
    with a_sandbox(experiments_offered=False) as sandbox:
        result = sync(config_of(sandbox), [NAME])
    assert result.failure is None
    assert result.records[NAME] == []


@pytest.mark.parametrize("state", [{}, {"time": "soon"}, {"time": None, "x": 1}, {"other": [1]}])
def test_a_state_that_says_nothing_reads_all(state: Record) -> None:
    with a_sandbox() as sandbox:
        result = sync(config_of(sandbox), [NAME], state_of(NAME, **state))
        assert asked(sandbox) == set(started(sandbox))
    assert result.failure is None


def test_a_state_in_the_future_asks_for_what_has_just_ended() -> None:
    with a_sandbox() as sandbox:
        sync(config_of(sandbox), [NAME], state_of(NAME, time="2099-01-01T00:00:00+00:00"))
        assert asked(sandbox) == set(started(sandbox))


POINT = {"time": "2025-06-10T00:00:00Z", "value": 1}


@pytest.mark.parametrize(
    "body",
    [
        {"id": 1, "variants": [{"id": 1, "series": {"Sends": [POINT]}}]},  # of another experiment
        {"variants": []},
        {"id": None, "variants": [], "holdout": None},
        {"id": ..., "variants": None},
        {"id": ..., "variants": [{"series": {}}]},
        {"id": ..., "variants": [{"id": 1, "series": []}]},
        {"id": ..., "variants": [{"id": 1, "series": {"Sends": [1]}}]},
        {"id": ..., "variants": [{"id": 1, "series": {"Sends": [{"value": 1}]}}]},
        {"id": ..., "variants": [{"id": 1, "series": {"Sends": [{**POINT, "time": "noon"}]}}]},
        {"id": ..., "variants": [], "holdout": {"id": -1, "series": {"Sends": [{"time": None}]}}},
        [],
    ],
)
def test_what_are_no_trends_is_not_believed(body: Any) -> None:
    with a_sandbox() as sandbox:
        first = next(iter(started(sandbox)))
        body = {**body, "id": first} if isinstance(body, dict) and body.get("id") is ... else body
        sandbox.add_fault(
            Fault(ENDPOINT, "status", times=None, status=200, body=body, when=lambda entry: f"/{first}/" in entry.path)
        )
        result = sync(config_of(sandbox), [NAME])
    assert NAME in result.errors
    assert all(row["experimentId"] != first for row in result.records[NAME])
    assert not any(message["stream"]["stream_state"].get("time") for message in result.state_messages)
