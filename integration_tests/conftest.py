"""Fixtures of several tests: a warehouse of each sort, and the models of the dbt package."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.models import BIN, FILE, PACKAGE, SETTINGS, Built, in_duckdb, load
from integration_tests.s3_server import S3Server
from integration_tests.sandbox import Sandbox
from integration_tests.warehouses import (
    BucketWarehouse,
    DuckDBWarehouse,
    ParquetWarehouse,
    PostgresWarehouse,
    Warehouse,
    postgres,
)
from source_iterable.load.command import open_destination

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of the dbt package take longest: they come first, and so together in one of several processes."""
    items.sort(key=lambda item: item.get_closest_marker("models") is None)


@pytest.fixture(autouse=True)
def dbt_environment(request: pytest.FixtureRequest) -> None:
    """Tests of the dbt package run dbt in an environment of its own."""
    if request.node.get_closest_marker("models") and not (BIN / "dbt").exists():
        pytest.fail("dbt is not installed for the tests. Run them by: make test-models", pytrace=False)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresWarehouse]:
    """For databases with names of their own."""
    with postgres() as server:
        yield server


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """For buckets with names of their own."""
    with S3Server() as server:
        yield server


@pytest.fixture
def bucket_warehouse(s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BucketWarehouse:
    warehouse = BucketWarehouse(s3_server, f"lake-{token_hex(4)}")
    for name, value in warehouse.environment.items():
        monkeypatch.setenv(name, value)
    return warehouse


@pytest.fixture
def postgres_warehouse(postgres_server: PostgresWarehouse) -> Iterator[PostgresWarehouse]:
    with postgres_server.database("warehouse") as database:
        yield database


# `make test` asks a DuckDB file alone; what differs by engine, `make test-warehouses` tests.
OTHERS = [pytest.param(name, marks=pytest.mark.warehouses) for name in ("parquet", "bucket", "postgres")]


@pytest.fixture(params=["duckdb", *OTHERS])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    if request.param in ("postgres", "bucket"):
        yield request.getfixturevalue(f"{request.param}_warehouse")
    else:
        yield {"duckdb": DuckDBWarehouse, "parquet": ParquetWarehouse}[request.param](tmp_path)


@pytest.fixture
def opened(warehouse: Warehouse, tmp_path: Path) -> Callable[..., Any]:
    """Opens the warehouse as a load of one part of a backfill does."""
    (tmp_path / "work").mkdir()
    return lambda part="": open_destination(warehouse.to, "iterable", part, tmp_path / "work")


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
    return in_duckdb(Path(shutil.copy(loaded, folder / FILE)), folder)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium. Without it, tests of the page fail in CI, and are skipped elsewhere."""
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium")
    if not executable:
        refuse = pytest.fail if "CI" in os.environ else pytest.skip
        refuse("There is no browser for the page: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def browse(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a file; at the end no page may have said anything on its console or asked for anything but itself."""
    said: list[str] = []
    asked: list[str] = []
    context: dict[str, Any] = {"locale": "de-DE", "timezone_id": "America/Los_Angeles", "offline": True}

    def start(file: Path, width: int = 1280, choice: str = "", **more: Any) -> Page:
        page = chromium.new_context(**context, **more, viewport={"width": width, "height": 900}).new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{file.as_uri()}{choice}")
        return page

    yield start
    assert said == []
    assert all(url.startswith(("file://", "data:")) for url in asked), asked


@pytest.fixture(scope="session")
def report_file(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the sandbox's project."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    command = [str(BIN / "python"), str(PACKAGE / "report.py"), "--database", built.database, "--output", str(file)]
    subprocess.run(command, check=True, capture_output=True)
    return file
