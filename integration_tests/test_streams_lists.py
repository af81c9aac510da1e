"""Every stream outside the export API: exactly the project's records, with no request too many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integration_tests.connector import config_for, sync
from integration_tests.expected import assert_exact, in_any_order, truth, uncounted
from integration_tests.sandbox import Fault, RequestLogEntry, Sandbox, SandboxSettings
from source_iterable.process.progress import STREAM
from source_iterable.reading.shared_lists import SharedLists
from source_iterable.streams.campaigns import Campaigns, ChildCampaigns, Journeys
from source_iterable.streams.catalogs import CATALOGS, CatalogItems
from source_iterable.streams.table import EXPORTS, STREAMS
from source_iterable.streams.templates import Templates

Record = dict[str, Any]
# Requests per full refresh of the sandbox below, with the page sizes below; 1 for streams not listed.
REQUESTS = {
    "catalogs": 3,  # 12 of them, 5 a page
    "campaigns": 5,  # 85, 20 a page
    "templates": 16 * 2,  # 4 of each kind, 2 a page
    "journeys": 5 + 2,  # 20 live and 6 archived ones, 4 a page
    "campaigns_metrics": 5 + 1,
    "experiments_metrics": 5 + 1,
    "child_campaigns": 5 + 3 + 1 + 1,  # 23, 2 and 0 children of the three recurring campaigns, 10 a page
    "template_contents": 32 + 5 + 64,
    "campaigns_metrics_daily": 1 + 5 + 4,  # one for the time; the start date is three days ago
    "experiments": 1 + 13,
    "experiment_variants": 1 + 3 * 13,
    "experiment_trends": 1 + 1 + 13 + 9,  # one for the time; four have not begun
    # 39 have a clientTemplateId, 13 of them two further locales; of 25 the content would tell.
    "template_locales": 32 + 39 + 13 * 3 + 25,
    "list_sizes": 1 + 1 + 8,  # one for the time
    "catalog_field_mappings": 3 + 12,
    "catalog_items": 3 + 12 + 2 + 1 + 0,
    "metadata_entries": 1 + 3 + 1 + 2 + 1 + 45,
}


# Every stream of the table except exports (test_exports.py) and list members (test_streams_members.py).
NAMES = [name for name, stream in STREAMS.items() if stream not in EXPORTS and name not in ("list_users", "events")]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(seed=6, users=20, days=10, events_per_day=0)) as running:
        yield running


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Campaigns, "page_size", 20)
    monkeypatch.setattr(Templates, "page_size", 2)
    monkeypatch.setattr(Journeys, "page_size", 4)
    monkeypatch.setattr(ChildCampaigns, "page_size", 10)
    monkeypatch.setattr(CATALOGS, "page_size", 5)
    monkeypatch.setattr(CatalogItems, "page_size", 10)


@pytest.mark.parametrize("name", NAMES)
def test_the_records_are_exactly_the_projects_with_no_request_too_many(sandbox: Sandbox, name: str) -> None:
    sandbox.clear_requests()
    result = sync(config_for(sandbox), [name])

    assert result.failure is None
    assert_exact(name, result.records[name], truth(sandbox, name), config_for(sandbox))
    assert len(sandbox.requests) == REQUESTS.get(name, 1)
    assert result.statuses[name][-1] == "COMPLETE"


# Streams by content: what changes an item, a change of which updatedAt does not tell, and the requests of an idle sync.
BY_CONTENT = [
    ("campaigns", "campaign", {"campaignState": "Aborted", "sendSize": 17}, 5),
    ("templates", "template", {"clientTemplateId": "another"}, 32),
    ("template_contents", "template", {"name": "another"}, 32 + 5),
    ("template_locales", "template", {"name": "another"}, 32),
    ("journeys", "journey", {"enabled": "maybe"}, 7),
]


@pytest.mark.parametrize(("name", "thing", "silently", "requests"), BY_CONTENT)
def test_every_change_is_read_once_and_an_idle_sync_reads_nothing(
    name: str, thing: str, silently: Record, requests: int
) -> None:
    with Sandbox(SandboxSettings(seed=8, users=20, days=10, events_per_day=0)) as sandbox:
        config, key = config_for(sandbox), STREAMS[name].primary_key[0]
        state = sync(config, [name]).state
        oldest = min(truth(sandbox, name), key=lambda record: record["updatedAt"])
        for change in ({"updatedAt": int(sandbox.now().timestamp() * 1000)}, silently):
            sandbox.clear_requests()
            idle = sync(config, [name], state)
            assert idle.records[name] == []
            assert idle.state_messages[-1]["stream"]["stream_state"] == state[-1]["stream"]["stream_state"]
            assert len(sandbox.requests) == requests
            sandbox.change(f"{thing}s", oldest[key], **change)
            found = sync(config, [name], state)
            expected = [record for record in truth(sandbox, name) if record[key] == oldest[key]]
            assert in_any_order(found.records[name]) == in_any_order(expected)
            state = found.state


@pytest.mark.parametrize("page_size", [1000, 40], ids=["one page", "more pages"])
def test_campaigns_that_start_and_finish_are_read_though_their_update_stays(
    page_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Campaigns, "page_size", page_size)
    with Sandbox(SandboxSettings(users=5, events_per_day=0, campaigns=60)) as sandbox:
        config = config_for(sandbox)
        first = sync(config, ["campaigns"])
        table = {record["id"]: record for record in first.records["campaigns"]}
        state, seen = first.state, set()
        for _ in range(36):  # three days
            sandbox.advance(2 * 3600)
            before = dict(table)
            result = sync(config, ["campaigns"], state)
            state = result.state
            table |= {record["id"]: record for record in result.records["campaigns"]}
            assert list(table.values()) == truth(sandbox, "campaigns")
            for each in result.records["campaigns"]:
                assert each["updatedAt"] == before[each["id"]]["updatedAt"]
                seen.add((before[each["id"]]["campaignState"], each["campaignState"]))
        assert {("Scheduled", "Running"), ("Running", "Finished")} <= seen
        assert all("endedAt" in each for each in table.values() if each["campaignState"] == "Finished")


@pytest.mark.parametrize("name", ["campaigns", "templates", "journeys"])
def test_what_is_deleted_while_pages_are_read_hides_nothing_else(name: str) -> None:
    with Sandbox(SandboxSettings(seed=8, users=20, days=10, events_per_day=0)) as sandbox:
        key = STREAMS[name].primary_key[0]
        gone = sandbox.truth_list(name)[0][key]

        def delete(entry: RequestLogEntry) -> bool:
            if entry.query["page"] == ["2"]:
                sandbox.delete(name, gone)
            return False

        sandbox.add_fault(Fault(name, "status", when=delete))
        result = sync(config_for(sandbox), [name])
        assert result.failure is None
        assert_exact(name, result.records[name], truth(sandbox, name), config_for(sandbox))
        assert gone not in {record[key] for record in result.records[name]}


def test_campaigns_that_change_all_the_time_end_in_an_error_that_says_so() -> None:
    with Sandbox(SandboxSettings(users=5, events_per_day=0)) as sandbox:
        config = config_for(sandbox)
        state = sync(config, ["campaigns"]).state

        def delete(entry: RequestLogEntry) -> bool:
            sandbox.delete("campaigns", sandbox.truth_list("campaigns")[0]["id"])
            return False

        sandbox.add_fault(Fault("campaigns", "status", when=delete))
        result = sync(config, ["campaigns"], state)
        error = result.errors["campaigns"].error
        assert error is not None
        assert "The list of GET campaigns changed each of the 5 times" in error.message
        assert error.failure_type is not None
        assert error.failure_type.value == "transient_error"
        assert result.records["campaigns"] == []
        assert result.state == state


def test_a_state_of_the_published_connector_with_a_creation_date_reads_all_templates(sandbox: Sandbox) -> None:
    state = [
        {
            "type": "STREAM",
            "stream": {
                "stream_descriptor": {"name": "templates"},
                "stream_state": {"createdAt": "2020-01-02 03:04:05+00:00"},
            },
        }
    ]
    result = sync(config_for(sandbox), ["templates"], state)
    assert len(result.records["templates"]) == 64


def test_campaigns_in_undocumented_states_are_read(sandbox: Sandbox) -> None:
    states = {record["campaignState"] for record in sync(config_for(sandbox), ["campaigns"]).records["campaigns"]}
    assert {"Throttled", "Recalled", "Archived", "Recurring"} <= states


def test_a_parent_is_requested_once_for_itself_and_all_its_children(sandbox: Sandbox) -> None:
    names = [
        *("lists", "list_users", "events"),
        *("campaigns", "campaigns_metrics", "experiments_metrics", "child_campaigns"),
        *("templates", "template_contents", "catalogs", "catalog_items", "catalog_field_mappings"),
        *("metadata", "metadata_entries"),
    ]
    config = config_for(sandbox)
    sandbox.clear_requests()
    first = sync(config, names)
    parents = {"lists": 1, "campaigns": 5, "templates": 32, "catalogs": 3, "metadata": 1}
    assert {endpoint: sandbox.count(endpoint) for endpoint in parents} == parents
    for name in names:
        assert len(first.records[name]) == len(sandbox.truth_list(name))

    sandbox.clear_requests()
    second = sync(config, ["templates", "template_contents", "campaigns", "campaigns_metrics"], first.state)
    assert sandbox.count("campaigns") == 5
    assert len(second.records["campaigns_metrics"]) == len(first.records["campaigns_metrics"])
    assert second.records["campaigns"] == second.records["templates"] == second.records["template_contents"] == []


def test_every_stream_names_the_lists_that_it_shares_and_only_those(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or they are removed while it needs them, or kept while it does not."""
    read: set[tuple[str | None, str]] = set()

    def noting(real: Any) -> Any:
        def noted(shared: SharedLists, path: str, *others: Any) -> Any:
            read.add((STREAM.get(), path))
            return real(shared, path, *others)

        return noted

    for reader in ("blocks_by", "growing"):
        monkeypatch.setattr(SharedLists, reader, noting(getattr(SharedLists, reader)))
    names = [*NAMES, "list_users", "events"]
    assert sync(config_for(sandbox), names).failure is None
    shared = {path for name in names for path in STREAMS[name].lists}
    named = {(name, path) for name in names for path in STREAMS[name].lists}
    assert {(name, path) for name, path in read if path in shared} == named


