"""All probes, in the order of a run: what takes no time first, what sums up last."""

from __future__ import annotations

from integration_tests.live import answers, contents, exports, jobs, lists, reports, types, updates, users
from integration_tests.live.probe import MADE

# `types` takes all the time that is left.
_MODULES = [each.__name__ for each in (answers, lists, users, contents, reports, exports, jobs, types, updates)]
PROBES = sorted(MADE, key=lambda each: (each.last, _MODULES.index(each.look.__module__)))
