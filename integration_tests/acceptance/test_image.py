"""The image beyond the CDK's own image tests: its contents, and a sync that resumes where the last one ended."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from airbyte_cdk.test.models import ConnectorTestScenario

from integration_tests.acceptance.conftest import IMAGE_VARIABLE, ROOT
from integration_tests.acceptance.test_syncs import ListedIn
from source_iterable.version import __version__

pytestmark = pytest.mark.image_tests

STREAMS = ["lists", "campaigns", "users", "email_send", "purchase"]
COMPILED = """
import pathlib, sys, sysconfig
where = pathlib.Path(sysconfig.get_path("purelib"))
tag = sys.implementation.cache_tag
sources = [path for name in ("source_iterable", "airbyte_cdk") for path in (where / name).rglob("*.py")]
compiled = [path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc" for path in sources]
# The flags after the magic number mean: never check this against the source.
print(len(compiled), [str(path) for path in compiled if not path.is_file() or path.read_bytes()[4:8] != b"\\1\\0\\0\\0"])
"""


def docker(*arguments: str) -> str:
    """Run `docker` and return its stdout."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def image() -> str:
    return os.environ[IMAGE_VARIABLE]


def in_image(program: str, *arguments: str) -> str:
    return docker("run", "--rm", "--entrypoint", program, image(), *arguments)


class TestImage(ListedIn):
    section = "incremental"

    def test_it_has_the_labels_and_entrypoint_that_airbyte_expects(self) -> None:
        config = json.loads(docker("image", "inspect", image()))[0]["Config"]
        metadata = yaml.safe_load((ROOT / "metadata.yaml").read_text())["data"]
        assert config["Labels"]["io.airbyte.name"] == metadata["dockerRepository"]
        assert config["Labels"]["io.airbyte.version"] == metadata["dockerImageTag"] == __version__
        environment = dict(each.split("=", 1) for each in config["Env"])
        assert [environment["AIRBYTE_ENTRYPOINT"]] == config["Entrypoint"]

    def test_its_user_is_not_root_and_cannot_write_to_it(self) -> None:
        assert in_image("id", "-u").strip() == "1000"
        files = in_image("find", "/opt/source-iterable", "-writable", "-not", "-type", "l")
        assert files == ""

    def test_it_is_compiled_and_has_no_development_dependencies(self) -> None:
        count, not_compiled = in_image("python", "-c", COMPILED).split(maxsplit=1)
        assert int(count) > 100
        assert not_compiled.strip() == "[]"
        for name in ("pip", "pytest", "hatchling", "integration_tests", "unit_tests"):
            found = in_image("python", "-c", f"import importlib.util; print(importlib.util.find_spec({name!r}))")
            assert found.strip() == "None", name
        assert "build" not in in_image("ls", "/").split()

    def test_a_second_sync_resumes_where_the_first_ended(self, scenario: ConnectorTestScenario, tmp_path: Path) -> None:
        catalog = {"streams": [configured(stream) for stream in discovered(scenario, tmp_path)]}
        first = read(tmp_path, scenario, catalog)
        assert {record["stream"] for record in of_type(first, "RECORD")} == set(STREAMS)
        states = {each["stream"]["stream_descriptor"]["name"]: each for each in of_type(first, "STATE")}
        second = read(tmp_path, scenario, catalog, list(states.values()))
        # `lists` has no cursor.
        assert {record["stream"] for record in of_type(second, "RECORD")} == {"lists"}
        assert {each["stream"]["stream_descriptor"]["name"] for each in of_type(second, "STATE")} == set(STREAMS)


def read(
    folder: Path, scenario: ConnectorTestScenario, catalog: dict[str, Any], states: list[dict[str, Any]] | None = None
) -> list[dict[str, Any]]:
    files: dict[str, Any] = {"catalog": catalog, **({} if states is None else {"state": states})}
    return command(folder, "read", scenario, **files)


def discovered(scenario: ConnectorTestScenario, folder: Path) -> list[dict[str, Any]]:
    catalog = of_type(command(folder, "discover", scenario), "CATALOG")[0]
    return [stream for stream in catalog["streams"] if stream["name"] in STREAMS]


def configured(stream: dict[str, Any]) -> dict[str, Any]:
    mode = stream["supported_sync_modes"][-1]
    return {"stream": stream, "sync_mode": mode, "destination_sync_mode": "append"}


def command(folder: Path, name: str, scenario: ConnectorTestScenario, **files: Any) -> list[dict[str, Any]]:
    """Run a command of the image with its files mounted, and return its messages."""
    mounts, arguments = [], [name]
    for what, content in {"config": scenario.config_dict, **files}.items():
        path = folder / f"{what}.json"
        path.write_text(json.dumps(content))
        path.chmod(0o644)
        mounts += ["-v", f"{path}:/secrets/{what}.json:ro"]
        arguments += [f"--{what}", f"/secrets/{what}.json"]
    return [json.loads(line) for line in docker("run", "--rm", *mounts, image(), *arguments).split("\n") if line]


def of_type(messages: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    key = {"CATALOG": "catalog", "RECORD": "record", "STATE": "state"}[kind]
    return [message[key] for message in messages if message["type"] == kind]
