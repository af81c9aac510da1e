"""Experiments of every third email campaign, with three variants each, as all their endpoints tell them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .fixtures import fixture
from .messages import Params, Refusal, Response, json_response
from .times import iso_time

if TYPE_CHECKING:
    from .core import Core
    from .world import World

Thing = dict[str, Any]
# What only the endpoints of variants tell.
_NOT_IN_DETAILS = ("experimentId", "content", "metrics")


def report(world: World) -> list[Thing]:
    """A row of text for each variant, as in experiments/metrics."""
    rows = []
    for campaign, experiment in world.experiment_ids.items():
        for place in range(3):
            cells = world.fill("experiments", place, "experiment", experiment, place)
            row = {"Campaign ID": campaign, "Experiment ID": experiment, **cells}
            rows.append({name: str(value) for name, value in row.items()})
    return rows


def variants(world: World) -> list[Thing]:
    """All that is known of each variant; those of drafts have neither content nor metrics."""
    states = fixture("experiment_details")["status"]["$cycle"]
    found = []
    for place, experiment in enumerate(world.experiment_ids.values()):
        status = states[place % len(states)]
        for number in range(3):
            variant = world.fill("experiment_variants", number, "variant", experiment, number)
            variant |= {"experimentId": experiment, "id": experiment * 10 + number}
            variant["isWinner"] = status == "winner_found" and number == 1
            if status == "draft":
                del variant["content"], variant["metrics"]
            found.append(variant)
    return found


def details(world: World) -> list[Thing]:
    """What experiments/{id} tells of each, and the author, whom only the list names."""
    found = []
    for place, (campaign, experiment) in enumerate(world.experiment_ids.items()):
        thing = world.fill("experiment_details", place, "details", experiment)
        thing["id"], thing["meta"]["campaignId"] = experiment, campaign
        thing["variants"] = [
            {name: value for name, value in variant.items() if name not in _NOT_IN_DETAILS}
            for variant in world.things("experiment_variants")
            if variant["experimentId"] == experiment
        ]
        found.append(thing)
    return found


def offered(core: Core, params: Params, things: list[Any]) -> list[Any]:
    """The same; 404 where the project has no experiments."""
    if not core.settings.experiments_offered:
        raise Refusal(status=404)
    return things


def page(core: Core, params: Params, selector: str, things: list[Any]) -> Response:
    """By `limit` and `offset`; of each only what a list shows (client)."""
    limit, offset = params.number("limit", 20), params.number("offset", 0)
    if not 1 <= limit <= 1000 or offset < 0:
        raise Refusal("limit must be between 1 and 1000, and offset at least 0")
    shown = ("id", "channelType", "author")
    items = [
        {
            **{name: thing[name] for name in shown},
            "name": thing["meta"]["name"],
            # Of the states a list knows three, and its times are texts.
            "status": {"ready": "draft", "winner_found": "finished"}.get(thing["status"], thing["status"]),
            **({"startDate": iso_time(thing["startDate"])} if "startDate" in thing else {}),
        }
        for thing in things[offset : offset + limit]
    ]
    return json_response({selector: items, "totalCount": len(things)})


def one(core: Core, params: Params) -> Response:
    """One experiment, its variants with their content, or their lifetime numbers (client)."""
    offered(core, params, [])
    wanted, part = params.number("experimentId"), params.url_path.partition("/")[2].partition("/")[2]
    thing = next((each for each in core.world.things("experiments") if each["id"] == wanted), None)
    if thing is None:
        raise Refusal(f"Experiment {wanted} not found", 404)
    if not part:
        return json_response({name: value for name, value in thing.items() if name != "author"})
    variants = [each for each in core.world.things("experiment_variants") if each["experimentId"] == wanted]
    if part == "variants":
        parts = ("name", "value", "currentPercentage", "content")
        shown = [{"variantId": each["id"], **{n: each[n] for n in parts if n in each}} for each in variants]
        return json_response({"experimentId": wanted, "variants": shown})
    if thing["status"] == "draft":
        raise Refusal(f"Experiment {wanted} has no totals", 404)
    named = ("id", "name", "isControl", "isWinner", "metrics")
    totals = [{name: each[name] for name in named} for each in variants]
    return json_response({"id": wanted, "status": thing["status"], "variants": totals})
