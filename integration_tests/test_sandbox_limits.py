"""The sandbox's rate limits, on a clock that is moved by hand."""

from __future__ import annotations

from functools import partial

import pytest
import requests

from integration_tests.sandbox import Sandbox, SandboxSettings
from integration_tests.sandbox.hosts import Limits

KEY = {"Api-Key": "sandbox-key"}
# The stopwatch runs on between two requests of a test; a factor this small makes an hour of a limit's second.
SLOW = 1 / 3600


def test_a_bucket_holds_its_limit_and_leaks_evenly() -> None:
    wait = partial(Limits(1.0).wait, "export/data.json")
    assert [wait(100.0) for _ in range(4)] == [0.0] * 4
    assert wait(100.0) == pytest.approx(15.0)
    assert wait(114.9) > 0
    assert wait(115.0) == 0.0
    assert wait(115.0) == pytest.approx(15.0)
    assert [wait(1000.0) for _ in range(5)] == [0.0] * 4 + [pytest.approx(15.0)]


@pytest.mark.parametrize(
    ("endpoint", "count", "period"),
    [
        ("export/data.json", 4, 60),
        ("export/start", 1, 1),
        ("export/{jobId}/files", 1, 1),
        ("lists/getUsers", 5, 60),
        ("campaigns/metrics", 10, 60),
        ("users/getFields", 3, 1),
        ("campaigns", 100, 1),
        ("export/userEvents", 10, 1),
        ("journeys", 10, 1),
    ],
)
def test_limits_are_those_of_the_api(endpoint: str, count: int, period: float) -> None:
    limits = Limits(1.0)
    assert [limits.wait(endpoint, 0.0) for _ in range(count + 1)] == [0.0] * count + [pytest.approx(period / count)]
    # A steady pace at the limit is never refused.
    assert not any(limits.wait(endpoint, 1000.0 + number * period / count) for number in range(500))


def test_a_factor_makes_limits_faster_and_none_turns_them_off() -> None:
    limits = Limits(10.0)
    assert [limits.wait("export/data.json", 0.0) for _ in range(5)] == [0.0] * 4 + [pytest.approx(1.5)]
    for off in (0, None):
        free = Limits(off)
        assert not any(free.wait("export/data.json", 0.0) for _ in range(100))


def test_endpoints_of_a_row_share_a_budget() -> None:
    limits = Limits(1.0)
    assert limits.wait("export/start", 5.0) == 0.0
    assert limits.wait("export/{jobId}/files", 5.0) > 0
    assert limits.wait("export/data.json", 5.0) == 0.0


@pytest.mark.parametrize("retry_after", [False, True])
def test_over_the_limit_comes_429(retry_after: bool) -> None:
    settings = SandboxSettings(days=1, rate_limit_factor=SLOW, retry_after=retry_after)
    with Sandbox(settings) as sandbox:

        def ask() -> requests.Response:
            query = {"dataTypeName": "emailSend", "range": "Today"}
            return requests.get(sandbox.base_url + "export/data.json", params=query, headers=KEY, timeout=10)

        assert [ask().status_code for _ in range(5)] == [200] * 4 + [429]
        refused = ask()
        assert refused.json()["code"] == "RateLimitExceeded"
        assert ("Retry-After" in refused.headers) is retry_after
        sandbox.advance(15 * 3600)
        assert [ask().status_code for _ in range(2)] == [200, 429]
        assert requests.get(sandbox.base_url + "lists", headers=KEY, timeout=10).status_code == 200
        # A request with a wrong key costs nothing.
        sandbox.advance(15 * 3600)
        assert requests.get(sandbox.base_url + "export/data.json", timeout=10).status_code == 401
        assert ask().status_code == 200
