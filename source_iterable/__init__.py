"""source-iterable: an Airbyte connector that reads everything the Iterable API offers."""

__version__ = "0.1.0"
