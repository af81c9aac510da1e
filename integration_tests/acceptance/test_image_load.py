"""The image that loads: with nothing but its environment, into a file on a volume and into PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from integration_tests.acceptance.test_image import docker, image
from integration_tests.sandbox import Sandbox, SandboxSettings
from integration_tests.stand_in import in_place_of_iterable
from integration_tests.warehouses import DuckDBWarehouse, PostgresWarehouse

pytestmark = pytest.mark.image_tests

CERTIFICATE = "/certificate.pem"
STREAMS = ["channels", "message_types", "users", "email_send"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(users=40, days=2, events_per_day=400)) as running:
        yield running


@pytest.fixture
def iterable(sandbox: Sandbox, tmp_path: Path) -> Iterator[list[str]]:
    """Options of `docker run` with which a container reads the sandbox in Iterable's place."""
    with in_place_of_iterable(sandbox, tmp_path) as variables:
        given = {**variables, "REQUESTS_CA_BUNDLE": CERTIFICATE}
        options = [part for name, value in given.items() for part in ("-e", f"{name}={value}")]
        yield [*options, "-v", f"{variables['REQUESTS_CA_BUNDLE']}:{CERTIFICATE}:ro"]


def load(*arguments: str) -> str:
    return docker("run", "--rm", *arguments, "--streams", ",".join(STREAMS))


def test_it_loads_into_a_file_on_a_volume_and_goes_on_there(
    sandbox: Sandbox, iterable: list[str], tmp_path: Path
) -> None:
    volume = tmp_path / "data"
    volume.mkdir()
    # For user 1000, whoever runs the tests.
    volume.chmod(0o777)
    command = [*iterable, "-v", f"{volume}:/data", f"{image()}-load", "load", "--to", "/data/iterable.duckdb"]
    assert "To look at the tables:" in load(*command)
    assert (volume / "iterable.duckdb").stat().st_uid == 1000
    warehouse = DuckDBWarehouse(volume)
    counts = {stream: warehouse.count(stream) for stream in STREAMS}
    assert min(counts.values()) > 0
    now = sandbox.now().replace(microsecond=0)
    read = sandbox.truth("emailSend", now - timedelta(days=2), now - timedelta(minutes=5))
    assert counts["email_send"] == len(read)
    assert "2 streams had nothing new." in load(*command)
    assert {stream: warehouse.count(stream) for stream in STREAMS} == counts


def test_it_loads_into_postgresql(iterable: list[str], postgres_warehouse: PostgresWarehouse) -> None:
    user, rest = postgres_warehouse.address
    database, _, folder = rest.partition("?host=")
    socket = ["-v", f"{folder}/.s.PGSQL.5432:/socket/.s.PGSQL.5432"]
    load(*iterable, *socket, f"{image()}-load", "load", "--to", f"postgresql://{user}@/{database}?host=/socket")
    assert min(postgres_warehouse.count(stream) for stream in STREAMS) > 0


def test_it_has_no_more_than_it_needs(iterable: list[str]) -> None:
    assert docker("run", "--rm", "--entrypoint", "id", f"{image()}-load", "-u").strip() == "1000"
    for name in ("pip", "pytest", "dbt"):
        code = f"import importlib.util; print(importlib.util.find_spec({name!r}))"
        assert docker("run", "--rm", "--entrypoint", "python", f"{image()}-load", "-c", code).strip() == "None", name
    *_, last = docker("run", "--rm", *iterable, f"{image()}-load", "check").splitlines()
    assert json.loads(last)["connectionStatus"]["status"] == "SUCCEEDED"


def test_airbytes_image_names_it(iterable: list[str]) -> None:
    command = ["docker", "run", "--rm", *iterable, image(), "load", "--to"]
    for to in ("/tmp/iterable.duckdb", "postgresql://u@127.0.0.1:1/db", "s3://bucket/path", "bigquery"):
        done = subprocess.run([*command, to], capture_output=True, text=True, check=False, env=os.environ)
        assert done.returncode != 0
        assert "This image is Airbyte's. To load, use the one whose tag ends in -load." in done.stderr, to
