"""Probes of a project: what the connector relies on about Iterable's API, and what a real project shows of it."""
