"""The version, which `make release` sets."""

__version__ = "0.1.0"
