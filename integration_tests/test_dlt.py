"""docs/examples/iterable_dlt.py works: two runs into DuckDB match the truth, the second one incremental."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from integration_tests.connector import config_for
from integration_tests.sandbox import Sandbox, SandboxSettings

dlt = pytest.importorskip("dlt", reason='dlt is not installed: pip install "dlt[duckdb]"')
EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
COMMAND = (sys.executable, "-m", "source_iterable")
STREAMS = ["lists", "campaigns", "users", "email_open", "custom_event", "experiments_metrics"]


@pytest.fixture
def iterable(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The source of the example."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("iterable_dlt").iterable


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    destination = dlt.destinations.duckdb(str(tmp_path / "tables.duckdb"))
    yield dlt.pipeline("iterable", tmp_path / "pipelines", destination=destination, dataset_name="iterable")


def test_two_runs_match_the_truth(pipeline: Any, iterable: Any) -> None:
    with Sandbox(SandboxSettings(users=50, days=3, events_per_day=400)) as sandbox:
        start, until = sandbox.now() - timedelta(days=3), sandbox.now() - timedelta(hours=5)
        config = config_for(sandbox, days=3)
        first = {**config, "end_date": until.strftime("%Y-%m-%dT%H:%M:%SZ")}
        pipeline.run(iterable(first, STREAMS, COMMAND)).raise_on_failed_jobs()
        assert count(pipeline, "email_open") == len(sandbox.truth("emailOpen", start, until))
        sandbox.clear_requests()

        pipeline.run(iterable(config, STREAMS, COMMAND)).raise_on_failed_jobs()

        end = last_end(sandbox)
        for table, data_type in (("email_open", "emailOpen"), ("custom_event", "customEvent")):
            assert count(pipeline, table) == len(sandbox.truth(data_type, start, end)), table
        assert count(pipeline, "users") == len({user["email"] for user in sandbox.truth("user", start, end)})
        for table in ("lists", "campaigns", "experiments_metrics"):
            assert count(pipeline, table) == len(sandbox.truth_list(table)), table
        # The second run requested nothing that the first had read.
        starts = {
            entry.query["startDateTime"][0] if entry.query.get("startDateTime") else entry.body["startDateTime"]
            for entry in sandbox.requests
            if entry.endpoint in ("export/data.json", "export/start")
        }
        assert starts == {until.strftime("%Y-%m-%d %H:%M:%S +00:00")}
        with pipeline.sql_client() as client:
            (row,) = client.execute_sql("SELECT data FROM custom_event WHERE data IS NOT NULL LIMIT 1")
            assert row[0].startswith("{")


def test_a_failed_run_loads_nothing(pipeline: Any, iterable: Any) -> None:
    with Sandbox(SandboxSettings(users=20, days=2, forbidden_data_types=("purchase",))) as sandbox:
        with pytest.raises(Exception, match="purchase"):
            pipeline.run(iterable(config_for(sandbox), ["email_open", "purchase"], COMMAND))
        pipeline.run(iterable(config_for(sandbox), ["email_open"], COMMAND)).raise_on_failed_jobs()
        start = sandbox.now() - timedelta(days=3)
        assert count(pipeline, "email_open") == len(sandbox.truth("emailOpen", start, last_end(sandbox)))


def count(pipeline: Any, table: str) -> int:
    with pipeline.sql_client() as client:
        ((rows,),) = client.execute_sql(f"SELECT count(*) FROM {table}")
    return int(rows)


def last_end(sandbox: Sandbox) -> str:
    """The end of the last window requested."""
    ends = [
        entry.query["endDateTime"][0] if entry.query.get("endDateTime") else entry.body["endDateTime"]
        for entry in sandbox.requests
        if entry.endpoint in ("export/data.json", "export/start")
    ]
    return max(ends)
