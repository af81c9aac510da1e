"""Iterable's own client as a witness: its schemas validate the sandbox's responses, and its results are the truth's."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from integration_tests.published import ROOT, TIMEOUT, NotAvailable, installed
from integration_tests.sandbox import Sandbox
from integration_tests.witnesses.defects import CLIENT_DEFECTS
from integration_tests.witnesses.verdicts import AGREE, DIFFERS, KNOWN, NOT_AVAILABLE, Record, Verdict

PACKAGE, VERSION = "@iterable/api", "0.13"
SCRIPT = Path(__file__).with_suffix(".mjs")
# Where the items of a result are, and the stream whose truth they are part of.
ITEMS = {
    "getLists": ("lists", "lists"),
    "getCampaigns": ("campaigns", "campaigns"),
    "getChildCampaigns": ("campaigns", "child_campaigns"),
    "getTemplates": ("templates", "templates"),
    "getEmailTemplate": ("", "template_contents"),
    "getPushTemplate": ("", "template_contents"),
    "getInAppTemplate": ("", "template_contents"),
    "getSMSTemplate": ("", "template_contents"),
    "getChannels": ("channels", "channels"),
    "getMessageTypes": ("messageTypes", "message_types"),
    "getJourneys": ("journeys", "journeys"),
    "getSnippets": ("snippets", "snippets"),
    "getWebhooks": ("webhooks", "webhooks"),
    "getCatalogs": ("catalogNames", "catalogs"),
    "getCatalogItems": ("catalogItemsWithProperties", "catalog_items"),
    "getCatalogItem": ("", "catalog_items"),
    "getCatalogFieldMappings": ("", "catalog_field_mappings"),
    "getExperimentMetrics": ("*", "experiments_metrics"),
}
# Methods that read, page by page or once for every parent, a stream to its end.
WHOLE = {
    *("getLists", "getCampaigns", "getChildCampaigns", "getChannels", "getMessageTypes", "getJourneys", "getSnippets"),
    *(
        "getWebhooks",
        "getCatalogs",
        "getCatalogItems",
        "getCatalogFieldMappings",
        "getExperimentMetrics",
        "getTemplates",
    ),
}


def installed_client() -> Path:
    """The client's module, installed with npm into .cache/. Raises NotAvailable."""
    folder = ROOT / ".cache" / f"iterable-api-{VERSION}"
    install = ["npm", "install", "--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"]
    steps = [[*install, "--prefix", str(folder), f"{PACKAGE}@{VERSION}"]]
    folder.mkdir(parents=True, exist_ok=True)
    return installed(folder, folder / "node_modules" / PACKAGE / "dist" / "index.js", f"{PACKAGE} {VERSION}", steps)


def client(sandbox: Sandbox, shapes: str) -> Iterator[Verdict]:
    """The verdicts of Iterable's own client, one a method; `shapes` names those of the sandbox's responses."""
    witness = f"{PACKAGE} {VERSION}, {shapes}"
    try:
        url, key = sandbox.base_url.removesuffix("/api/"), sandbox.settings.api_key
        command = ["node", str(SCRIPT), str(installed_client()), url, key]
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=True)
    except (NotAvailable, OSError) as error:
        yield Verdict(witness, "all", NOT_AVAILABLE, str(error))
        return
    calls: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for call in map(json.loads, done.stdout.split(b"\n")[:-1]):
        calls[call["method"]].append(call)
    for method, made in calls.items():
        yield _verdict(sandbox, witness, method, made)


def _verdict(sandbox: Sandbox, witness: str, method: str, calls: list[dict[str, Any]]) -> Verdict:
    known = ""
    for call in calls:
        if "error" not in call:
            continue
        text = next((t for m, part, t in CLIENT_DEFECTS if m == method and part in call["error"]), "")
        if not text:
            return Verdict(witness, method, DIFFERS, " ".join(call["error"].split()))
        known = text
    results = [call["result"] for call in calls if "error" not in call]
    if results and not known and (wrong := _wrong(sandbox, method, results)):
        return Verdict(witness, method, DIFFERS, wrong)
    return Verdict(witness, method, KNOWN if known else AGREE, known)


def _wrong(sandbox: Sandbox, method: str, results: list[Any]) -> str:
    """What is wrong with validated results: items that are not part of the truth, or too few of them."""
    if method == "getUserFields":
        truth = {field["name"]: field["type"] for field in sandbox.truth_list("user_fields")}
        return "" if results[0]["fields"] == truth else "other fields"
    if method in ("getListUsers", "getListPreviewUsers", "getListSize"):
        found = sorted(sum((_users(result) for result in results), []))
        members = sorted(member["userIdentifier"] for member in sandbox.truth_list("list_users"))
        expected = [len(sandbox.list_users(each["id"])) for each in sandbox.truth_list("lists")]
        return "" if found == (sorted(expected) if method == "getListSize" else members) else "other members"
    if method not in ITEMS:
        return ""
    selector, stream = ITEMS[method]
    items = [item for result in results for item in _items(result, selector)]
    truth_list = sandbox.truth_list(stream)
    for item in items:
        if not any(_part_of(item, record) for record in truth_list):
            return f"not in the truth: {json.dumps(item)[:300]}"
    # Templates are listed twice: all, and those of each medium.
    expected_count = len(truth_list) * (2 if method == "getTemplates" else 1)
    return f"{len(items)} of {expected_count}" if method in WHOLE and len(items) != expected_count else ""


def _users(result: dict[str, Any]) -> list[Any]:
    return [result["size"]] if "size" in result else [u if isinstance(u, str) else u["email"] for u in result["users"]]


def _items(result: Any, selector: str) -> list[Record]:
    items: list[Record] = result if selector == "*" else [result] if not selector else result[selector]
    return items


def _part_of(item: Record, record: Record) -> bool:
    return all(name in record and record[name] == value for name, value in item.items())
