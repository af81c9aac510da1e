"""source-iterable: an Airbyte connector that reads everything the Iterable API offers."""

from typing import Any

from source_iterable.version import __version__ as __version__


def __getattr__(name: str) -> Any:
    """`SourceIterable`, where the CDK's test command looks for it. Importing it with the package would take a second."""
    if name != "SourceIterable":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from source_iterable.airbyte.source import SourceIterable

    return SourceIterable
