"""All probes, in the order of a run: what takes no time first, what sums up last."""

from __future__ import annotations

from integration_tests.live.probe import MADE
from integration_tests.live.probes import (
    data_types,
    export_jobs,
    exports,
    key_and_errors,
    lists,
    metrics,
    templates_and_catalogs,
    updated_at,
    users,
    whole_run,
)

# `data_types` takes all the time that is left.
_ORDER = (
    key_and_errors,
    lists,
    users,
    templates_and_catalogs,
    metrics,
    exports,
    export_jobs,
    data_types,
    updated_at,
    whole_run,
)
_MODULES = [each.__name__ for each in _ORDER]
PROBES = sorted(MADE, key=lambda each: (each.last, _MODULES.index(each.look.__module__)))
