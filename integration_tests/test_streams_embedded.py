"""template_contents of embedded messages, whose templates only campaigns name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integration_tests.connector import config_for, sync
from integration_tests.expected import assert_exact, in_any_order, truth
from integration_tests.sandbox import Fault, Sandbox, SandboxSettings

NAME, ENDPOINT = "template_contents", "templates/embedded/get"
COUNT = 4


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    settings = SandboxSettings(users=5, days=5, events_per_day=0, campaigns=8, templates=16, embedded=COUNT)
    with Sandbox(settings) as running:
        yield running


def campaigns_of(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [each for each in sandbox.truth_list("campaigns") if each["messageMedium"] == "Embedded"]


def test_contents_of_embedded_templates_come_by_the_campaigns_that_send_them(sandbox: Sandbox) -> None:
    config = config_for(sandbox)
    result = sync(config, [NAME, "campaigns", "templates"])
    assert result.failure is None
    assert_exact(NAME, result.records[NAME], truth(sandbox, NAME), config)
    embedded = [each for each in result.records[NAME] if each["messageMedium"] == "Embedded"]
    assert len(embedded) == sandbox.count(ENDPOINT) == COUNT
    assert all(each["title"] and each["data"]["body"] for each in embedded)
    campaigns = {each["templateId"]: each for each in result.records["campaigns"]}
    assert all(campaigns[each["templateId"]]["updatedAt"] == each["updatedAt"] for each in embedded)
    assert not {each["templateId"] for each in embedded} & {each["templateId"] for each in result.records["templates"]}
    # All streams share the list of campaigns.
    assert sandbox.count("campaigns") == 1


def test_one_is_read_again_when_its_campaign_was_edited_and_only_then(sandbox: Sandbox) -> None:
    config = config_for(sandbox)
    state = sync(config, [NAME]).state
    sandbox.clear_requests()
    campaign = campaigns_of(sandbox)[1]
    sandbox.change("campaigns", campaign["id"], sendSize=17)
    assert sync(config, [NAME], state).records[NAME] == []
    assert sandbox.count(ENDPOINT) == 0
    sandbox.touch("campaigns", campaign["id"])
    found = sync(config, [NAME], state).records[NAME]
    expected = [each for each in truth(sandbox, NAME) if each["templateId"] == campaign["templateId"]]
    assert in_any_order(found) == in_any_order(expected)
    assert len(found) == 1


def test_a_template_of_several_campaigns_is_read_once_and_is_as_new_as_the_newest(sandbox: Sandbox) -> None:
    first, second, *_ = campaigns_of(sandbox)
    for campaign, updated_at in ((first, 1_700_000_000_000), (second, 1_700_000_000_500)):
        sandbox.change("campaigns", campaign["id"], templateId=first["templateId"], updatedAt=updated_at)
    records = [each for each in sync(config_for(sandbox), [NAME]).records[NAME] if each["messageMedium"] == "Embedded"]
    assert len(records) == sandbox.count(ENDPOINT) == COUNT - 1
    (shared,) = [each for each in records if each["templateId"] == first["templateId"]]
    assert shared["updatedAt"] == 1_700_000_000_500


@pytest.mark.parametrize("status", [403, 404])
def test_a_project_without_embedded_templates_has_no_rows_and_one_warning(
    sandbox: Sandbox, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.add_fault(Fault(ENDPOINT, "status", times=None, status=status))
    config = config_for(sandbox)
    result = sync(config, [NAME])
    assert result.failure is None
    expected = [each for each in truth(sandbox, NAME) if each["messageMedium"] != "Embedded"]
    assert_exact(NAME, result.records[NAME], expected, config)
    (warning,) = [each.message for each in caplog.records if each.message.startswith(f"{NAME}: Iterable")]
    assert f"does not offer the contents of {COUNT} of {COUNT} embedded templates" in warning


def test_content_of_another_template_is_not_believed(sandbox: Sandbox) -> None:
    sandbox.add_fault(Fault(ENDPOINT, "status", times=None, status=200, body={"templateId": 1, "title": "x"}))
    result = sync(config_for(sandbox), [NAME])
    error = result.errors[NAME].error
    assert error is not None
    assert "is not that of template" in error.message
