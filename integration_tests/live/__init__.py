"""Probes of a project: what the connector takes for true about Iterable's API, and what a real project says to it."""
