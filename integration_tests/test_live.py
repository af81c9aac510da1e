"""The probes of a live project: the sandbox passes all of them, and each of its oddities is seen and called by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integration_tests.live import oddities
from integration_tests.live import report as reports
from integration_tests.live.compare import differences, of_sandbox
from integration_tests.live.probes import PROBES
from integration_tests.sandbox import Fault, RequestLogEntry, Sandbox, SandboxSettings
from integration_tests.sandbox.fixtures import fixture
from integration_tests.sandbox.settings import PROJECT_TYPES
from source_iterable.streams.table import EXPORTS

ROOT = Path(__file__).parent.parent
# Types whose fields are known; of others the sandbox has guesses, which the schemas do not have.
KNOWN = ("emailSend", "emailOpen", "emailClick", "emailUnSubscribe", "pushSend", "inAppOpen", "purchase", "user")
SMALL: dict[str, Any] = {
    "users": 40,
    "events_per_day": 300,
    "days": 9,
    "data_types": (*KNOWN, "customEvent"),
    "embedded": 2,
}
# What the sandbox has even without oddities.
ALWAYS = {oddities.ORDER_OF_USERS, oddities.UPDATE_STAYS, oddities.REWRITTEN, oddities.NO_SQL_NAMES}


def seen_in(report: dict[str, Any]) -> set[str]:
    return {odd for seen in report["probes"].values() for odd in seen.get("oddities", ())}


def verdicts(report: dict[str, Any]) -> dict[str, str]:
    return {name: seen["verdict"] for name, seen in report["probes"].items()}


@pytest.fixture(scope="module", params=PROJECT_TYPES)
def of_type(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The report on an odd project of each type."""
    return of_sandbox(SandboxSettings(project_type=request.param, events_per_day=1_000, days=9, embedded=2))


def test_the_sandbox_passes_its_own_probes(of_type: dict[str, Any]) -> None:
    held = verdicts(of_type)
    assert {name for name, verdict in held.items() if verdict == "differs"} == set()
    # Nobody refuses this key.
    assert {name for name, verdict in held.items() if verdict != "holds"} == {"refusals"}
    assert len(held) == len(PROBES) >= 40


def test_all_data_types_are_asked_for(of_type: dict[str, Any]) -> None:
    statuses = of_type["probes"]["data types"]["facts"]["statuses"]
    asked = {each.data_type for each in EXPORTS}
    assert len(asked) == 53
    assert statuses == dict.fromkeys({*asked, "emailUnsubscribe", "anonSession"}, 200)


@pytest.mark.parametrize("project_type", PROJECT_TYPES)
def test_a_project_without_oddities_has_none(project_type: str) -> None:
    report = of_sandbox(SandboxSettings(project_type=project_type, odd=False, **SMALL))
    assert seen_in(report) == ALWAYS
    assert set(verdicts(report).values()) <= {"holds", "not visible"}


LIMITED = Fault("campaigns", "status", status=429, headers={"Retry-After": "7"}, body={"code": "RateLimitExceeded"})
# What goes wrong where an oddity is built in.
FAULTS = {
    oddities.LIMITED: LIMITED,
    oddities.LIST_FAILS: Fault("lists/getUsers", "status", times=None),
    oddities.LIST_BREAKS: Fault("lists/getUsers", "cut", times=None),
}
# Projects, and the oddities that are built into each.
ODD: list[tuple[SandboxSettings, set[str]]] = [
    (
        SandboxSettings(events_per_day=2_000, days=9, project_type="Hybrid"),
        {
            oddities.FORMS_OF_TIME,
            oddities.OTHER_TYPES,
            oddities.UNKNOWN_FIELDS,
            oddities.NULLS,
            oddities.OWN_NAMES,
            oddities.LARGE_NUMBERS,
            oddities.CAREFUL_TEXTS,
            oddities.NO_OBJECT,
            oddities.INTERNAL_FIELDS,
            oddities.STATES_OF_CAMPAIGNS,
            oddities.CASE_OF_STATES,
            oddities.ADDRESS_AS_USER_ID,
        },
    ),
    (
        SandboxSettings(
            odd=False,
            user_fields_shape="array",
            wrapped_catalogs=True,
            experiments_as_csv=True,
            spellings="reference",
            forbidden_data_types=("smsClick",),
            forbidden=("webhooks",),
            **SMALL,
        ),
        {
            oddities.LIST_FAILS,
            oddities.ARRAY_OF_FIELDS,
            oddities.WRAPPED,
            oddities.EXPERIMENTS_AS_CSV,
            oddities.ONE_SPELLING,
            oddities.FORBIDDEN_TYPES,
            oddities.REFUSED,
        },
    ),
    (
        SandboxSettings(
            odd=False,
            experiments_offered=False,
            index_lag=1_200.0,
            users=40,
            days=9,
            events_per_day=6_000,
            data_types=("emailSend", "user"),  # one type of event, so often that some are late
        ),
        {oddities.LIST_BREAKS, oddities.NO_EXPERIMENTS, oddities.LATE, oddities.LIMITED, oddities.RETRY_AFTER},
    ),
]