def test_a_parent_that_fails_for_one_child_is_retried_by_the_next(sandbox: Sandbox) -> None:
    fault = Fault("catalogs", "status", times=1, status=400)
    sandbox.add_fault(fault)
    result = sync(config_for(sandbox), ["catalogs", "catalog_items", "catalog_field_mappings"])
    sandbox.clear_faults()

    assert len(result.errors) == 1
    complete = {name for name, statuses in result.statuses.items() if statuses[-1] == "COMPLETE"}
    assert len(complete) == 2


@pytest.mark.parametrize(
    ("name", "endpoint", "part", "gone"),
    [
        ("catalog_items", "catalogs/{catalogName}/items", "Catalog-00", 25),
        ("catalog_field_mappings", "catalogs/{catalogName}/fieldMappings", "Catalog-03", 1),
        ("metadata_entries", "metadata/{table}", "table0", 25),
        ("metadata_entries", "metadata/{table}/{key}", "Key0003", 3),
        ("child_campaigns", "campaigns/recurring/{id}/childCampaigns", "500001", 23),
        ("template_contents", "templates/push/get", "700003", 1),
    ],
)
def test_what_was_deleted_meanwhile_is_skipped_with_a_warning(
    sandbox: Sandbox, name: str, endpoint: str, part: str, gone: int, caplog: pytest.LogCaptureFixture
) -> None:
    fault = Fault(endpoint, "status", times=None, status=404, when=lambda entry: part in f"{entry.path} {entry.query}")
    sandbox.add_fault(fault)
    result = sync(config_for(sandbox), [name])
    sandbox.clear_faults()
    assert result.failure is None
    assert len(result.records[name]) == len(sandbox.truth_list(name)) - gone
    assert any(part in record.message and record.levelname == "WARNING" for record in caplog.records)


