"""experiments and experiment_variants, which not every project has."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.connector import config_for, sync
from integration_tests.expected import assert_exact, truth
from integration_tests.sandbox import Fault, Sandbox, SandboxSettings

Record = dict[str, Any]
BOTH = ["experiments", "experiment_variants"]
LIST, ONE = "experiments", "experiments/{experimentId}"


def a_sandbox(**settings: Any) -> Sandbox:
    return Sandbox(SandboxSettings(**{"seed": 4, "users": 5, "days": 10, "events_per_day": 0, **settings}))


def listed(sandbox: Sandbox) -> list[Record]:
    """The experiments as a list may have them."""
    return [{"id": each["id"], "name": "shown"} for each in sandbox.truth_list("experiments")]


def serve(sandbox: Sandbox, offset: int, page: list[Record], **more: Any) -> None:
    """Let the list answer with this page at an offset."""
    fault = Fault(LIST, "status", times=None, status=200, body={"experiments": page, **more})
    fault.when = lambda entry: entry.query["offset"] == [str(offset)]
    sandbox.add_fault(fault)


def test_every_experiment_and_every_variant_is_read_with_all_that_is_known_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("source_iterable.streams.experiments.PAGE_SIZE", 7)
    with a_sandbox() as sandbox:
        config = config_for(sandbox)
        result = sync(config, BOTH)
        assert result.failure is None
        for name in BOTH:
            assert_exact(name, result.records[name], truth(sandbox, name), config)
        experiments = sandbox.truth_list("experiments")
        assert len(experiments) > 10
        # What both streams need is requested once: the list in pages of seven, and each experiment.
        assert sandbox.count(LIST) == -(-len(experiments) // 7)
        for part in ("", "/variants", "/totals"):
            assert sandbox.count(f"{ONE}{part}") == len(experiments)


def test_experiments_join_campaigns_variants_templates_and_their_report() -> None:
    with a_sandbox() as sandbox:
        result = sync(config_for(sandbox), [*BOTH, "campaigns", "templates", "experiments_metrics"])
    experiments = {record["id"]: record for record in result.records["experiments"]}
    assert {record["campaignId"] for record in experiments.values()} <= {
        each["id"] for each in result.records["campaigns"]
    }
    assert {record["name"] for record in experiments.values()} == {
        record["meta"]["name"] for record in experiments.values()
    }
    variants = result.records["experiment_variants"]
    assert {record["experimentId"] for record in variants} == set(experiments)
    assert {record["templateId"] for record in variants} <= {each["templateId"] for each in result.records["templates"]}
    rows = {(row["experimentId"], row["templateId"]) for row in result.records["experiments_metrics"]}
    assert rows == {(record["experimentId"], record["templateId"]) for record in variants}
    assert {row["campaignId"] for row in result.records["experiments_metrics"]} == {
        record["campaignId"] for record in experiments.values()
    }


@pytest.mark.parametrize("status", [403, 404])
def test_a_project_without_experiments_has_no_rows_one_warning_and_no_error(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with a_sandbox() as sandbox:
        sandbox.add_fault(Fault(LIST, "status", times=None, status=status))
        result = sync(config_for(sandbox), ["experiments", "channels"])
    assert result.failure is None
    assert result.errors == {}
    assert result.records["experiments"] == []
    assert result.statuses["experiments"][-1] == "COMPLETE"
    assert len(result.records["channels"]) == 5
    # The other one is about the clock: the sandbox's day is long ago.
    (warning,) = [each for each in caplog.records if each.levelname == "WARNING" and "The clock of" not in each.message]
    assert warning.message.startswith("experiments: Iterable does not offer experiments to this project or API key")


def test_the_sandbox_of_a_project_without_experiments() -> None:
    with a_sandbox(experiments_offered=False) as sandbox:
        result = sync(config_for(sandbox), BOTH)
        assert result.failure is None
        assert not any(result.records.values())
        assert sandbox.count(LIST, status=404) == 2


def test_a_server_that_knows_nothing_at_all_is_no_project_without_experiments() -> None:
    with a_sandbox() as sandbox:
        sandbox.add_fault(Fault(LIST, "status", times=None, status=404))
        sandbox.add_fault(Fault("channels", "status", times=None, status=404))
        result = sync(config_for(sandbox), ["experiments"])
    assert "experiments" in result.errors


@pytest.mark.parametrize(("part", "column"), [("totals", "metrics"), ("variants", "content")])
@pytest.mark.parametrize("status", [403, 404])
def test_a_part_that_is_missing_leaves_its_column_empty(part: str, column: str, status: int) -> None:
    with a_sandbox() as sandbox:
        sandbox.add_fault(Fault(f"{ONE}/{part}", "status", times=None, status=status))
        config = config_for(sandbox)
        result = sync(config, ["experiment_variants"])
        expected = truth(sandbox, "experiment_variants")
    assert result.failure is None
    for record in expected:
        record.pop(column, None)
    assert_exact("experiment_variants", result.records["experiment_variants"], expected, config)


def test_an_experiment_that_was_deleted_meanwhile_is_skipped_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with a_sandbox() as sandbox:
        gone = sandbox.truth_list("experiments")[2]["id"]
        sandbox.add_fault(Fault(ONE, "status", times=None, status=404, when=lambda entry: str(gone) in entry.path))
        result = sync(config_for(sandbox), BOTH)
        assert result.failure is None
        assert len(result.records["experiments"]) == len(sandbox.truth_list("experiments")) - 1
        assert gone not in {record["experimentId"] for record in result.records["experiment_variants"]}
    messages = [record.message for record in caplog.records]
    assert all(messages.count(f"{name}: experiment {gone} no longer exists; skipped.") == 1 for name in BOTH)


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        (LIST, {"experiments": []}),  # an empty list is one: nothing is missing
        (LIST, {"experiments": [], "totalCount": 0}),
    ],
)
def test_an_empty_list_is_a_project_without_any_experiment(endpoint: str, body: Record) -> None:
    with a_sandbox() as sandbox:
        sandbox.add_fault(Fault(endpoint, "status", times=None, status=200, body=body))
        result = sync(config_for(sandbox), BOTH)
    assert result.failure is None
    assert not any(result.records.values())


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        (LIST, {"experiments": [], "totalCount": 3}),  # where are they?
        (LIST, {"experiments": {}}),
        (LIST, {"experiments": [{"name": "no id"}]}),
        (LIST, {"code": "GenericError", "msg": "An error occurred"}),
        (LIST, "<html>Please log in</html>"),
        (ONE, []),
        (ONE, {"id": 1, "variants": "none"}),
        (ONE, {"id": 1, "variants": [1, 2]}),
        (f"{ONE}/totals", {"id": 1}),
        (f"{ONE}/variants", {"variants": [None]}),
    ],
)
def test_what_is_no_experiment_is_not_believed(endpoint: str, body: Any) -> None:
    with a_sandbox() as sandbox:
        sandbox.add_fault(Fault(endpoint, "status", times=None, status=200, body=body))
        result = sync(config_for(sandbox), ["experiment_variants"])
    assert "experiment_variants" in result.errors
    assert result.records["experiment_variants"] == []


def test_pages_shorter_than_asked_for_do_not_end_the_list() -> None:
    """A server may return fewer experiments than it is asked for, and not say how many there are."""
    with a_sandbox() as sandbox:
        experiments = listed(sandbox)
        for offset in range(0, len(experiments) + 2, 2):
            serve(sandbox, offset, experiments[offset : offset + 2])
        result = sync(config_for(sandbox), ["experiments"])
    assert result.failure is None
    assert [record["id"] for record in result.records["experiments"]] == [each["id"] for each in experiments]


def test_a_list_that_ignores_the_offset_is_an_error() -> None:
    with a_sandbox() as sandbox:
        sandbox.add_fault(Fault(LIST, "status", times=None, status=200, body={"experiments": listed(sandbox)}))
        result = sync(config_for(sandbox), ["experiments"])
    assert "never end" in str(result.errors["experiments"].error)


def test_the_form_that_iterables_client_knew_before_is_read_as_well() -> None:
    """Version 0.12 of it: ISO dates, campaignId on top, percentage, id instead of variantId, content beside it."""
    details = {
        "id": 7,
        "name": "Subject lines",
        "status": "running",
        "campaignId": 500001,
        "channelType": "email",
        "author": "editor@example.com",
        "startDate": "2026-02-01T09:00:00.250Z",
        "variants": [{"id": 70, "name": "A", "percentage": 60}, {"id": 71, "name": "B", "percentage": 40}],
    }
    content = {"id": 70, "name": "A", "percentage": 60, "subject": "Hello", "plainText": "Hi"}
    with a_sandbox() as sandbox:
        for endpoint, body in (
            (
                LIST,
                {"experiments": [{"id": 7, "name": "Subject lines", "author": "editor@example.com"}], "totalCount": 1},
            ),
            (ONE, details),
            (f"{ONE}/variants", {"variants": [content]}),
        ):
            sandbox.add_fault(Fault(endpoint, "status", times=None, status=200, body=body))
        sandbox.add_fault(Fault(f"{ONE}/totals", "status", times=None, status=404))
        result = sync(config_for(sandbox), BOTH)
    (experiment,) = result.records["experiments"]
    assert experiment == {**details, "startDate": 1769936400250, "data": {}}
    assert result.records["experiment_variants"] == [
        {
            "experimentId": 7,
            "id": 70,
            "name": "A",
            "percentage": 60,
            "content": {"subject": "Hello", "plainText": "Hi"},
            "data": {},
        },
        {"experimentId": 7, "id": 71, "name": "B", "percentage": 40, "data": {}},
    ]


def the_first(sandbox: Sandbox) -> int:
    return int(sandbox.truth_list("experiments")[0]["id"])


def spoil(sandbox: Sandbox, part: str, body: Any, status: int = 200) -> int:
    """Let one endpoint of the first experiment answer this; returns its id."""
    first = the_first(sandbox)
    fault = Fault(f"{ONE}{part}", "status", times=None, status=status, body=body)
    fault.when = lambda entry: f"/{first}" in entry.path
    sandbox.add_fault(fault)
    return first


@pytest.mark.parametrize("part", ["/variants", "/totals"])
def test_variants_of_another_experiment_are_not_believed(part: str) -> None:
    with a_sandbox() as sandbox:
        other = {"id": 5, "experimentId": 5, "variants": [{"id": 1, "variantId": 1, "metrics": {"Sends": 9}}]}
        spoil(sandbox, part, other)
        result = sync(config_for(sandbox), ["experiment_variants"])
    error = result.errors["experiment_variants"].error
    assert error is not None
    assert "is of another experiment than" in error.message


@pytest.mark.parametrize("named", [None, 5])
def test_a_variant_is_of_the_experiment_that_was_asked_for(named: int | None) -> None:
    with a_sandbox() as sandbox:
        body = {"experimentId": the_first(sandbox), "variants": [{"variantId": 1, "name": "A", "experimentId": named}]}
        first = spoil(sandbox, "/variants", body)
        result = sync(config_for(sandbox), ["experiment_variants"])
    assert result.failure is None
    assert {record["experimentId"] for record in result.records["experiment_variants"] if record["id"] == 1} == {first}


def test_what_one_part_leaves_open_another_one_says() -> None:
    with a_sandbox() as sandbox:
        first = the_first(sandbox)
        blank = {"id": 1, "name": None, "value": None, "currentPercentage": None, "isWinner": None, "isControl": None}
        spoil(sandbox, "", {"id": first, "variants": [blank], "startDate": None})
        content = {"variantId": 1, "name": "A", "value": {"templateId": 7}, "currentPercentage": 40, "subject": "Hi"}
        spoil(
            sandbox, "/variants", {"experimentId": first, "variants": [{**content, "content": {"plainText": "Hello"}}]}
        )
        totals = {"id": 1, "isWinner": True, "isControl": False, "metrics": {"Sends": 9}}
        spoil(sandbox, "/totals", {"id": first, "variants": [totals]})
        result = sync(config_for(sandbox), BOTH)
        truth_of_first = sandbox.truth_list("experiments")[0]
    (record,) = [each for each in result.records["experiment_variants"] if each["experimentId"] == first]
    assert record == {
        "experimentId": first,
        "id": 1,
        "name": "A",
        "value": {"templateId": 7},
        "templateId": 7,
        "percentage": 40,
        "isWinner": True,
        "isControl": False,
        "content": {"subject": "Hi", "plainText": "Hello"},
        "metrics": {"Sends": 9},
        "data": {},
    }
    experiment = next(each for each in result.records["experiments"] if each["id"] == first)
    assert experiment["startDate"] == truth_of_first["startDate"], "the list says it where the details do not"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"variants": None}),
        (200, {}),
        (500, {"code": "GenericError", "msg": "An error occurred. Please try again later."}),
    ],
)
def test_totals_of_one_experiment_that_are_missing_cost_one_column(status: int, body: Any) -> None:
    with a_sandbox() as sandbox:
        if status == 200:
            body = {**body, "id": the_first(sandbox)}
        first = spoil(sandbox, "/totals", body, status)
        result = sync(config_for(sandbox), ["experiment_variants"])
        expected = truth(sandbox, "experiment_variants")
    assert result.failure is None
    for record in expected:
        if record["experimentId"] == first:
            record.pop("metrics", None)
    assert result.records["experiment_variants"] == expected


def test_an_experiment_that_is_listed_twice_is_read_once() -> None:
    """As when one is made while the list is read page by page."""
    with a_sandbox() as sandbox:
        experiments = listed(sandbox)
        for offset, page in {0: experiments[:5], 5: experiments[4:9], 10: experiments[9:]}.items():
            serve(sandbox, offset, page, totalCount=len(experiments) + 1)
        result = sync(config_for(sandbox), BOTH)
    assert result.failure is None
    assert [record["id"] for record in result.records["experiments"]] == [each["id"] for each in experiments]
    assert len(result.records["experiment_variants"]) == 3 * len(experiments)


def test_a_count_that_is_too_small_does_not_end_a_full_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("source_iterable.streams.experiments.PAGE_SIZE", 4)
    with a_sandbox() as sandbox:
        experiments = listed(sandbox)
        for offset in range(0, len(experiments), 4):
            serve(sandbox, offset, experiments[offset : offset + 4], totalCount=4)
        result = sync(config_for(sandbox), ["experiments"])
    assert len(result.records["experiments"]) == len(experiments)


def test_details_that_iterable_cannot_return_cost_one_experiment_its_columns() -> None:
    with a_sandbox() as sandbox:
        body = {"code": "GenericError", "msg": "An error occurred. Please try again later."}
        first = the_first(sandbox)
        fault = Fault(ONE, "status", times=None, status=500, body=body, when=lambda e: e.path.endswith(f"/{first}"))
        sandbox.add_fault(fault)
        result = sync(config_for(sandbox), BOTH)
        experiments = sandbox.truth_list("experiments")
    assert result.failure is None
    assert [record["id"] for record in result.records["experiments"]] == [each["id"] for each in experiments]
    assert len(result.records["experiment_variants"]) == 3 * len(experiments), "the other parts tell of them"
