"""campaigns_metrics_daily and list_sizes: a row a day, over many syncs."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker

from integration_tests.connector import catalog_for, config_for, state_of, sync
from integration_tests.sandbox import Fault, RequestLogEntry, Sandbox, SandboxSettings

Record = dict[str, Any]
NOW = datetime(2026, 3, 10, 9, 30, tzinfo=timezone.utc)
TODAY, DAY = NOW.date(), timedelta(days=1)
METRICS = "campaigns/metrics"
SIZE = "lists/{listId}/size"
# The columns of an email campaign, and the metrics that Iterable's reports call them.
EMAIL_COLUMNS = {
    "sends": "Total Email Sends",
    "delivered": "Total Emails Delivered",
    "bounces": "Total Emails Bounced",
    "totalOpens": "Total Email Opens",
    "uniqueOpens": "Unique Email Opens",
    "totalClicks": "Total Emails Clicked",
    "uniqueClicks": "Unique Email Clicks",
    "unsubscribes": "Total Unsubscribes",
    "complaints": "Total Complaints",
    "purchases": "Total Purchases",
    "revenue": "Revenue",
}


def a_sandbox(**settings: Any) -> Sandbox:
    """Whose metrics of a day grow until the day after the next."""
    grow = {"events_per_day": 100, "metrics_deviations": ("counted later",)}
    return Sandbox(SandboxSettings(**{"seed": 7, "users": 20, "days": 60, "now": NOW, **grow, **settings}))


def number(cell: str) -> float:
    return float(cell) if "." in cell else int(cell)


def truth(sandbox: Sandbox, first: date) -> dict[tuple[int, str], Record]:
    """What each campaign did from a day on, by campaign and day, without the days on which it did nothing."""
    days = {}
    for row in sandbox.truth_list("campaigns_metrics_daily"):
        cells = {name: number(cell) for name, cell in row.items() if name not in ("campaignId", "date")}
        if row["date"] >= first.isoformat() and any(cells.values()):
            days[row["campaignId"], row["date"]] = cells
    return days


def by_key(records: list[Record]) -> dict[tuple[int, str], Record]:
    """The last version of each record, as a destination that dedupes has it, without zeros."""
    found = {}
    for record in records:
        found[record["campaignId"], record["date"]] = record["data"]
    return {key: cells for key, cells in found.items() if any(cells.values())}


def asked(requests: list[RequestLogEntry]) -> list[tuple[date, date, list[int]]]:
    """The first and the last day, and the campaigns, of each request for metrics."""
    found = []
    for entry in requests:
        if entry.endpoint == METRICS:
            (start,), (end,) = entry.query["startDateTime"], entry.query["endDateTime"]
            ids = list(map(int, entry.query["campaignId"]))
            found.append((date.fromisoformat(start), date.fromisoformat(end) - DAY, ids))
    return found


def days_asked(requests: list[RequestLogEntry]) -> list[str]:
    """The days that were asked for by themselves, in order."""
    return list(dict.fromkeys(first.isoformat() for first, last, _ in asked(requests) if first == last))


def the_days(newest: date, count: int) -> list[str]:
    return [(newest - n * DAY).isoformat() for n in range(count)]


def test_every_day_of_every_campaign_is_read_newest_first() -> None:
    with a_sandbox() as sandbox:
        config = config_for(sandbox, days=100)
        result = sync(config, ["campaigns_metrics_daily"])
        expected = truth(sandbox, TODAY - 29 * DAY)
        requests = sandbox.requests
    records = result.records["campaigns_metrics_daily"]
    assert result.failure is None
    assert len(expected) > 250
    assert by_key(records) == expected
    assert max(Counter((record["campaignId"], record["date"]) for record in records).values()) == 1
    assert days_asked(requests) == the_days(TODAY, 30)
    (configured,) = catalog_for(config, ["campaigns_metrics_daily"])["streams"]
    validator = Draft7Validator(configured["stream"]["json_schema"], format_checker=FormatChecker())
    for record in records:
        validator.validate(record)


def test_the_common_metrics_are_columns() -> None:
    with a_sandbox() as sandbox:
        media = {thing["id"]: thing["messageMedium"] for thing in sandbox.truth_list("campaigns")}
        records = sync(config_for(sandbox, days=100), ["campaigns_metrics_daily"]).records["campaigns_metrics_daily"]
    filled: dict[str, set[str]] = {medium: set() for medium in ("Email", "Push", "InApp", "SMS")}
    for record in records:
        columns = {name: value for name, value in record.items() if name not in ("campaignId", "date", "data")}
        filled[media[record["campaignId"]]] |= set(columns)
        if media[record["campaignId"]] == "Email":
            data = record["data"]
            assert columns == {column: data[name] for column, name in EMAIL_COLUMNS.items() if name in data}
        elif media[record["campaignId"]] == "Push":
            assert columns.get("uniqueOpens") == record["data"].get("Unique Pushes Opened")
            assert columns.get("sends") == record["data"].get("Total Pushes Sent")
    everywhere = {"sends", "delivered", "unsubscribes", "purchases", "revenue"}
    assert filled == {
        "Email": set(EMAIL_COLUMNS),
        "Push": everywhere | {"bounces", "totalOpens", "uniqueOpens"},
        "InApp": everywhere | {"totalOpens", "uniqueOpens", "totalClicks", "uniqueClicks"},
        "SMS": everywhere | {"bounces", "totalClicks", "uniqueClicks"},
    }


def test_campaigns_that_ended_long_ago_are_not_asked_for() -> None:
    with a_sandbox(campaigns=150) as sandbox:
        sync(config_for(sandbox, days=100, metrics_days=20), ["campaigns_metrics_daily"])
        campaigns = {str(thing["id"]): thing for thing in sandbox.truth_list("campaigns")}
        asked = [
            (date.fromisoformat(entry.query["startDateTime"][0]), campaigns[campaign_id])
            for entry in sandbox.requests
            if entry.endpoint == METRICS
            for campaign_id in entry.query["campaignId"]
        ]
    of_today = {campaign["id"] for day, campaign in asked if day == TODAY}
    for campaign in campaigns.values():
        times = [campaign[name] for name in ("startAt", "createdAt", "updatedAt") if name in campaign]
        ended = campaign.get("endedAt", max(times))
        age = TODAY - datetime.fromtimestamp(ended / 1000, timezone.utc).date()
        goes_on = campaign["campaignState"] in ("Recurring", "Running") or campaign["type"] == "Triggered"
        may_have_changed = campaign["campaignState"] not in ("Draft", "Scheduled") and (goes_on or age <= 30 * DAY)
        assert (campaign["id"] in of_today) == may_have_changed, campaign
    assert len(of_today) < 0.8 * len(campaigns)
    # Nor before they were made, but for a day, wherever Iterable's days begin.
    made = [(day, datetime.fromtimestamp(campaign["createdAt"] / 1000, timezone.utc).date()) for day, campaign in asked]
    assert min(day - created for day, created in made) == -DAY


def test_over_many_syncs_the_last_three_days_are_read_again_until_nothing_moves() -> None:
    with a_sandbox() as sandbox:
        config = config_for(sandbox, days=100)
        records: list[Record] = []
        state: list[dict[str, Any]] = []
        for pause, expected in ((0, 30), (0, 3), (1, 3), (1, 3), (2, 4), (7, 9), (3, 5)):
            sandbox.advance(pause * 86_400)
            sandbox.clear_requests()
            result = sync(config, ["campaigns_metrics_daily"], state)
            assert result.failure is None
            days = the_days(sandbox.now().date(), expected)
            # A first sync is newest first. Later ones continue where the last one ended.
            assert days_asked(sandbox.requests) == (days[::-1] if state else days)
            records += result.records["campaigns_metrics_daily"]
            state = result.state
        assert by_key(records) == truth(sandbox, TODAY - 29 * DAY)
    newest, first = sandbox.now().date().isoformat(), (TODAY - 29 * DAY).isoformat()
    last = (sandbox.now().date() - 2 * DAY).isoformat()
    assert result.states["campaigns_metrics_daily"] == {"date": newest, "read": [[first, last]]}


@pytest.mark.parametrize(
    ("options", "newest", "count"),
    [
        ({"start_date": "2026-03-06T22:00:00Z"}, TODAY, 5),
        ({"end_date": "2026-03-05T00:00:00Z"}, TODAY - 6 * DAY, 30),
        ({"end_date": "2026-03-05T00:00:01Z", "metrics_days": 2}, TODAY - 5 * DAY, 2),
        ({"end_date": "2027-01-01T00:00:00Z", "metrics_days": 1}, TODAY, 1),
        ({"end_date": "2025-01-01T00:00:00Z"}, TODAY, 0),
        ({"metrics_days": 730}, TODAY, 101),
    ],
)
def test_nothing_outside_the_dates_of_the_configuration_is_read(options: Record, newest: date, count: int) -> None:
    with a_sandbox() as sandbox:
        result = sync({**config_for(sandbox, days=100), **options}, ["campaigns_metrics_daily"])
        assert result.failure is None
        # Nobody is asked for days before there was any campaign.
        oldest = min(thing["createdAt"] for thing in sandbox.truth_list("campaigns"))
        first = (datetime.fromtimestamp(oldest / 1000, timezone.utc).date() - DAY).isoformat()
        expected = [day for day in the_days(newest, count) if day >= first]
        assert days_asked(sandbox.requests)[:30] == expected[:30]
        assert {day.isoformat() for asked_for in asked(sandbox.requests) for day in asked_for[:2]} <= {
            *the_days(newest, count)
        }


@pytest.mark.parametrize(("state", "count"), [({"date": "2026-03-10"}, 3), ({"date": "2026-03-04"}, 8)])
def test_a_state_with_nothing_but_a_date_means_that_all_before_was_read(state: Record, count: int) -> None:
    with a_sandbox() as sandbox:
        sync(config_for(sandbox, days=100), ["campaigns_metrics_daily"], state_of("campaigns_metrics_daily", **state))
        assert days_asked(sandbox.requests) == the_days(TODAY, count)[::-1]


@pytest.mark.parametrize("name", ["campaigns_metrics_daily", "list_sizes"])
def test_a_state_in_the_future_reads_nothing_and_says_so(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with a_sandbox() as sandbox:
        result = sync(config_for(sandbox), [name], state_of(name, date="2026-03-11"))
        assert result.failure is None
        assert [entry.endpoint for entry in sandbox.requests] == ["channels"], "which tells the time"
        assert result.states[name] == {"date": "2026-03-11"}
    assert any("is in the future (2026-03-11; it is now 2026-03-10T09:30" in each.message for each in caplog.records)


@pytest.mark.parametrize(
    "state", [{"date": None}, {"date": "2026-03-10T00:00:00Z"}, {"date": "2026-03-20", "after": 1050}]
)
def test_odd_states_of_list_sizes_count_every_list(state: Record) -> None:
    with a_sandbox() as sandbox:
        result = sync(config_for(sandbox), ["list_sizes"], state_of("list_sizes", **state))
        assert ordered(result.records["list_sizes"]) == sizes(sandbox, TODAY)
        assert result.states["list_sizes"] == {"date": "2026-03-10", "after": 1050}


def test_days_without_any_list_have_a_state() -> None:
    with a_sandbox(lists=0) as sandbox:
        result = sync(config_for(sandbox), ["list_sizes"])
        assert result.failure is None
        assert result.states["list_sizes"] == {"date": "2026-03-10"}


@pytest.mark.parametrize("name", ["campaigns_metrics_daily", "list_sizes"])
@pytest.mark.parametrize(
    "state", [{"date": "yesterday"}, {"date": 5}, {"date": "2026-03-01", "read": [["2026-03-02"]]}]
)
def test_a_state_that_is_no_date_is_a_clear_error(name: str, state: Record) -> None:
    with a_sandbox() as sandbox:
        result = sync(config_for(sandbox), [name], state_of(name, **state))
    error = result.errors[name].error
    assert error is not None
    assert f"The state of stream {name} cannot be read" in error.message
    assert error.failure_type is not None
    assert error.failure_type.value == "config_error"


def test_rows_that_nobody_asked_for_are_left_out() -> None:
    with a_sandbox(campaigns=3, recurring_children=(1,)) as sandbox:
        fault = Fault(METRICS, "status", times=None, status=200, body="id,Total Email Sends\n500001,5\n999999,7\n")
        fault.when = lambda entry: entry.query["startDateTime"] == ["2026-03-10"]
        sandbox.add_fault(fault)
        result = sync(config_for(sandbox, days=0), ["campaigns_metrics_daily"])
    assert result.failure is None
    assert [record["campaignId"] for record in result.records["campaigns_metrics_daily"]] == [500001]


@pytest.mark.parametrize("body", ["id,Sends\n500001,5\n500001,6\n", "id,Sends\n,5\n", "<html></html>", "", '{"a": 1}'])
def test_what_is_no_report_is_not_believed(body: str) -> None:
    with a_sandbox(campaigns=3, recurring_children=(1,)) as sandbox:
        sandbox.add_fault(Fault(METRICS, "status", times=None, status=200, body=body))
        result = sync(config_for(sandbox, days=2), ["campaigns_metrics_daily"])
    assert "campaigns_metrics_daily" in result.errors
    assert result.records["campaigns_metrics_daily"] == []
    assert result.states["campaigns_metrics_daily"].get("read") is None


def test_a_sync_with_nothing_to_read_asks_for_nothing() -> None:
    with a_sandbox() as sandbox:
        config = config_for(sandbox, days=100, end_date="2026-02-20T00:00:00Z")
        first = sync(config, ["campaigns_metrics_daily"])
        sandbox.clear_requests()
        second = sync(config, ["campaigns_metrics_daily"], first.state)
        assert [entry.endpoint for entry in sandbox.requests] == ["channels"], "which tells the time"
        assert second.states == first.states


# list_sizes


def sizes(sandbox: Sandbox, day: date) -> list[Record]:
    return [{"date": day.isoformat(), **each} for each in sandbox.truth_list("list_sizes")]


def ordered(records: list[Record]) -> list[Record]:
    return sorted(records, key=lambda record: record["listId"])


def test_each_list_is_counted_once_a_day() -> None:
    with a_sandbox() as sandbox:
        config, state = config_for(sandbox), None
        for day in (TODAY, TODAY + DAY, TODAY + 8 * DAY):
            sandbox.advance((day - sandbox.now().date()).total_seconds())
            first = sync(config, ["list_sizes"], state)
            assert ordered(first.records["list_sizes"]) == sizes(sandbox, day)
            assert sandbox.count(SIZE) == 8
            second = sync(config, ["list_sizes"], first.state)
            assert second.records["list_sizes"] == []
            assert sandbox.count(SIZE) == 8
            state = second.state
            sandbox.clear_requests()


def test_a_list_whose_size_cannot_be_read_is_asked_for_again_on_that_day() -> None:
    with a_sandbox(lists=60) as sandbox:
        fault = Fault(SIZE, "status", times=None, status=502, when=lambda entry: "1022" in entry.path)
        sandbox.add_fault(fault)
        # Many more come after it.
        first = sync(config_for(sandbox), ["list_sizes"])
        sandbox.clear_faults()
        sandbox.clear_requests()
        second = sync(config_for(sandbox), ["list_sizes"], first.state)
        assert "list 1022" in str(first.errors["list_sizes"].error)
        assert ordered(first.records["list_sizes"] + second.records["list_sizes"]) == sizes(sandbox, TODAY)
        assert sandbox.count(SIZE) == 1


@pytest.mark.parametrize(("status", "said"), [(404, "no longer exists"), (500, "skipped")])
def test_a_list_that_is_gone_or_that_iterable_cannot_count_is_skipped(
    status: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with a_sandbox() as sandbox:
        fault = Fault(SIZE, "status", times=None, status=status, when=lambda entry: "1022" in entry.path)
        sandbox.add_fault(fault)
        result = sync(config_for(sandbox), ["list_sizes"])
        assert result.failure is None
        expected = [each for each in sizes(sandbox, TODAY) if each["listId"] != 1022]
        assert ordered(result.records["list_sizes"]) == expected
    assert any("list 1022" in record.message and said in record.message for record in caplog.records)


@pytest.mark.parametrize(
    "body",
    ["", "many", "-3", "<html>Please log in</html>", '{"size": 5}', "5\n6", "1.5", "[5]", "12345678901234567890"],
)
def test_what_is_no_number_is_no_size(body: str) -> None:
    with a_sandbox() as sandbox:
        sandbox.add_fault(Fault(SIZE, "status", times=None, status=200, body=body, when=lambda e: "1022" in e.path))
        result = sync(config_for(sandbox), ["list_sizes"])
    assert "list_sizes" in result.errors
    assert 1022 not in {record["listId"] for record in result.records["list_sizes"]}
    assert len(result.records["list_sizes"]) == 7


@pytest.mark.parametrize("body", ["17", "17\n", '"17"', " 17 "])
def test_a_size_is_a_bare_number(body: str) -> None:
    with a_sandbox(lists=1) as sandbox:
        sandbox.add_fault(Fault(SIZE, "status", times=None, status=200, body=body))
        result = sync(config_for(sandbox), ["list_sizes"])
    assert [record["size"] for record in result.records["list_sizes"]] == [17]


@pytest.mark.parametrize("others", [["list_users"], ["events"], ["list_users", "events"]])
@pytest.mark.parametrize("project_type", ["Email-based", "Hybrid"])
def test_lists_that_are_read_are_counted_without_a_request(others: list[str], project_type: str) -> None:
    with a_sandbox(project_type=project_type) as sandbox:
        result = sync(config_for(sandbox), ["list_sizes", *others])
        assert result.failure is None
        assert ordered(result.records["list_sizes"]) == sizes(sandbox, TODAY)
        assert (sandbox.count(SIZE), sandbox.count("lists/getUsers")) == (0, 8)


def test_sizes_and_members_share_five_requests_a_minute() -> None:
    """The sandbox refuses what is over its limit; nothing was refused."""
    with a_sandbox(rate_limit_factor=600, lists=12) as sandbox:
        fault = Fault("lists/getUsers", "status", times=None, status=404)
        fault.when = lambda entry: int(entry.query["listId"][0]) % 2 == 0
        sandbox.add_fault(fault)
        result = sync(config_for(sandbox, rate_limit_factor=600), ["list_sizes", "list_users"])
        assert result.failure is None
        assert ordered(result.records["list_sizes"]) == sizes(sandbox, TODAY)
        assert (sandbox.count(SIZE), sandbox.count("lists/getUsers")) == (6, 12)
        assert sandbox.count(status=429) == 0