@pytest.mark.parametrize(("settings", "built_in"), ODD, ids=["records", "endpoints", "moments"])
def test_each_oddity_is_seen_and_called_by_its_name(settings: SandboxSettings, built_in: set[str]) -> None:
    LIMITED.struck = 0

    def prepare(sandbox: Sandbox) -> None:
        for oddity in FAULTS.keys() & built_in:
            sandbox.add_fault(FAULTS[oddity])

    seen = seen_in(of_sandbox(settings, prepare))
    # Where no list can be read, its order cannot be seen, and where no custom event happens, its names cannot.
    assert seen - ALWAYS == built_in


def test_every_oddity_is_built_into_the_sandbox(of_type: dict[str, Any]) -> None:
    built_in = ALWAYS.union(*(named for _, named in ODD))
    of_emails = {oddities.WITHOUT_EMAIL} if of_type["project_type"] == "Email-based" else set()
    assert seen_in(of_type) >= of_emails
    assert built_in | {oddities.WITHOUT_EMAIL} == set(oddities.ODDITIES)


def test_every_group_of_odd_records_has_a_name() -> None:
    named = {
        "without email": oddities.WITHOUT_EMAIL,
        "a field that is null": oddities.NULLS,
        "another type than usual": oddities.OTHER_TYPES,
        "yet another type": oddities.OTHER_TYPES,
        "a field that nobody knows": oddities.UNKNOWN_FIELDS,
        "a large number": oddities.LARGE_NUMBERS,
        "any text": oddities.CAREFUL_TEXTS,
        "data that a template was not rendered with": oddities.NO_OBJECT,
        "a name that is the connector's own": oddities.OWN_NAMES,
        "a name that is none": oddities.NO_SQL_NAMES,
        "more of Iterable's own": oddities.INTERNAL_FIELDS,
    }
    assert set(fixture("odd")["event"]) == set(named)
    assert set(named.values()) <= set(oddities.ODDITIES)


WITHOUT_ANSWERS = {"rate limits", "redirects", "ends"}  # which look at what other probes have met


def everywhere(**fault: Any) -> Callable[[Sandbox], object]:
    """A fault at all requests but the first, which shows that the key works, and those of a wrong key."""
    return lambda sandbox: sandbox.add_fault(Fault(None, "status", times=None, after=1, **fault))


def test_a_login_page_is_never_taken_for_an_answer() -> None:
    page = b"<!doctype html><html><head><title>Sign in, please</title></head><body>Sign in</body></html>"
    report = of_sandbox(SandboxSettings(odd=False, **SMALL), everywhere(status=200, body=page))
    held = {name for name, verdict in verdicts(report).items() if verdict == "holds"}
    # The list of lists is the first request; keys and paths are looked at before there is any fault.
    assert held == {"key", "list of lists", "wrong key", "unknown path", *WITHOUT_ANSWERS}
    # Nothing that could not be looked at is called different, either, but it was looked at.
    assert verdicts(report)["data types"] == "differs"
    assert verdicts(report)["users of a list"] != "holds"


