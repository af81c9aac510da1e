"""The sandbox's JSON responses against Iterable's own reference, of which reference.json is what they need."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests

from integration_tests.sandbox import Sandbox, SandboxSettings
from integration_tests.sandbox.events import data_types
from integration_tests.sandbox.hosts import api_handlers
from integration_tests.sandbox.world import UNKNOWN_STATES

REFERENCE = Path(__file__).with_name("reference.json")
NOW = datetime(2026, 3, 10, 14, 30, 15, tzinfo=timezone.utc)
KEY = {"Api-Key": "sandbox-key"}
Schema = dict[str, Any]


def _anything(schema: Schema) -> Schema:
    return {}


def _integer(schema: Schema) -> Schema:
    return {"type": "integer"}


def _string(schema: Schema) -> Schema:
    return {"type": "string"}


def _integers(schema: Schema) -> Schema:
    return {"type": "array", "items": {"type": "integer"}}


def _open_states(schema: Schema) -> Schema:
    return {"type": "string", "enum": [*schema["enum"], *UNKNOWN_STATES]}


def _more_media(schema: Schema) -> Schema:
    # Iterable's page of message channels names in-app, too.
    return {"type": "string", "enum": [*schema["enum"], "InApp"]}


def _in_any_case(schema: Schema) -> Schema:
    # Cancelled is missing in the reference, and states come in any case (both seen).
    states = [*schema["enum"], "Cancelled"]
    return {"type": "string", "enum": [form for state in states for form in (state, state.lower(), state.upper())]}


# (definition, property) -> what it is in reality, where facts about the API or plain sense say otherwise.
DIFFERENCES: dict[tuple[str, str], Callable[[Schema], Schema]] = {
    # Times are epoch milliseconds, whatever the reference calls them (seen).
    ("ApiTemplateResponse", "createdAt"): _integer,
    ("ApiTemplateResponse", "updatedAt"): _integer,
    ("ApiPushTemplateModel", "createdAt"): _integer,
    ("ApiPushTemplateModel", "updatedAt"): _integer,
    ("ApiSMSTemplateModel", "createdAt"): _integer,
    ("ApiSMSTemplateModel", "updatedAt"): _integer,
    ("CatalogItemWithProperties", "lastModified"): _integer,
    # States that the reference does not name were seen: the set is open.
    ("CampaignDetails", "campaignState"): _open_states,
    ("ExportJobStatusAndFiles", "jobState"): _in_any_case,
    ("ChannelDetails", "messageMedium"): _more_media,
    # Types of the server's own language that leaked into the reference; its own examples show a name or number.
    ("JobModel", "jobState"): _string,
    ("JobModel", "dataTypeName"): _string,
    ("CampaignsResponse", "totalCampaignsCount"): _integer,
    ("GetTemplatesResponse", "totalTemplatesCount"): _integer,
    ("SnippetResponse", "id"): _integer,
    ("ApiWebhookResponse", "channelIds"): _integers,
    ("ApiWebhookResponse", "messageTypeIds"): _integers,
    ("CatalogItemWithProperties", "value"): _anything,  # called {"underlying": ...}: a wrapper that JSON does not show
    ("ApiEmailTemplateModel", "cacheDataFeed"): _anything,
    ("ApiEmailTemplateModel", "mergeDataFeedContext"): _anything,
}
# What the API sends beside what the reference names.
EXTRA = {"ApiWebhookResponse": {"authToken", "headers"}}


class Reference:
    """The reference, and its schemas with the differences worked in."""

    def __init__(self, path: Path) -> None:
        self.document = json.loads(path.read_text(encoding="utf-8"))
        self.definitions = {name: self._definition(name) for name in self.document["definitions"]}

    def _definition(self, name: str) -> Schema:
        schema: Schema = dict(self.document["definitions"][name])
        properties = dict(schema.get("properties", {}))
        for (definition, key), change in DIFFERENCES.items():
            if definition == name:
                properties[key] = change(properties[key])
        schema["properties"] = properties
        # Strict: a field that the reference does not name is an error, except where a definition names none at all.
        if properties and "additionalProperties" not in schema:
            properties |= {key: {} for key in EXTRA.get(name, ())}
            schema["additionalProperties"] = False
        return schema

    def answer(self, path: str, method: str = "get") -> Schema:
        """The schema of an operation's answer of 200."""
        return {**self.document["responses"][f"{method} {path}"], "definitions": self.definitions}


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference(REFERENCE)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(now=NOW, days=3, users=20, project_type="Hybrid", job_seconds=0)) as running:
        yield running


