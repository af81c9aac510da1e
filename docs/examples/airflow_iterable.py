"""Iterable in Airflow 3: every hour the load, as a task, and then the dbt models by Cosmos.

Needs `pip install astronomer-cosmos` in Airflow's environment; in another one, whose folder is LOADER,
`pip install "iterable-source[load]" dbt-duckdb`. The dbt project warehouse/ is beside this file; run `dbt deps` and
`dbt parse` in it when you deploy. The connection `iterable` has the API key as its password; WAREHOUSE in the environment is
the path of a DuckDB file.
"""

import os
from datetime import datetime, timedelta
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import TestBehavior

STREAMS = "users,campaigns,templates,email_send,email_open,email_click,email_bounce"
LOADER = Path(os.environ.get("LOADER", "/opt/loader"))
MODELS = Path(__file__).parent / "warehouse"

with DAG(
    "iterable",
    schedule="17 * * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    # Never two loads at once. One task at a time, because a DuckDB file has one writer; a database takes more.
    max_active_runs=1,
    max_active_tasks=1,
    default_args={"retries": 1, "retry_delay": timedelta(minutes=5)},
):
    load = BashOperator(
        task_id="load",
        bash_command=f'exec {LOADER}/bin/source-iterable load --to "$WAREHOUSE" --streams {STREAMS}',
        env={"ITERABLE_API_KEY": "{{ conn.iterable.password }}", "ITERABLE_START_DATE": "2026-01-01T00:00:00Z"},
        append_env=True,
    )
    models = DbtTaskGroup(
        group_id="models",
        project_config=ProjectConfig(MODELS, manifest_path=MODELS / "target" / "manifest.json", install_dbt_deps=False),
        profile_config=ProfileConfig("warehouse", "production", profiles_yml_filepath=MODELS / "profiles.yml"),
        execution_config=ExecutionConfig(dbt_executable_path=LOADER / "bin" / "dbt"),
        # In DuckDB, staging models are part of the others. Tests compare models, so they wait for all of them.
        render_config=RenderConfig(exclude=["config.materialized:ephemeral"], test_behavior=TestBehavior.AFTER_ALL),
    )
    load >> models
