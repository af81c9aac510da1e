"""Fixtures of several tests: a warehouse of each sort."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration_tests.warehouses import DuckDBWarehouse, ParquetWarehouse, Warehouse, postgres


@pytest.fixture(params=["duckdb", "parquet", "postgres"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    if request.param == "postgres":
        with postgres(tmp_path) as server:
            yield server
    else:
        yield {"duckdb": DuckDBWarehouse, "parquet": ParquetWarehouse}[request.param](tmp_path)
