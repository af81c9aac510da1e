"""The sandbox's data: the same from the same seed, exact in any window, as odd as the API's."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_tests.sandbox import Sandbox, SandboxSettings, endpoints
from integration_tests.sandbox.events import data_types
from integration_tests.sandbox.fixtures import fixture
from integration_tests.sandbox.settings import EMAIL_BASED, HYBRID, PROJECT_TYPES, USER_ID_BASED
from integration_tests.sandbox.times import parse_record_time, parse_request_date
from integration_tests.sandbox.world import UNKNOWN_STATES
from source_iterable.reading.export_stream import EventStream
from source_iterable.streams import table

NOW = datetime(2026, 3, 10, 14, 30, 15, tzinfo=timezone.utc)
START = NOW - timedelta(days=4)
DATA_TYPES = data_types()
EVENT_TYPES = [name for name in DATA_TYPES if name != "user"]


def make(**changes: Any) -> Sandbox:
    """A sandbox that nobody asks over HTTP."""
    return Sandbox(SandboxSettings(**{"now": NOW, "days": 3, "users": 40, "events_per_day": 3000, **changes}))


@pytest.fixture(scope="module")
def full() -> Sandbox:
    return make()


@pytest.fixture(scope="module")
def twin() -> Sandbox:
    return make()


@pytest.fixture(scope="module")
def other() -> Sandbox:
    return make(seed=2)


def as_bag(records: list[dict[str, Any]]) -> Counter[bytes]:
    return Counter(orjson.dumps(record, option=orjson.OPT_SORT_KEYS) for record in records)


def test_all_types_hold_records(full: Sandbox) -> None:
    for data_type in EVENT_TYPES:
        assert full.truth(data_type, START, NOW), data_type
    assert len(full.truth("user", NOW - timedelta(days=500), NOW)) == 40


@pytest.mark.parametrize("data_type", DATA_TYPES)
def test_same_seed_same_data_other_seed_other_data(
    full: Sandbox, twin: Sandbox, other: Sandbox, data_type: str
) -> None:
    mine, same, another = (each.truth(data_type, NOW - timedelta(days=500), NOW) for each in (full, twin, other))
    assert mine == same != another
    # No two records of a type are equal.
    seen = as_bag([{n: value for n, value in each.items() if not n.startswith("itblInternal")} for each in mine])
    assert max(seen.values()) == 1


@settings(max_examples=60)
@given(
    data_type=st.sampled_from(["emailSend", "emailClick", "customEvent", "user", "journeyExit"]),
    edges=st.lists(st.integers(0, 4 * 86_400), min_size=3, max_size=3).map(sorted),
)
def test_windows_tile(full: Sandbox, data_type: str, edges: list[int]) -> None:
    first, middle, last = (START + timedelta(seconds=edge) for edge in edges)
    whole = as_bag(full.truth(data_type, first, last))
    assert whole == as_bag(full.truth(data_type, first, middle)) + as_bag(full.truth(data_type, middle, last))


def test_a_record_belongs_to_the_second_that_its_time_begins_with(full: Sandbox) -> None:
    for record in full.truth("emailSend", START, NOW)[:200]:
        ms = parse_record_time(record["createdAt"])
        assert ms is not None
        second = datetime.fromtimestamp(ms // 1000, timezone.utc)
        assert record in full.truth("emailSend", second, second + timedelta(seconds=1))
        assert record not in full.truth("emailSend", second + timedelta(seconds=1), second + timedelta(seconds=2))


def test_records_are_not_sorted(full: Sandbox) -> None:
    for window in (timedelta(days=3), timedelta(minutes=50)):
        times = [parse_record_time(record["createdAt"]) or 0 for record in full.truth("emailSend", NOW - window, NOW)]
        assert times != sorted(times)
        assert times != sorted(times, reverse=True)


def test_events_keep_coming_and_old_ones_stay() -> None:
    sandbox = make()
    before = as_bag(sandbox.truth("emailSend", START, NOW))
    sandbox.advance(86_400)
    assert as_bag(sandbox.truth("emailSend", START, NOW)) == before
    assert sandbox.truth("emailSend", NOW, sandbox.now())
    assert not sandbox.truth("emailSend", sandbox.now(), sandbox.now() + timedelta(days=9))


def test_profiles_are_updated_as_time_passes() -> None:
    sandbox = make()
    long_ago = NOW - timedelta(days=500)
    assert not sandbox.truth("user", NOW, NOW + timedelta(days=30))
    sandbox.advance(10 * 86_400)
    later = sandbox.truth("user", NOW, sandbox.now())
    earlier = sandbox.truth("user", long_ago, NOW)
    assert later
    assert len(later) + len(earlier) == 40


def test_index_lag_hides_new_events_for_a_while() -> None:
    sandbox = make(index_lag=3600.0)
    start = NOW - timedelta(hours=1)
    at_first = as_bag(sandbox.truth("emailSend", start, NOW))
    in_the_end = as_bag(sandbox.truth("emailSend", start, NOW, as_of=NOW + timedelta(seconds=3601)))
    assert at_first < in_the_end
    assert in_the_end == as_bag(make().truth("emailSend", start, NOW))
    sandbox.advance(3601)
    assert as_bag(sandbox.truth("emailSend", start, NOW)) == in_the_end


def test_events_refer_to_what_the_project_has(full: Sandbox) -> None:
    templates = templates_of_campaigns(full)
    users = {record["itblUserId"] for record in full.truth("user", NOW - timedelta(days=500), NOW)}
    matching = 0
    for record in full.truth("emailSend", START, NOW):
        assert record["itblUserId"] in users
        its = templates.get(record["campaignId"], ()) if isinstance(record.get("campaignId"), int) else ()
        matching += record.get("templateId") in its
    assert matching > len(full.truth("emailSend", START, NOW)) * 0.8


def templates_of_campaigns(sandbox: Sandbox) -> dict[int, list[int]]:
    """The template of each campaign, and those of the variants of its experiment."""
    found = {thing["id"]: [thing["templateId"]] for thing in sandbox.truth_list("campaigns")}
    tested = {thing["id"]: thing["meta"]["campaignId"] for thing in sandbox.truth_list("experiments")}
    for variant in sandbox.truth_list("experiment_variants"):
        found[tested[variant["experimentId"]]].append(variant["value"]["templateId"])
    return found


MESSAGE = ("campaignId", "templateId", "messageTypeId", "channelId", "itblUserId")
FAMILIES = {
    "emailSend": [
        "emailOpen",
        "emailClick",
        "emailBounce",
        "emailComplaint",
        "emailUnSubscribe",
        "hostedUnsubscribeClick",
    ],
    "inAppSend": ["inAppDelivery", "inAppOpen", "inAppClick", "inAppClose", "inAppDelete", "inboxMessageImpression"],
    "pushSend": ["pushOpen", "pushBounce", "pushUninstall"],
    "webPushSend": ["webPushClick"],
    "smsSend": ["smsClick", "smsBounce", "smsReceived"],
    "whatsAppSend": ["whatsAppSeen", "whatsAppClick"],
    "embeddedSend": ["embeddedReceived", "embeddedImpression", "embeddedClick"],
}


def test_what_happens_to_a_message_happens_to_one_that_was_sent_before() -> None:
    sandbox = make(odd=False, events_per_day=20_000)
    templates = {thing["templateId"]: thing for thing in sandbox.truth_list("templates")}
    channels = {thing["id"]: thing["channelId"] for thing in sandbox.truth_list("message_types")}
    journeys = {thing["id"] for thing in sandbox.truth_list("journeys")}
    campaigns = templates_of_campaigns(sandbox)
    users = {record["itblUserId"] for record in sandbox.truth("user", NOW - timedelta(days=500), NOW)}
    for send, followers in FAMILIES.items():
        sent = {record["messageId"]: record for record in sandbox.truth(send, START, NOW)}
        for record in sent.values():
            assert record["itblUserId"] in users
            assert record["templateId"] in campaigns[record["campaignId"]]
            assert record["messageTypeId"] == templates[record["templateId"]]["messageTypeId"]
            assert record["channelId"] == channels[record["messageTypeId"]]
            assert record.get("workflowId") in {None, *journeys}
        for follower in followers:
            # At the beginning of the history they follow on what was sent before it.
            records = sandbox.truth(follower, NOW - timedelta(days=1), NOW)
            assert records, follower
            for record in records:
                first = sent[record["messageId"]]
                assert {name: record[name] for name in MESSAGE} == {name: first[name] for name in MESSAGE}
                assert first["createdAt"] < record["createdAt"]
    opened = {record["messageId"]: record["createdAt"] for record in sandbox.truth("emailOpen", START, NOW)}
    bounced = {record["messageId"] for record in sandbox.truth("emailBounce", START, NOW)}
    assert not bounced & set(opened)
    clicked = [record["messageId"] for record in sandbox.truth("emailClick", NOW - timedelta(days=1), NOW)]
    assert set(clicked) <= set(opened)


def test_custom_events_have_fields_of_their_own() -> None:
    fields: dict[str, set[str]] = {}
    for record in make(odd=False).truth("customEvent", START, NOW):
        fields.setdefault(record["eventName"], set()).update(record)
    assert "score" in fields["quiz.finished"] - fields["pageView"]
    assert "page" in fields["pageView"] - fields["quiz.finished"]


def test_without_oddities_nothing_is_odd() -> None:
    assert _oddities(make(project_type=HYBRID)) >= {
        *("unknown state", "odd text", "odd time", "@ in a userId"),
        *("_event_id", "data", "newField", "campaignid", "campaignId: str", "phoneNumber: int"),
    }
    assert _oddities(make(project_type=HYBRID, odd=False)) == set()


def _oddities(sandbox: Sandbox) -> set[str]:
    """All that is odd in the exports and listings of a project."""
    records = [each for name in DATA_TYPES for each in sandbox.truth(name, NOW - timedelta(days=500), NOW)]
    things = [each for row in endpoints.ROWS if row.stream != "events" for each in sandbox.truth_list(row.stream)]
    text = orjson.dumps([records, things]).decode()
    kinds: dict[str, set[str]] = {}
    for record in records:
        for name, value in record.items():
            kinds.setdefault(name, set()).add(type(value).__name__)
    # Text or null, by rights.
    nullable = ("referrer", "itblDS.brandAffinityLabel")
    odd = {f"{name}: {kind}" for name, each in kinds.items() for kind in each if len(each) > 1}
    odd = {each for each in odd if not each.startswith(nullable)}
    odd |= {"data", "_event_id", "_airbyte_data", "newField", "newerField", "campaignid", "$set"} & set(kinds)
    words = [orjson.dumps(word).decode()[1:-1] for word in fixture("words")["odd"] if word not in ("", "null")]
    odd |= {"odd text"} if any(word in text for word in words) else set()
    odd |= {"odd time"} if "105.000Z" in text or ' +0000"' in text else set()
    odd |= {"@ in a userId"} if any("@" in record.get("userId", "") for record in records) else set()
    states = {thing["campaignState"] for thing in sandbox.truth_list("campaigns")}
    return odd | ({"unknown state"} if states & set(UNKNOWN_STATES) else set())


def test_without_oddities_records_have_one_form() -> None:
    sandbox = make(odd=False)
    for name in EVENT_TYPES:
        records = sandbox.truth(name, START, NOW)
        assert {_shape(record["createdAt"]) for record in records} == {"+00:00"}
        assert all(isinstance(record.get("campaignId", 0), int) and "data" not in record for record in records)
    assert not {"Recalled", "Throttled"} & {thing["campaignState"] for thing in sandbox.truth_list("campaigns")}


def test_a_new_event_type_and_a_new_list_take_no_more_than_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "EXPORTS", [*table.EXPORTS, EventStream("whatsapp_open", "whatsAppOpen")])
    monkeypatch.setattr(endpoints, "ROWS", [*endpoints.ROWS, endpoints.Row("unheard_of", items=[{"id": 1}])])
    sandbox = make(odd=False, events_per_day=20_000)
    sent = {record["messageId"] for record in sandbox.truth("whatsAppSend", START, NOW)}
    opened = sandbox.truth("whatsAppOpen", NOW - timedelta(days=1), NOW)
    assert opened
    assert all(record["messageId"] in sent and record["userAgent"] for record in opened)
    with pytest.raises(ValueError, match="whatsAppClosed"):
        sandbox.truth("whatsAppClosed", START, NOW)
    with sandbox:
        answer = requests.get(sandbox.base_url + "unheard_of", headers={"Api-Key": "sandbox-key"}, timeout=10)
    assert answer.json() == {"unheard_of": [{"id": 1}]}
    assert sandbox.truth_list("unheard_of") == [{"id": 1}]


def test_every_odd_shape_occurs(full: Sandbox) -> None:
    records = [record for name in EVENT_TYPES for record in full.truth(name, START, NOW)]
    shapes = Counter(_shape(record["createdAt"]) for record in records)
    assert set(shapes) == {"+00:00", "+0000", "doubled", "millis"}
    assert all(parse_record_time(record["createdAt"]) for record in records)
    assert any("itblInternal.documentCreatedAt" in record for record in records)
    assert any("email" not in record for record in records)
    assert any("data" in record for record in records)
    assert any("_event_id" in record for record in records)
    assert any(value is None for record in records for value in record.values())
    assert any(isinstance(value, int) and value > 2**53 for record in records for value in record.values())
    assert any(isinstance(record.get("campaignId"), str) for record in records)
    documents = [record["transactionalData"] for record in records if isinstance(record.get("transactionalData"), str)]
    assert {_kind(text) for text in documents} >= {"dict", "list", "broken", "NoneType", "str"}
    lines = b"".join(full.truth_lines("customEvent", START, NOW))
    assert "\u2028".encode() in lines
    assert "🎉".encode() in lines


def _shape(value: object) -> str:
    if isinstance(value, int):
        return "millis"
    assert isinstance(value, str)
    return next((end for end in ("+00:00", "+0000") if value.endswith(" " + end)), "doubled")


def _kind(text: str) -> str:
    try:
        return type(orjson.loads(text)).__name__
    except ValueError:
        return "broken"


@pytest.mark.parametrize("project_type", PROJECT_TYPES)
def test_identifiers_follow_the_project_type(project_type: str) -> None:
    users = make(project_type=project_type, users=200).truth("user", NOW - timedelta(days=500), NOW)
    with_email = sum("email" in user for user in users)
    with_id = sum("userId" in user for user in users)
    assert all("itblUserId" in user for user in users)
    assert (with_email == 200) == (project_type == EMAIL_BASED)
    assert (with_id == 200) == (project_type == USER_ID_BASED)
    assert with_email
    assert with_id
    if project_type == HYBRID:
        assert any("email" in user and "userId" in user for user in users)


def test_put_records_are_served_in_the_window_of_their_time(full: Sandbox) -> None:
    sandbox = make(events_per_day=0)
    shapes: list[Any] = ["2026-03-01 10:00:00 +00:00", "2026-03-01T10:00:00.999105.000Z", 1772359200700]
    sandbox.put_records("emailSend", [{"createdAt": shape, "n": n} for n, shape in enumerate(shapes)])
    sandbox.put_records("emailSend", [b'{"createdAt": "2026-03-01 10:00:01 +0000", "n": 3}'])
    sandbox.put_records("emailSend", [b"not json"], at=datetime(2026, 3, 1, 10, tzinfo=timezone.utc))
    sandbox.put_records("user", [{"profileUpdatedAt": "2026-03-01 10:00:00 +00:00", "email": "put@example.com"}])
    first = datetime(2026, 3, 1, 10, tzinfo=timezone.utc)
    second = first + timedelta(seconds=1)
    assert [record["n"] for record in sandbox.truth("emailSend", first, second)] == [0, 1, 2]
    assert [record["n"] for record in sandbox.truth("emailSend", second, second + timedelta(seconds=1))] == [3]
    assert b"not json" in sandbox.truth_lines("emailSend", first, second)
    assert [record["email"] for record in sandbox.truth("user", first, second)] == ["put@example.com"]
    with pytest.raises(ValueError, match="createdAt"):
        sandbox.put_records("emailSend", [{"createdAt": "never"}])


def test_user_events_are_the_export_s_events_nested(full: Sandbox) -> None:
    lines = full.list_users(full.truth_list("lists")[0]["id"])
    of_all = full.truth_list("events")
    assert as_bag(of_all) == as_bag([record for line in lines for record in full.user_events(line)])
    assert len(of_all) == sum(len(full.truth(name, START, NOW)) for name in EVENT_TYPES)
    assert {record["_type"] for record in of_all} == set(EVENT_TYPES)
    assert all(isinstance(record["itblInternal"], dict) for record in of_all)
    assert not any(record["_type"] == "customEvent" for record in full.user_events(lines[0], include_custom=False))


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-02 00:00:00 +00:00", 86_400_000),
        ("1970-01-02 00:00:00 +0000", 86_400_000),
        ("1970-01-02 00:00:00", 86_400_000),
        ("1970-01-02 02:00:00 +02:00", 86_400_000),
        ("1970-01-02T00:00:00Z", None),
        ("1970-01-02", None),
        ("1970-13-02 00:00:00 +00:00", None),
        ("1970-01-02 00:00:00 UTC", None),
        ("", None),
    ],
)
def test_dates_of_the_export(text: str, ms: int | None) -> None:
    assert parse_request_date(text) == ms
