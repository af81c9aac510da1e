"""Benchmarks: the connector against its published peers and against a bare orjson loop, `python -m benchmarks`."""