def test_a_forbidden_stream_fails_and_the_others_continue() -> None:
    with Sandbox(SandboxSettings(users=5, events_per_day=0, forbidden=("campaigns/metrics", "webhooks"))) as sandbox:
        result = sync(config_for(sandbox), ["campaigns", "campaigns_metrics", "webhooks", "snippets"])
    assert set(result.errors) == {"campaigns_metrics", "webhooks"}
    assert all(trace.error and trace.error.failure_type.value == "config_error" for trace in result.errors.values())
    assert result.statuses["campaigns_metrics"][-1] == "INCOMPLETE"
    assert len(result.records["snippets"]) == 7
    assert result.failure is not None


@pytest.mark.parametrize("name", ["catalog_items", "metadata_entries"])
def test_an_interrupted_sync_resumes_with_the_next_slice(sandbox: Sandbox, name: str) -> None:
    endpoint, part = {
        "catalog_items": ("catalogs/{catalogName}/items", "Catalog-05"),
        "metadata_entries": ("metadata/{table}", "table2"),
    }[name]
    sandbox.add_fault(Fault(endpoint, "status", times=None, status=400, when=lambda entry: part in entry.path))
    config = config_for(sandbox)
    first = sync(config, [name])
    sandbox.clear_faults()
    assert name in first.errors
    second = sync(config, [name], first.state)
    assert len(first.records[name]) > 0
    assert_exact(name, first.records[name] + second.records[name], truth(sandbox, name), config)
    third = sync(config, [name], second.state)
    assert len(third.records[name]) == len(sandbox.truth_list(name))


