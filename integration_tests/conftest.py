"""Fixtures of several tests: a warehouse of each sort, and the models of the dbt package."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from integration_tests.models import SETTINGS, Built, in_duckdb, load
from integration_tests.sandbox import Sandbox
from integration_tests.warehouses import DuckDBWarehouse, ParquetWarehouse, Warehouse, postgres

# These share the session's models.
OF_MODELS = ("test_models.py", "test_models_figures.py", "test_report.py")


class ByFile(LoadScopeScheduling):
    """Several processes: each test file in one of them, and those of the models together."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "models" if file.endswith(OF_MODELS) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    return ByFile(config, log)


@pytest.fixture(params=["duckdb", "parquet", "postgres"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    if request.param == "postgres":
        with postgres(tmp_path) as server:
            yield server
    else:
        yield {"duckdb": DuckDBWarehouse, "parquet": ParquetWarehouse}[request.param](tmp_path)


@pytest.fixture(scope="session")
def project() -> Iterator[Sandbox]:
    """The project whose tables the models are made of."""
    with Sandbox(SETTINGS) as running:
        yield running


@pytest.fixture(scope="session")
def loaded(project: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DuckDB file with the raw tables of all streams."""
    folder = tmp_path_factory.mktemp("loaded")
    load(project, folder, str(folder / "iterable.duckdb"))
    return folder / "iterable.duckdb"


@pytest.fixture(scope="session")
def built(loaded: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The models of all streams, in a DuckDB file."""
    folder = tmp_path_factory.mktemp("built")
    return in_duckdb(Path(shutil.copy(loaded, folder / "iterable.duckdb")), folder)
