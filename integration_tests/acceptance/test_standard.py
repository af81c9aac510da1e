"""Airbyte's standard tests from the CDK, over all of acceptance-test-config.yml."""

from __future__ import annotations

import pytest
from airbyte_cdk.test.standard_tests import SourceTestSuiteBase

from source_iterable.airbyte.source import SourceIterable

# What the CDK only warns about counts as a failure.
pytestmark = pytest.mark.filterwarnings("error")


class TestStandards(SourceTestSuiteBase):
    """Runs the suite in this process, and in the image if there is one (see conftest.py)."""

    connector = SourceIterable
    connector_name = "source-iterable"
    # Would compare, over the network, with what Airbyte's registry publishes under this name: nothing.
    test_docker_image_spec_backward_compatibility = None
