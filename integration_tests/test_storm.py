"""A dozen storms; `make storm` runs any number."""

from __future__ import annotations

import pytest

from integration_tests.storm.run import run

SEEDS = range(1, 13)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_the_records_are_the_truth(seed: int) -> None:
    outcome = run(seed)
    assert outcome.problems == [], str(outcome)
