"""Our errors as the CDK's, which become trace messages and set the exit code."""

from __future__ import annotations

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_iterable.errors import IterableError


def traced(error: IterableError) -> AirbyteTracedException:
    """The CDK's exception with the same message and failure type."""
    message = str(error)
    return AirbyteTracedException(
        message=message, internal_message=message, failure_type=FailureType(error.failure), exception=error
    )
