"""source-iterable: an Airbyte connector that reads everything the Iterable API offers."""

from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`SourceIterable`, where the CDK's test command looks for it. Importing it with the package would take a second."""
    if name != "SourceIterable":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from source_iterable.airbyte.source import SourceIterable

    return SourceIterable