def test_no_secret_of_a_webhook_is_in_any_output(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    result = sync(config_for(sandbox), ["webhooks"])
    assert len(result.records["webhooks"]) == 3
    assert "secret-" not in f"{result} {caplog.text}"


@pytest.mark.parametrize(
    ("project_type", "kinds"),
    [("Email-based", {"email"}), ("UserID-based", {"userId"}), ("Hybrid", {"email", "userId"})],
)
def test_forgotten_users_have_the_identifiers_of_the_project_type(project_type: str, kinds: set[str]) -> None:
    with Sandbox(SandboxSettings(users=5, events_per_day=0, project_type=project_type)) as sandbox:
        result = sync(config_for(sandbox), ["forgotten_users"])
        assert in_any_order(result.records["forgotten_users"]) == in_any_order(sandbox.truth_list("forgotten_users"))
    assert {record["identifierType"] for record in result.records["forgotten_users"]} == kinds


def test_alternative_response_formats_are_read() -> None:
    settings = SandboxSettings(users=5, events_per_day=0, user_fields_shape="array", experiments_as_csv=True)
    with Sandbox(settings) as sandbox:
        result = sync(config_for(sandbox), ["user_fields", "experiments_metrics"])
        for name in ("user_fields", "experiments_metrics"):
            assert in_any_order(result.records[name]) == in_any_order(truth(sandbox, name))


def test_metrics_of_many_campaigns_take_as_few_requests_as_urls_allow() -> None:
    with Sandbox(SandboxSettings(users=5, events_per_day=0, campaigns=500, recurring_children=())) as sandbox:
        result = sync(config_for(sandbox), ["campaigns_metrics"])
        assert result.failure is None
        assert len(result.records["campaigns_metrics"]) == len(sandbox.truth_list("campaigns_metrics"))
        assert sandbox.count("campaigns/metrics", status=200) == 4
        requested = [text for entry in sandbox.requests for text in entry.query.get("campaignId", [])]
        states = {str(thing["id"]): thing["campaignState"] for thing in sandbox.truth_list("campaigns")}
        assert not {states[campaign_id] for campaign_id in requested} & {"Draft", "Scheduled"}
        assert len(requested) == len(set(requested))


def test_a_campaign_updated_during_paging_is_read_by_the_next_sync_at_the_latest() -> None:
    with Sandbox(SandboxSettings(users=5, events_per_day=0)) as sandbox:
        first, *_, last = (thing["id"] for thing in sandbox.truth_list("campaigns"))

        def touch(entry: RequestLogEntry) -> bool:
            if entry.query["page"] == ["2"]:
                sandbox.touch("campaigns", first)
                sandbox.touch("campaigns", last)
            return False

        sandbox.add_fault(Fault("campaigns", "status", times=1, when=touch))
        result = sync(config_for(sandbox), ["campaigns", "campaigns_metrics"])
        sandbox.clear_faults()
        again = sync(config_for(sandbox), ["campaigns"], result.state)
        assert [record["id"] for record in again.records["campaigns"]] == [first]
        latest = {record["id"]: record for record in [*result.records["campaigns"], *again.records["campaigns"]]}
        assert in_any_order(list(latest.values())) == in_any_order(truth(sandbox, "campaigns"))
        metrics = in_any_order(uncounted(result.records["campaigns_metrics"]))
        assert metrics == in_any_order(truth(sandbox, "campaigns_metrics"))


def test_a_catalog_that_changes_during_paging_yields_no_item_twice_and_says_what_is_missing(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    items = [thing for thing in sandbox.truth_list("catalog_items") if thing["catalogName"] == "Catalog-00"]
    grown = {"catalogItemsWithProperties": items[9:19], "totalItemsCount": 26}
    sandbox.add_fault(
        Fault(
            "catalogs/{catalogName}/items",
            "status",
            status=200,
            # The last item of the first page is now the first of the second; responses may be wrapped.
            body={"msg": "", "code": "Success", "params": grown},
            when=lambda entry: "Catalog-00" in entry.path and entry.query["page"] == ["2"],
        )
    )
    result = sync(config_for(sandbox), ["catalog_items"])
    sandbox.clear_faults()
    read = [record["itemId"] for record in result.records["catalog_items"] if record["catalogName"] == "Catalog-00"]
    assert read == [item["itemId"] for item in items[:19]]
    told = [message for message in caplog.messages if "items of catalog" in message]
    assert told == [
        "catalog_items: 19 of 26 items of catalog Catalog-00 were read: it changed meanwhile. The next sync reads it again."
    ]