def test_a_server_that_fails_is_no_difference() -> None:
    report = of_sandbox(SandboxSettings(odd=False, **SMALL), everywhere(status=502, body=b"Bad Gateway"))
    assert [name for name, verdict in verdicts(report).items() if verdict == "differs"] == []
    # A later run asks again.
    unfinished = {name for name, seen in report["probes"].items() if not seen["is_finished"]}
    assert unfinished > {
        "data types",
        "half-open windows",
        "pages of campaigns",
        "profile fields",
        "metrics of campaigns",
    }


def test_one_fault_of_a_server_is_no_difference() -> None:
    for endpoint in ("campaigns", "export/data.json", "lists/getUsers", "export/{jobId}/files"):

        def fail_once(sandbox: Sandbox, endpoint: str = endpoint) -> None:
            sandbox.add_fault(Fault(endpoint, "status", status=503, after=1))

        report = of_sandbox(SandboxSettings(odd=False, **SMALL), fail_once)
        assert {verdict for name, verdict in verdicts(report).items() if name != "refusals"} == {"holds"}, endpoint
        assert seen_in(report) == ALWAYS


def test_what_changes_during_a_run_is_told() -> None:
    def prepare(sandbox: Sandbox) -> None:
        def change(entry: RequestLogEntry) -> bool:
            first = {name: sandbox.truth_list(name)[0] for name in ("campaigns", "templates")}
            journey = next(each for each in sandbox.truth_list("journeys") if not each["isArchived"])
            sandbox.change("campaigns", first["campaigns"]["id"], sendSize=17, labels=["x"])
            sandbox.change("templates", first["templates"]["templateId"], clientTemplateId="another", updatedAt=17)
            sandbox.change("journeys", journey["id"], enabled="changed")
            return False

        # Between the first look and the last.
        sandbox.add_fault(Fault("experiments", "status", when=change))

    probes = of_sandbox(SandboxSettings(odd=False, **SMALL), prepare)["probes"]
    without, moved = "changed without updatedAt", "changed with updatedAt"
    assert probes["updates of campaigns"]["facts"] == {
        "startAt later than updatedAt": "always",
        "endedAt later than updatedAt": "always",
        without: ["labels", "sendSize"],
        moved: [],
    }
    assert probes["updates of templates"]["facts"][moved] == ["clientTemplateId"]
    assert probes["updates of journeys"]["facts"][without] == ["enabled"]


def test_a_key_that_may_use_nothing_else_is_no_difference() -> None:
    forbidden = everywhere(status=403, body={"code": "Forbidden", "msg": "", "params": None})
    report = of_sandbox(SandboxSettings(odd=False, **SMALL), forbidden)
    assert [name for name, verdict in verdicts(report).items() if verdict == "differs"] == []
    assert seen_in(report) == {oddities.REFUSED, oddities.FORBIDDEN_TYPES, oddities.NO_EXPERIMENTS}
    assert report["probes"]["data types"]["reason"] == "the key may not export any"


def test_data_types_that_do_not_answer_cost_no_others() -> None:
    def break_it(sandbox: Sandbox) -> None:
        sandbox.add_fault(
            Fault(
                "export/data.json",
                "status",
                times=None,
                status=500,
                when=lambda entry: entry.query["dataTypeName"] == ["pushSend"],
            )
        )

    seen = of_sandbox(SandboxSettings(odd=False, **SMALL), break_it)["probes"]["data types"]
    asked = {each.data_type for each in EXPORTS}
    assert set(seen["facts"]["statuses"]) & asked == asked - {"pushSend"}
    assert not seen["is_finished"]


