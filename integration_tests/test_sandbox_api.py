"""The sandbox's endpoints: what they answer, page by page, and what they refuse."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
import pytest
import requests

from integration_tests.connector import config_for, sync
from integration_tests.sandbox import Sandbox, SandboxSettings

NOW = datetime(2026, 3, 10, 14, 30, 15, tzinfo=timezone.utc)
KEY = {"Api-Key": "sandbox-key"}
FORMAT = "%Y-%m-%d %H:%M:%S +00:00"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(now=NOW, days=5, users=60, project_type="Hybrid", forbidden=("webhooks",))) as running:
        yield running


def ask(sandbox: Sandbox, path: str, **query: Any) -> requests.Response:
    return requests.get(sandbox.base_url + path, params=query, headers=KEY, timeout=10)


def pages(sandbox: Sandbox, path: str, key: str, **query: Any) -> list[list[Any]]:
    """Every page of a listing, by nextPageUrl."""
    found = []
    answer = ask(sandbox, path, **query).json()
    while True:
        found.append(answer[key])
        if "nextPageUrl" not in answer:
            return found
        answer = requests.get(answer["nextPageUrl"], headers=KEY, timeout=10).json()


def test_the_key_may_come_in_either_header(sandbox: Sandbox) -> None:
    for name in ("Api-Key", "api_key", "API_KEY"):
        assert requests.get(sandbox.base_url + "lists", headers={name: "sandbox-key"}, timeout=10).status_code == 200


@pytest.mark.parametrize(
    "headers", [{}, {"Api-Key": "wrong"}, {"api_key": "wrong"}, {"Authorization": "Bearer sandbox-key"}]
)
def test_a_wrong_key_is_refused(sandbox: Sandbox, headers: dict[str, str]) -> None:
    answer = requests.get(sandbox.base_url + "lists", headers=headers, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (401, "BadApiKey")
    assert set(answer.json()) == {"code", "msg", "params"}


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("nothing", {}, 404, "NotFound"),
        ("lists/", {}, 404, "NotFound"),
        ("webhooks", {}, 403, "Forbidden"),
        ("export/start", {}, 405, "BadParams"),
        ("export/data.json", {"dataTypeName": "emailSent", "range": "All"}, 400, "BadParams"),
        ("export/data.json", {"dataTypeName": "emailSend"}, 400, "BadParams"),
        ("export/data.json", {"range": "All"}, 400, "BadParams"),
        ("export/data.json", {"dataTypeName": "emailSend", "range": "Tomorrow"}, 400, "BadParams"),
        ("export/data.json", {"dataTypeName": "emailSend", "startDateTime": "2026-01-01 00:00:00"}, 400, "BadParams"),
        ("export/userEvents", {}, 400, "BadParams"),
        ("lists/getUsers", {}, 400, "BadParams"),
        ("lists/getUsers", {"listId": "x"}, 400, "BadParams"),
        ("lists/getUsers", {"listId": "1"}, 404, "NotFound"),
        ("campaigns", {"pageSize": "1001"}, 400, "BadParams"),
        ("campaigns", {"page": "0"}, 400, "BadParams"),
        ("campaigns", {"sort": "-colour"}, 400, "BadParams"),
        ("journeys", {"pageSize": "51"}, 400, "BadParams"),
        ("catalogs", {"pageSize": "101"}, 400, "BadParams"),
        ("catalogs/Catalog-00/items", {"pageSize": "1001"}, 400, "BadParams"),
        ("templates", {"templateType": "blast"}, 400, "BadParams"),
        ("templates", {"messageMedium": "Fax"}, 400, "BadParams"),
        ("templates/email/get", {"templateId": "1"}, 404, "NotFound"),
        ("campaigns/metrics", {"startDateTime": "2026-01-01"}, 400, "BadParams"),
        ("campaigns/metrics", {"campaignId": "500001"}, 400, "BadParams"),
        ("campaigns/recurring/1/childCampaigns", {}, 400, "BadParams"),
        ("catalogs/none/items", {}, 404, "NotFound"),
        ("catalogs/Catalog-00/items/none", {}, 404, "NotFound"),
        ("metadata/none", {}, 404, "NotFound"),
        ("metadata/table0/none", {}, 404, "NotFound"),
        ("export/1/files", {}, 404, "NotFound"),
        ("export/x/files", {}, 400, "BadParams"),
    ],
)
def test_what_iterable_refuses(sandbox: Sandbox, path: str, query: dict[str, str], status: int, code: str) -> None:
    answer = ask(sandbox, path, **query)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("edge", ["2026-03-01T00:00:00Z", "2026-03-01", "yesterday", ""])
def test_bad_dates_are_refused(sandbox: Sandbox, edge: str) -> None:
    for other in ("startDateTime", "endDateTime"):
        query = {"startDateTime": "2026-03-01 00:00:00", "endDateTime": "2026-03-02 00:00:00", other: edge}
        assert ask(sandbox, "export/data.json", dataTypeName="emailSend", **query).status_code == 400


def test_a_url_may_not_be_long(sandbox: Sandbox) -> None:
    ids = list(range(500001, 500200))
    answer = ask(sandbox, "campaigns/metrics", campaignId=ids, startDateTime="2026-01-01")
    assert answer.status_code == 414
    assert ask(sandbox, "campaigns/metrics", campaignId=ids[:80], startDateTime="2026-01-01").status_code == 200


@pytest.mark.parametrize(
    ("path", "key", "query", "size", "stream"),
    [
        ("campaigns", "campaigns", {}, 20, "campaigns"),
        ("campaigns", "campaigns", {"pageSize": 9, "sort": "-updatedAt"}, 9, "campaigns"),
        ("templates", "templates", {"pageSize": 7, "page": 1, "sort": "-updatedAt"}, 7, "templates"),
        ("catalogs", "catalogNames", {}, 10, "catalogs"),
    ],
)
def test_pages_hold_everything_once(
    sandbox: Sandbox, path: str, key: str, query: dict[str, Any], size: int, stream: str
) -> None:
    found = pages(sandbox, path, key, **query)
    things = [thing for page in found for thing in page]
    truth = sandbox.truth_list(stream)
    assert len(found) > 1
    assert all(len(page) == size for page in found[:-1])
    assert sorted(map(orjson.dumps, things)) == sorted(map(orjson.dumps, truth))
    if "sort" in query:
        updates = [thing["updatedAt"] for thing in things]
        assert updates == sorted(updates, reverse=True)
        assert len(set(updates)) < len(updates)  # some share their time


def test_templates_of_a_kind_and_of_a_time(sandbox: Sandbox) -> None:
    total = 0
    for kind in ("Base", "Blast", "Triggered", "Workflow"):
        for medium in ("Email", "Push", "InApp", "SMS"):
            answer = ask(sandbox, "templates", templateType=kind, messageMedium=medium, page=1).json()
            assert answer["totalTemplatesCount"] == len(answer["templates"]) > 0
            total += len(answer["templates"])
    assert total == len(sandbox.truth_list("templates"))
    middle = NOW - timedelta(days=2)
    newer = ask(sandbox, "templates", pageSize=1000, startDateTime=middle.strftime("%Y-%m-%d %H:%M:%S")).json()
    older = ask(sandbox, "templates", pageSize=1000, endDateTime=middle.strftime(FORMAT)).json()
    assert len(newer["templates"]) + len(older["templates"]) == total
    assert all(thing["createdAt"] >= middle.timestamp() * 1000 for thing in newer["templates"])
    assert any(thing["updatedAt"] >= middle.timestamp() * 1000 for thing in older["templates"])


def test_campaigns_by_state_and_children(sandbox: Sandbox) -> None:
    truth = sandbox.truth_list("campaigns")
    assert {"Recalled", "Draft", "Recurring"} <= {thing["campaignState"] for thing in truth}
    recurring = ask(sandbox, "campaigns", campaignState=["Recurring", "Draft"], pageSize=1000).json()["campaigns"]
    assert {thing["campaignState"] for thing in recurring} == {"Recurring", "Draft"}
    children = []
    for parent in truth:
        if parent["campaignState"] == "Recurring":
            path = f"campaigns/recurring/{parent['id']}/childCampaigns"
            children += [thing for page in pages(sandbox, path, "campaigns", pageSize=10) for thing in page]
    assert len(children) == 25
    assert sorted(thing["id"] for thing in children) == sorted(
        thing["id"] for thing in sandbox.truth_list("child_campaigns")
    )


def test_journeys_and_archived_ones(sandbox: Sandbox) -> None:
    found = [thing for page in pages(sandbox, "journeys", "journeys", sort="-updatedAt") for thing in page]
    archived = [thing for page in pages(sandbox, "journeys", "journeys", state="Archived") for thing in page]
    assert archived
    assert all(thing["isArchived"] for thing in archived)
    assert not any(thing["isArchived"] for thing in found)
    assert len(found) + len(archived) == len(sandbox.truth_list("journeys"))


def test_metrics_are_csv_with_columns_that_differ(sandbox: Sandbox) -> None:
    truth = {row["id"]: row for row in sandbox.truth_list("campaigns_metrics")}
    seen: dict[str, dict[str, str]] = {}
    headers = set()
    campaigns = sandbox.truth_list("campaigns")
    for start in range(0, len(campaigns), 3):
        ids = [thing["id"] for thing in campaigns[start : start + 3]]
        text = ask(sandbox, "campaigns/metrics", campaignId=ids, startDateTime="2020-01-01T00:00:00Z").text
        headers.add(text.splitlines()[0])
        for row in csv.DictReader(text.splitlines()):
            seen[row["id"]] = {name: cell for name, cell in row.items() if cell}
    assert seen == truth
    assert len(headers) > 2
    assert len(truth) < len(campaigns)  # drafts and scheduled ones have none


def test_metrics_of_experiments(sandbox: Sandbox) -> None:
    rows = sandbox.truth_list("experiments_metrics")
    one = int(rows[0]["Campaign ID"])
    answer = ask(sandbox, "experiments/metrics", campaignId=one).json()
    read = list(csv.DictReader([answer["headers"], *answer["rows"]]))
    assert read == [row for row in rows if row["Campaign ID"] == str(one)]
    assert len(ask(sandbox, "experiments/metrics").json()["rows"]) == len(rows)


def test_experiments_by_limit_and_offset(sandbox: Sandbox) -> None:
    truth = sandbox.truth_list("experiments")
    listed: list[Any] = []
    while len(listed) < len(truth):
        answer = ask(sandbox, "experiments", limit=3, offset=len(listed)).json()
        assert answer["totalCount"] == len(truth)
        listed += answer["experiments"]
    assert [each["id"] for each in listed] == [each["id"] for each in truth]
    assert ask(sandbox, "experiments", limit=3, offset=len(truth)).json()["experiments"] == []
    assert len(ask(sandbox, "experiments").json()["experiments"]) == min(len(truth), 20)
    for query in ({"limit": 0}, {"limit": 1001}, {"offset": -1}):
        assert ask(sandbox, "experiments", **query).status_code == 400
    statuses = set()
    for thing in truth:
        details = ask(sandbox, f"experiments/{thing['id']}").json()
        assert {**details, "author": thing["author"]} == thing
        variants = ask(sandbox, f"experiments/{thing['id']}/variants").json()
        assert [each["variantId"] for each in variants["variants"]] == [each["id"] for each in thing["variants"]]
        totals = ask(sandbox, f"experiments/{thing['id']}/totals")
        assert totals.status_code == (404 if thing["status"] == "draft" else 200)
        statuses.add(thing["status"])
    assert statuses >= {"draft", "ready", "running", "finished", "winner_found"}
    assert ask(sandbox, "experiments/1").status_code == 404


def test_metadata_by_markers(sandbox: Sandbox) -> None:
    entries: list[Any] = []
    for table in ask(sandbox, "metadata").json()["results"]:
        query: dict[str, Any] = {}
        while True:
            answer = ask(sandbox, f"metadata/{table['name']}", **query).json()
            entries += [ask(sandbox, f"metadata/{e['table']}/{e['key']}").json() for e in answer["results"]]
            if "nextMarker" not in answer:
                break
            query = {"nextMarker": answer["nextMarker"]}
    assert entries == sandbox.truth_list("metadata_entries")
    assert len(entries) > 25


def test_catalog_items_and_mappings(sandbox: Sandbox) -> None:
    items: list[Any] = []
    mappings: list[Any] = []
    for catalog in sandbox.truth_list("catalogs"):
        path = f"catalogs/{catalog['name']}"
        found = pages(sandbox, f"{path}/items", "catalogItemsWithProperties")
        items += [item for page in found for item in page]
        mappings.append({"catalogName": catalog["name"], **ask(sandbox, f"{path}/fieldMappings").json()})
    assert items == sandbox.truth_list("catalog_items")
    assert mappings == sandbox.truth_list("catalog_field_mappings")


def test_catalogs_may_be_wrapped(sandbox: Sandbox) -> None:
    with Sandbox(SandboxSettings(now=NOW, days=1, wrapped_catalogs=True)) as other:
        for path in ("catalogs?pageSize=100", "catalogs/Catalog-00/items", "catalogs/Catalog-00/fieldMappings"):
            plain, wrapped = ask(sandbox, path).json(), ask(other, path).json()
            assert set(wrapped) == {"msg", "code", "params"}
            assert wrapped["code"] == "Success"
            assert set(wrapped["params"]) == set(plain)
        assert ask(other, "catalogs").json()["params"]["catalogNames"] == other.truth_list("catalogs")[:10]
        assert set(ask(other, "lists").json()) == {"lists"}
        names = ["catalogs", "catalog_items", "catalog_field_mappings"]
        result = sync(config_for(other), names)
        assert result.failure is None
        assert [len(result.records[name]) for name in names] == [len(other.truth_list(name)) for name in names]


def test_template_contents(sandbox: Sandbox) -> None:
    for content in sandbox.truth_list("template_contents"):
        medium = content.pop("messageMedium")
        path = f"templates/{medium.lower()}/get"
        assert ask(sandbox, path, templateId=content["templateId"]).json() == content


def test_contents_in_other_locales(sandbox: Sandbox) -> None:
    templates = {thing["templateId"]: thing for thing in sandbox.truth_list("templates")}
    locales: dict[int, set[str]] = {}
    for content in sandbox.truth_list("template_locales"):
        medium = content.pop("messageMedium")
        locales.setdefault(content["templateId"], set()).add(content["locale"])
        path, query = f"templates/{medium.lower()}/get", {"templateId": content["templateId"]}
        assert ask(sandbox, path, **query, locale=content["locale"]).json() == content
        assert ask(sandbox, path, **query).json()["isDefaultLocale"] is True
        assert ask(sandbox, path, **query, locale="xx").status_code == 404
    for template_id, template in templates.items():
        if client_id := template.get("clientTemplateId"):
            (entry,) = ask(sandbox, "templates/getByClientTemplateId", clientTemplateId=client_id).json()["templates"]
            assert entry["templateId"] == template_id
            assert set(entry["locales"][1:]) == locales.get(template_id, set())
    assert ask(sandbox, "templates/getByClientTemplateId", clientTemplateId="nobody's").json() == {"templates": []}


def test_things_can_be_touched() -> None:
    with Sandbox(SandboxSettings(now=NOW, days=3)) as sandbox:
        sandbox.advance(3600)
        for stream, key in (("campaigns", "id"), ("templates", "templateId"), ("journeys", "id")):
            touched = sandbox.truth_list(stream)[0][key]
            sandbox.touch(stream, touched)
            first = ask(sandbox, stream, sort="-updatedAt", pageSize=1).json()[stream][0]
            assert (first[key], first["updatedAt"]) == (touched, int(sandbox.now().timestamp() * 1000))


def test_requests_are_logged_without_values_of_headers(sandbox: Sandbox) -> None:
    sandbox.clear_requests()
    ask(sandbox, "campaigns", page=2, pageSize=5)
    ask(sandbox, "export/7/files")
    first, second = sandbox.requests
    assert (first.host, first.method, first.endpoint, first.status) == ("api", "GET", "campaigns", 200)
    assert first.query == {"page": ["2"], "pageSize": ["5"]}
    assert "api-key" in first.header_names
    assert (second.endpoint, second.path, second.status) == ("export/{jobId}/files", "/api/export/7/files", 404)
    assert sandbox.count("campaigns") == sandbox.count(status=404) == 1
    assert sandbox.count(method="GET") == 2


@pytest.mark.parametrize("path", ["lists", "no/such/endpoint"])
def test_responses_of_both_hosts_tell_the_time_of_the_sandboxs_clock(path: str) -> None:
    with Sandbox(SandboxSettings(now=NOW, days=1, users=3)) as sandbox:
        for seconds in (0, 3600):
            sandbox.advance(seconds)
            for url in (sandbox.base_url + path, sandbox.files_url + path):
                date = requests.get(url, headers=KEY, timeout=10).headers["Date"]
                assert parsedate_to_datetime(date) == sandbox.now()