def ask(sandbox: Sandbox, path: str, **query: Any) -> Any:
    answer = requests.get(sandbox.base_url + path, params=query, headers=KEY, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()


def in_format(answer: Any, schema: Schema) -> None:
    jsonschema.Draft4Validator(schema).validate(answer)


@pytest.mark.parametrize(
    ("template", "path", "query"),
    [
        ("lists", "lists", {}),
        ("channels", "channels", {}),
        ("messageTypes", "messageTypes", {}),
        ("campaigns", "campaigns", {}),
        ("campaigns", "campaigns", {"page": 2, "pageSize": 30}),
        ("campaigns/recurring/{id}/childCampaigns", "campaigns/recurring/500001/childCampaigns", {"page": 2}),
        ("templates", "templates", {}),
        ("templates", "templates", {"page": 2, "pageSize": 30}),
        ("templates/email/get", "templates/email/get", {"templateId": 700001}),
        ("templates/email/get", "templates/email/get", {"templateId": 700001, "locale": "de-DE"}),
        ("templates/getByClientTemplateId", "templates/getByClientTemplateId", {"clientTemplateId": "client-0"}),
        ("templates/push/get", "templates/push/get", {"templateId": 700003}),
        ("templates/inapp/get", "templates/inapp/get", {"templateId": 700005}),
        ("templates/sms/get", "templates/sms/get", {"templateId": 700007}),
        ("journeys", "journeys", {"pageSize": 50}),
        ("journeys", "journeys", {"state": "Archived"}),
        ("catalogs", "catalogs", {"page": 2}),
        ("catalogs/{catalogName}/items", "catalogs/Catalog-00/items", {"page": 2}),
        ("catalogs/{catalogName}/items/{itemId}", "catalogs/Catalog-00/items/Item-0000", {}),
        ("catalogs/{catalogName}/fieldMappings", "catalogs/Catalog-01/fieldMappings", {}),
        ("snippets", "snippets", {}),
        ("webhooks", "webhooks", {}),
        ("metadata", "metadata", {}),
        ("metadata/{table}", "metadata/table0", {}),
        ("metadata/{table}/{key}", "metadata/table0/Key0001", {}),
        ("users/getFields", "users/getFields", {}),
        ("users/forgotten", "users/forgotten", {}),
        ("users/forgottenUserIds", "users/forgottenUserIds", {}),
        ("experiments/metrics", "experiments/metrics", {}),
    ],
)
def test_answers_are_as_the_reference_says(
    sandbox: Sandbox, reference: Reference, template: str, path: str, query: dict[str, Any]
) -> None:
    in_format(ask(sandbox, path, **query), reference.answer(template))


def test_jobs_are_as_the_reference_says(sandbox: Sandbox, reference: Reference) -> None:
    body = {"dataTypeName": "user", "outputFormat": "application/x-json-stream"}
    started = requests.post(sandbox.base_url + "export/start", json=body, headers=KEY, timeout=10).json()
    in_format(started, reference.answer("export/start", "post"))
    for _ in range(4):
        answer = ask(sandbox, f"export/{started['jobId']}/files")
        assert answer["files"]
        in_format(answer, reference.answer("export/{jobId}/files"))
    in_format(ask(sandbox, "export/jobs"), reference.answer("export/jobs"))


def test_errors_use_the_reference_s_codes(sandbox: Sandbox, reference: Reference) -> None:
    codes = reference.document["codes"]
    for path, headers in (("lists", {}), ("nothing", KEY), ("export/data.json", KEY), ("export/1/files", KEY)):
        answer = requests.get(sandbox.base_url + path, headers=headers, timeout=10).json()
        assert answer["code"] in codes
        assert set(answer) <= {"code", "msg", "params"}


def test_every_data_type_of_the_reference_is_there(reference: Reference) -> None:
    # Iterable may add one that this copy of its reference does not name yet.
    assert set(data_types()) >= set(reference.document["dataTypeNames"])


def test_every_endpoint_is_one_of_the_reference_s(reference: Reference) -> None:
    paths = set(api_handlers())
    assert len(paths) > 30
    # Those that only Iterable's own client knows.
    experiments = {
        f"experiments{part}"
        for part in (
            "",
            "/{experimentId}",
            "/{experimentId}/variants",
            "/{experimentId}/totals",
            "/{experimentId}/trends",
        )
    }
    assert paths - experiments <= set(reference.document["paths"])
