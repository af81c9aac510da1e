"""Airbyte's standard tests, as the CDK has them, over all of acceptance-test-config.yml."""

from __future__ import annotations

import pytest
from airbyte_cdk.test.standard_tests import SourceTestSuiteBase

from source_iterable.airbyte.source import SourceIterable

# A problem that the CDK only warns of is one.
pytestmark = pytest.mark.filterwarnings("error")


class TestStandards(SourceTestSuiteBase):
    """The suite in this process, and with an image (see conftest.py) in the image too."""

    connector = SourceIterable
    connector_name = "source-iterable"
    # Compares with what Airbyte's registry has published under this name, which is nothing, over the network.
    test_docker_image_spec_backward_compatibility = None
