"""metadata.yaml and icon.svg, as Airbyte's registry expects them."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
import yaml

from source_iterable.config import DOCUMENTATION_URL, REGION_BASE_URLS
from source_iterable.streams.table import STREAMS

ROOT = Path(__file__).resolve().parent.parent
SEARCHED = (
    *("*.md", "*.toml", "*.yaml", "docs/*.md", "docs/*.py"),
    *("source_iterable/**/*.*", "benchmarks/**/*.py", "tools/*.py"),
)
EXEMPT = re.compile(r"^\s*#|# ignore-https-check|http://(json-schema\.org|localhost)")
DATA: dict[str, Any] = yaml.safe_load((ROOT / "metadata.yaml").read_text())["data"]


def test_it_is_valid_against_airbytes_schema() -> None:
    # The package does not support Python 3.13 yet.
    models = pytest.importorskip("airbyte_connector_models.metadata.v0")
    path = files(models.__name__).joinpath("ConnectorMetadataDefinitionV0.json")
    # Its references are relative to the root of the file; the `$id` of its embedded schemas would change that.
    schema = without_ids(json.loads(path.read_text()))
    # The registry stores JSON, where a date is a string.
    document = json.loads(json.dumps(yaml.safe_load((ROOT / "metadata.yaml").read_text()), default=str))
    validator = jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker())
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)] == []


def without_ids(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: without_ids(value) for key, value in schema.items() if key != "$id"}
    return [without_ids(value) for value in schema] if isinstance(schema, list) else schema


def test_the_package_has_the_license_and_the_version_of_the_metadata() -> None:
    # Airbyte's QA checks look for them in this table.
    package = re.search(r"^\[tool\.poetry\]\n((?:.+\n)+)", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert package is not None
    assert f'license = "{DATA["license"]}"' in package[1]
    assert f'version = "{DATA["dockerImageTag"]}"' in package[1]


def test_nothing_but_loopback_is_spoken_to_without_tls() -> None:
    # As Airbyte's QA checks look for it.
    searched = [
        each
        for name in SEARCHED
        for each in ROOT.glob(name)
        if each.suffix in (".md", ".toml", ".yaml", ".py", ".json")
    ]
    assert len(searched) > 100
    lines = [(each, line) for each in searched for line in each.read_text(encoding="utf-8").splitlines()]
    spoken = [(each.name, line) for each, line in lines if "http" + "://" in line and not EXEMPT.search(line)]
    assert spoken == []


def test_the_allowed_hosts_are_those_that_the_connector_uses() -> None:
    hosts = DATA["allowedHosts"]["hosts"]
    for url in REGION_BASE_URLS.values():
        assert url.split("/")[2] in hosts
    assert "*.amazonaws.com" in hosts


def test_every_suggested_stream_exists() -> None:
    assert set(DATA["suggestedStreams"]["streams"]) <= set(STREAMS)


def test_its_documentation_url_is_the_specs() -> None:
    assert DATA["documentationUrl"] == DOCUMENTATION_URL


def test_the_base_image_is_the_dockerfiles() -> None:
    default = re.search(r"^ARG BASE_IMAGE=(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert default is not None
    assert DATA["connectorBuildOptions"]["baseImage"] == default[1]


def test_the_image_is_labeled_with_its_repository() -> None:
    assert f'io.airbyte.name="{DATA["dockerRepository"]}"' in (ROOT / "Dockerfile").read_text()


def test_the_icon_is_250_by_250() -> None:
    icon = ElementTree.parse(ROOT / DATA["icon"]).getroot()
    assert icon.tag == "{http://www.w3.org/2000/svg}svg"
    assert (icon.get("width"), icon.get("height"), icon.get("viewBox")) == ("250", "250", "0 0 250 250")
