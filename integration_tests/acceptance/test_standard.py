"""Airbyte's standard tests from the CDK, over all of acceptance-test-config.yml."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from airbyte_cdk.test.standard_tests import SourceTestSuiteBase

import source_iterable
from integration_tests.acceptance import NAMES, fitting
from integration_tests.acceptance.conftest import ROOT
from integration_tests.sandbox.settings import PROJECT_TYPES
from source_iterable.airbyte.source import SourceIterable

# What the CDK only warns about counts as a failure.
pytestmark = pytest.mark.filterwarnings("error")


class TestStandards(SourceTestSuiteBase):
    """Runs the suite in this process, and in the image if there is one (see conftest.py)."""

    connector = SourceIterable
    connector_name = "source-iterable"
    # Would compare, over the network, with what Airbyte's registry publishes under this name: nothing.
    test_docker_image_spec_backward_compatibility = None


def test_airbytes_command_finds_the_connector() -> None:
    """`airbyte-cdk connector test .` looks for this class in the package; importing the package is quick nevertheless."""
    assert source_iterable.SourceIterable is SourceIterable
    code = "import sys, source_iterable; sys.exit('airbyte_cdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    with pytest.raises(AttributeError):
        _ = source_iterable.Nothing


def test_each_configuration_has_a_sandbox_of_its_own() -> None:
    configs = [json.loads((ROOT / "integration_tests" / "acceptance" / name).read_text()) for name in NAMES]
    sandboxes = [fitting(config, own_port=True) for config in configs]
    assert {sandbox.project_type for sandbox in sandboxes} == set(PROJECT_TYPES)
    assert len({sandbox.port for sandbox in sandboxes}) == len(NAMES)
