"""All probes, in the order of a run: what takes no time first, what sums up last."""

from __future__ import annotations

from importlib import import_module

from integration_tests.live.probe import MADE

# The probe of data types takes all the time that is left.
for _name in (
    *("key_and_errors", "lists", "users", "templates_and_catalogs", "metrics"),
    *("exports", "export_jobs", "data_types", "updated_at", "whole_run"),
):
    import_module(f"{__name__}.{_name}")

PROBES = sorted(MADE, key=lambda each: each.last)
