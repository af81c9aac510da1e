"""The sandbox's lists, users, events and exports: what the endpoints answer is the truth."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest

from integration_tests.sandbox import Sandbox, SandboxSettings
from integration_tests.sandbox.events import data_types
from integration_tests.test_sandbox_api import FORMAT, NOW, ask


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(now=NOW, days=5, users=60, project_type="Hybrid")) as running:
        yield running


def test_lists_users_and_their_events(sandbox: Sandbox) -> None:
    lists = sandbox.truth_list("lists")
    assert ask(sandbox, "lists").json() == {"lists": lists}
    sizes = set()
    for thing in lists:
        first, second = (ask(sandbox, "lists/getUsers", listId=thing["id"], preferUserId="true") for _ in range(2))
        users = first.text.split("\n")[:-1]
        sizes.add(len(users))
        assert sorted(users) == sorted(sandbox.list_users(thing["id"])) == sorted(second.text.split("\n")[:-1])
        assert ask(sandbox, f"lists/{thing['id']}/size").text == str(len(users))
        assert len(users) < 2 or first.text != second.text
    assert {0, 1, 60} <= sizes
    sample = ask(sandbox, "lists/previewUsers", listId=lists[0]["id"], size=5).text.splitlines()
    assert len(sample) == 5
    by_email = ask(sandbox, "lists/getUsers", listId=lists[0]["id"]).text.split("\n")[:-1]
    assert sorted(by_email) == sorted(sandbox.list_users(lists[0]["id"], prefer_user_id=False))
    assert set(by_email) != set(sandbox.list_users(lists[0]["id"]))
    emails = {user.get("email") for user in sandbox.truth("user", NOW - timedelta(days=500), NOW)}
    for name in by_email[:9]:
        parameter = "email" if name in emails else "userId"
        answer = ask(sandbox, "export/userEvents", includeCustomEvents="true", **{parameter: name})
        assert [orjson.loads(line) for line in answer.content.splitlines()] == sandbox.user_events(name)


def test_events_of_a_user_are_found_by_the_kind_of_name_that_is_asked_for(sandbox: Sandbox) -> None:
    users = sandbox.truth("user", NOW - timedelta(days=500), NOW)
    assert {("email" in user, "userId" in user) for user in users[:9]} == {(True, True), (True, False), (False, True)}
    for user in users[:9]:
        events = len(sandbox.user_events(user["itblUserId"]))
        assert events
        for kind, parameters in {"email": ["email"], "userId": ["userId"], "itblUserId": ["userId"]}.items():
            for parameter in ("email", "userId") if kind in user else ():
                answer = ask(sandbox, "export/userEvents", includeCustomEvents="true", **{parameter: user[kind]})
                assert answer.status_code == 200
                assert len(answer.content.splitlines()) == (events if parameter in parameters else 0)
    assert ask(sandbox, "export/userEvents", email="nobody@example.com").content == b""


def test_in_hybrid_projects_some_user_ids_look_like_emails() -> None:
    for project_type, odd, some in (("Hybrid", True, True), ("Hybrid", False, False), ("UserID-based", True, False)):
        users = Sandbox(SandboxSettings(now=NOW, project_type=project_type, odd=odd)).truth_list("list_users")
        assert any(user["userIdentifier"].endswith("@login.example") for user in users) == some


def test_a_deleted_list_is_gone() -> None:
    with Sandbox(SandboxSettings(now=NOW, days=1)) as sandbox:
        gone = sandbox.truth_list("lists")[2]["id"]
        sandbox.delete("lists", gone)
        assert ask(sandbox, "lists/getUsers", listId=gone).status_code == 404
        assert gone not in {thing["id"] for thing in ask(sandbox, "lists").json()["lists"]}


def test_forgotten_users_by_project_type(sandbox: Sandbox) -> None:
    both = (
        ask(sandbox, "users/forgotten").json()["hashedEmails"]
        + ask(sandbox, "users/forgottenUserIds").json()["hashedUserIds"]
    )
    assert both == [record["hash"] for record in sandbox.truth_list("forgotten_users")]
    for project_type, refused in (("Email-based", "users/forgottenUserIds"), ("UserID-based", "users/forgotten")):
        with Sandbox(SandboxSettings(now=NOW, days=1, project_type=project_type)) as other:
            assert ask(other, refused).status_code == 400


def test_user_fields_as_map_or_array(sandbox: Sandbox) -> None:
    fields = ask(sandbox, "users/getFields").json()["fields"]
    with Sandbox(SandboxSettings(now=NOW, days=1, user_fields_shape="array")) as other:
        as_array = ask(other, "users/getFields").json()["userFields"]
    assert as_array == [{"name": name, "type": kind} for name, kind in fields.items()]


@pytest.mark.parametrize("data_type", data_types())
def test_export_sends_the_truth(sandbox: Sandbox, data_type: str) -> None:
    start = NOW - timedelta(days=5)
    query = {"startDateTime": start.strftime(FORMAT), "endDateTime": NOW.strftime("%Y-%m-%d %H:%M:%S")}
    answer = ask(sandbox, "export/data.json", dataTypeName=data_type, **query)
    assert answer.headers["transfer-encoding"] == "chunked"
    assert [orjson.loads(line) for line in answer.content.split(b"\n")[:-1]] == sandbox.truth(data_type, start, NOW)


def test_export_ranges_and_filters(sandbox: Sandbox) -> None:
    def lines(**query: Any) -> list[Any]:
        content = ask(sandbox, "export/data.json", dataTypeName="emailSend", **query).content
        return [orjson.loads(line) for line in content.split(b"\n")[:-1]]

    before, today = lines(range="BeforeToday"), lines(range="Today")
    assert len(before) + len(today) == len(lines(range="All"))
    assert 0 < len(lines(range="Yesterday")) < len(before)
    campaign = next(record["campaignId"] for record in before if isinstance(record.get("campaignId"), int))
    only = lines(range="All", campaignId=campaign, onlyFields="campaignId,messageId")
    assert only
    assert all(set(record) <= {"campaignId", "messageId"} and record["campaignId"] == campaign for record in only)
    assert not any("email" in record for record in lines(range="All", omitFields="email,userId"))
    table = ask(sandbox, "export/data.csv", dataTypeName="emailSend", range="All").text
    assert table.startswith("createdAt,")
