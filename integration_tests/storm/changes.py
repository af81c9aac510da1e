"""Changes between two syncs: campaigns, templates and journeys change, mostly without a new updatedAt."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from integration_tests.sandbox import Sandbox

Thing = dict[str, Any]
# At most, between two syncs.
_MOST = 8


def _campaign(dice: random.Random, thing: Thing, now_ms: int) -> Thing:
    """Nothing that would change the metrics of days that are long over, as a new updatedAt would."""
    further: dict[str, Thing] = {
        "Running": {"campaignState": "Finished", "endedAt": now_ms, "sendSize": dice.randrange(10**6)},
        "Finished": {"campaignState": "Archived"},
    }
    goes_on = further.get(thing["campaignState"]) if thing["type"] != "Triggered" else None
    return goes_on or {"labels": [f"label {dice.randrange(10**6)}"]}


def _template(dice: random.Random, thing: Thing, now_ms: int) -> Thing:
    return {"name": f"name {dice.randrange(10**6)}"}


def _journey(dice: random.Random, thing: Thing, now_ms: int) -> Thing:
    name = dice.choice(["enabled", "isArchived"])
    return {name: not thing[name]}


_CHANGES: dict[str, tuple[str, Callable[[random.Random, Thing, int], Thing]]] = {
    "campaign": ("id", _campaign),
    "template": ("templateId", _template),
    "journey": ("id", _journey),
}


def change(sandbox: Sandbox, dice: random.Random) -> int:
    """Change some things, or none; how many."""
    now_ms, count = int(sandbox.now().timestamp() * 1000), dice.randint(0, _MOST)
    for _ in range(count):
        name, (key, make) = dice.choice(list(_CHANGES.items()))
        thing = dice.choice(sandbox.truth_list(f"{name}s"))
        fields = make(dice, thing, now_ms)
        if name != "campaign" and dice.random() < 0.2:
            fields["updatedAt"] = now_ms
        sandbox.change(f"{name}s", thing[key], **fields)
    return count
