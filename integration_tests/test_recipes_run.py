"""The examples of docs/run-it.md that need other programs: run by these, on a sandbox in Iterable's place."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from integration_tests.sandbox import Sandbox, SandboxSettings
from integration_tests.stand_in import in_place_of_iterable
from integration_tests.test_recipes import EXAMPLES

pytestmark = pytest.mark.recipes

ROOT = EXAMPLES.parents[1]
# With the connector, dbt, Dagster and Prefect; Airflow is alone.
RECIPES, AIRFLOW = (ROOT / name / "bin" for name in (".venv-recipes", ".venv-airflow"))
# All of them can report on their users; nothing is reported from here. And a busy machine is slow.
QUIET = {
    "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
}
DAGSTER = """
from dagster_iterable import definitions

job = definitions.resolve_implicit_global_asset_job_def()
assert [schedule.name for schedule in definitions.schedules] == ["hourly"]
result = job.execute_in_process()
print(*(event.asset_key.to_user_string() for event in result.get_asset_materialization_events()), sep="\\n")
users = next(key for key in job.asset_layer.executable_asset_keys if key.path[-1] == "iterable__users")
print("users from", *sorted(key.to_user_string() for key in job.asset_layer.asset_graph.get(users).parent_keys))
"""


@pytest.fixture(autouse=True)
def programs() -> None:
    if not (RECIPES / "dbt").exists() or not (AIRFLOW / "airflow").exists():
        pytest.fail("Dagster, Airflow and Prefect are not installed. Run this by: make recipes", pytrace=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples, deployed: with the dbt package from a repository, as of now."""
    folder = tmp_path_factory.mktemp("project")
    origin, files = folder / "origin", folder / "files"
    # What is not committed, too.
    names = subprocess.check_output(["git", "ls-files", "dbt"], cwd=ROOT, text=True).split()
    for name in names:
        (origin / name).parent.mkdir(parents=True, exist_ok=True)
        (origin / name).write_bytes((ROOT / name).read_bytes())
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "All"], ["tag", "v0.1.0"]):
        subprocess.run([*git, *words], cwd=origin, check=True)
    subprocess.run(["cp", "--recursive", str(EXAMPLES), str(files)], check=True)
    packages = files / "warehouse" / "packages.yml"
    packages.write_text(
        packages.read_text().replace("https://github.com/OWNER/source-iterable.git", f"file://{origin}")
    )
    for command in ("deps", "parse"):
        run(files / "warehouse", {"WAREHOUSE": "unused"}, RECIPES / "dbt", command, "--quiet")
    return files


@pytest.fixture
def iterable(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a program that reads a sandbox in Iterable's place."""
    with (
        Sandbox(SandboxSettings(users=30, days=2, events_per_day=300)) as sandbox,
        in_place_of_iterable(sandbox, tmp_path) as variables,
    ):
        yield {**variables, "WAREHOUSE": str(tmp_path / "warehouse.duckdb")}


def run(folder: Path, environment: dict[str, str], *command: str | Path) -> str:
    """What a command has printed. Raises AssertionError if it fails."""
    path = f"{RECIPES}:{os.environ['PATH']}"
    settings = {**os.environ, **QUIET, "PATH": path, **environment}
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, env=settings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout + done.stderr


def count(environment: dict[str, str], table: str) -> int:
    with duckdb.connect(environment["WAREHOUSE"], read_only=True) as database:
        return int(database.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


def test_kubernetes_has_such_a_cron_job() -> None:
    assert "passed" in run(EXAMPLES, {}, RECIPES / "kubernetes-validate", "--strict", "kubernetes.yaml")


def test_dagster_loads_and_builds_the_models_behind(project: Path, iterable: dict[str, str], tmp_path: Path) -> None:
    environment = {
        **iterable,
        "SOURCES__ITERABLE__API_KEY": iterable["ITERABLE_API_KEY"],
        "SOURCES__ITERABLE__START_DATE": iterable["ITERABLE_START_DATE"],
        "DAGSTER_HOME": str(tmp_path),
        "DLT_DATA_DIR": str(tmp_path),
    }
    printed = run(project, environment, RECIPES / "python", "-c", DAGSTER).splitlines()
    assert {"dlt_iterable_users", "dlt_iterable_email_send", "iterable__messages", "sent_by_day"} <= set(printed)
    (users,) = (line for line in printed if line.startswith("users from"))
    assert "dlt_iterable_users" in users.split()
    assert count(iterable, "iterable.users") == count(iterable, "analytics.iterable__users") > 0
    assert count(iterable, "analytics.sent_by_day") > 0


def test_airflow_loads_and_builds_the_models_behind(project: Path, iterable: dict[str, str], tmp_path: Path) -> None:
    environment = {
        **iterable,
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(project),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_ITERABLE": '{"conn_type": "generic", "password": "sandbox-key"}',
        "LOADER": str(RECIPES.parent),
    }
    airflow = AIRFLOW / "airflow"
    run(project, environment, airflow, "db", "migrate")
    assert "No data found" in run(project, environment, airflow, "dags", "list-import-errors", "--local")
    listed = run(project, environment, airflow, "dags", "list", "--local", "--output", "plain")
    assert {line.split()[0] for line in listed.splitlines() if "airflow_iterable" in line} == {
        "iterable",
        "iterable_pod",
    }
    # What the sandbox has is older than the example's start date.
    dag = project / "airflow_iterable.py"
    dag.write_text(dag.read_text().replace("2026-01-01T00:00:00Z", iterable["ITERABLE_START_DATE"]))
    run(project, environment, airflow, "dags", "test", "iterable")
    assert count(iterable, "iterable.users") == count(iterable, "analytics.iterable__users") > 0
    assert count(iterable, "analytics.sent_by_day") > 0


def test_prefect_loads(project: Path, iterable: dict[str, str], tmp_path: Path) -> None:
    code = "from prefect_iterable import load; load('warehouse.duckdb', 'users,campaigns')"
    environment = {**iterable, "PREFECT_HOME": str(tmp_path / "prefect"), "PYTHONPATH": f"{project}:{ROOT}"}
    printed = run(tmp_path, environment, RECIPES / "python", "-c", code)
    assert "Completed" in printed
    assert count(iterable, "iterable.users") > 0
