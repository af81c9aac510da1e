"""Iterable in Dagster: an asset for each stream, the dbt models behind them, all of it every hour.

Needs `pip install "iterable-source[load]" dagster-dlt dagster-dbt dbt-duckdb`, and in the environment WAREHOUSE, the path of
a DuckDB file, SOURCES__ITERABLE__API_KEY and SOURCES__ITERABLE__START_DATE.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster
import dlt
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, DbtProject, dbt_assets
from dagster_dlt import DagsterDltResource, dlt_assets

from source_iterable.load import iterable

STREAMS = ["users", "campaigns", "templates", "email_send", "email_open", "email_click", "email_bounce"]
MODELS = DbtProject(Path(__file__).parent / "warehouse")
# In `dagster dev`; elsewhere run `dbt deps` and `dbt parse` when you deploy.
MODELS.prepare_if_dev()


@dlt_assets(
    dlt_source=iterable(streams=STREAMS),
    dlt_pipeline=dlt.pipeline(
        "iterable", destination=dlt.destinations.duckdb(os.environ["WAREHOUSE"]), dataset_name="iterable"
    ),
    name="iterable",
    group_name="iterable",
)
def streams(context: dagster.AssetExecutionContext, loader: DagsterDltResource) -> Iterator[Any]:
    yield from loader.run(context=context)


class SameTables(DagsterDbtTranslator):
    """The sources of the dbt package are the tables that dlt writes."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dagster.AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            return dagster.AssetKey(f"dlt_iterable_{dbt_resource_props['name']}")
        return super().get_asset_key(dbt_resource_props)


@dbt_assets(manifest=MODELS.manifest_path, project=MODELS, dagster_dbt_translator=SameTables())
def models(context: dagster.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    yield from dbt.cli(["build"], context=context).stream()


hourly = dagster.ScheduleDefinition(
    name="hourly", target=dagster.AssetSelection.assets(streams, models), cron_schedule="17 * * * *"
)
definitions = dagster.Definitions(
    assets=[streams, models],
    schedules=[hourly],
    resources={"loader": DagsterDltResource(), "dbt": DbtCliResource(MODELS)},
)