def test_a_login_page_for_one_data_type_costs_no_others() -> None:
    def break_it(sandbox: Sandbox) -> None:
        page = Fault("export/data.json", "status", times=None, status=200, body=b"<html>Sign in</html>")
        page.when = lambda entry: entry.query["dataTypeName"] == ["pushSend"]
        sandbox.add_fault(page)

    seen = of_sandbox(SandboxSettings(odd=False, **SMALL), break_it)["probes"]["data types"]
    assert seen["verdict"] == "differs"
    assert set(seen["facts"]["errors"]) == {"pushSend"}
    assert len(seen["facts"]["statuses"]) == len(EXPORTS) + 2


# Faults at one endpoint, and the probe that must see each.
BROKEN: list[tuple[str, Fault]] = [
    ("pages of campaigns", Fault("campaigns", "next_elsewhere", times=None, location="")),
    ("pages of journeys", Fault("journeys", "status", times=None, status=200, body={"journeys": [None]})),
    ("profile fields", Fault("users/getFields", "status", times=None, status=200, body={"fields": 7})),
    ("sizes of lists", Fault("lists/{listId}/size", "status", times=None, status=200, body=b"many")),
    ("users of a list", Fault("lists/getUsers", "status", times=None, status=200, body=b"a@example.com\n" * 90)),
    ("events of a user", Fault("export/userEvents", "status", times=None, status=200, body=b"")),
    ("parts of an experiment", Fault("experiments/{experimentId}/variants", "status", times=None, status=404)),
    (
        "trends of an experiment",
        Fault("experiments/{experimentId}/trends", "status", times=None, status=200, body={"series": []}),
    ),
    ("metrics of campaigns", Fault("campaigns/metrics", "status", times=None, status=200, body=b"name,sends\na,1\n")),
    ("types of a catalog's fields", Fault("catalogs/{catalogName}/fieldMappings", "status", times=None, status=400)),
    ("pages of metadata", Fault("metadata/{table}/{key}", "status", times=None, status=200, body={"key": "a"})),
    ("contents of templates", Fault("templates/email/get", "status", times=None, status=200, body={"templateId": 1})),
    ("embedded templates", Fault("templates/embedded/get", "status", times=None, status=404)),
    ("links to files", Fault("files", "expired", times=None)),
    (
        "list of webhooks",
        Fault("webhooks", "status", times=None, status=200, body={"webhooks": [{"id": 1}, {"id": 1}]}),
    ),
    ("redirects", Fault("webhooks", "redirect", times=None)),
]


@pytest.mark.parametrize(("probe", "fault"), BROKEN, ids=[name for name, _ in BROKEN])
def test_what_differs_is_called_so(probe: str, fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    fault.struck = 0
    # Those of single lists make the requests that the probe of redirects sums up.
    wanted = [each for each in PROBES if each.name == probe or each.name.startswith("list of ")]
    monkeypatch.setattr(reports, "PROBES", wanted)
    report = of_sandbox(SandboxSettings(odd=False, **SMALL), lambda sandbox: sandbox.add_fault(fault))
    assert verdicts(report)[probe] == "differs"


def test_a_probe_says_what_the_connector_relies_on() -> None:
    assert [each.name for each in PROBES if not (ROOT / each.relied_on).is_file()] == []
    assert len({each.name for each in PROBES}) == len(PROBES)


def test_a_comparison_lists_what_another_project_does() -> None:
    here = of_sandbox(SandboxSettings(odd=False, **SMALL))
    assert list(differences(here, here)) == []
    there = of_sandbox(
        SandboxSettings(odd=False, user_fields_shape="array", wrapped_catalogs=True, experiments_offered=False, **SMALL)
    )
    lines = list(differences(there, here))
    assert "profile fields: under is userFields there, fields here" in lines
    assert "profile fields: there, users/getFields has an array userFields; not here" in lines
    assert "items of a catalog: wrapped in params is True there, False here" in lines
    assert "experiments: offered is False there, True here" in lines
    assert not [line for line in lines if "own:" in line]


def test_a_comparison_of_like_projects_has_little_to_say() -> None:
    ours, theirs = (of_sandbox(SandboxSettings(seed=seed, events_per_day=1_000)) for seed in (1, 2))
    assert len(list(differences(theirs, ours))) < 25
