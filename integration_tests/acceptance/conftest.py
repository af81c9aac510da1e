"""Fixtures for Airbyte's standard tests: their scenarios, a sandbox for each, and the image if there is one to test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from airbyte_cdk.test.models import ConnectorTestScenario
from airbyte_cdk.test.models.scenario import ScenarioCommand

from integration_tests.acceptance import fitting
from integration_tests.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]

# The image that tests marked image_tests run, through a command `docker`; without it they are deselected.
IMAGE_VARIABLE = "CONNECTOR_IMAGE"

# The command that each of the CDK's tests runs; with a scenario not listed for it, it would only be skipped.
COMMANDS: dict[str, ScenarioCommand] = {
    "config_matches_spec": "spec",
    "check": "check",
    "discover": "discover",
    "basic_read": "read",
    "fail_read_with_bad_catalog": "read",
    "read": "read",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get(IMAGE_VARIABLE):
        return
    left_out = [item for item in items if item.get_closest_marker("image_tests")]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize every test that takes a scenario with those of its class listed for its command."""
    if "scenario" in metafunc.fixturenames and metafunc.cls is not None:
        command = COMMANDS.get(metafunc.function.__name__.removeprefix("test_").removeprefix("docker_image_build_and_"))
        scenarios = [each for each in metafunc.cls.get_scenarios() if command is None or each.runs(command)]
        metafunc.parametrize("scenario", scenarios, ids=[each.id for each in scenarios], indirect=True)


@pytest.fixture(scope="session")
def sandboxes() -> Iterator[dict[tuple[str, str], Sandbox]]:
    """The sandboxes started so far, by project type and region."""
    started: dict[tuple[str, str], Sandbox] = {}
    with ExitStack() as stack:
        yield started
        for sandbox in started.values():
            stack.push(sandbox)


@pytest.fixture
def scenario(request: pytest.FixtureRequest, sandboxes: dict[tuple[str, str], Sandbox]) -> ConnectorTestScenario:
    """A scenario of acceptance-test-config.yml, with the address of a sandbox of the same project type."""
    listed: ConnectorTestScenario = request.param
    config = listed.get_config_dict(connector_root=ROOT, empty_if_missing=False)
    project, region = config.get("project_type", "Email-based"), config.get("region", "US")
    if (project, region) not in sandboxes:
        sandboxes[project, region] = Sandbox(fitting(config)).start()
    address = {"api_base_url": sandboxes[project, region].base_url}
    return listed.model_copy(update={"config_dict": {**config, **address}})


@pytest.fixture(autouse=True)
def local_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the files that the standard tests leave behind in the test's own temporary folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def connector_image_override() -> str | None:
    """The prebuilt image for the CDK's image tests."""
    return os.environ.get(IMAGE_VARIABLE)


@pytest.fixture
def connector_base_image_override() -> None:
    """No base image: the image is built before the tests."""


@pytest.fixture
def read_from_streams() -> str:
    """The image reads every stream."""
    return "all"


@pytest.fixture
def read_scenarios() -> str:
    """The image reads every scenario."""
    return "all"
