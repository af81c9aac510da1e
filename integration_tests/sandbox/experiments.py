"""Experiments of campaigns, with three variants each, as Iterable's own client knows them."""

from .fixtures import fixture
from .things import Thing, Things

# What only the endpoints of variants tell.
_NOT_IN_DETAILS = ("experimentId", "content", "metrics")


def report(things: Things, ids: dict[int, int]) -> list[Thing]:
    """A row of text for each variant, as in experiments/metrics; `ids`: campaign -> experiment."""
    rows = []
    for campaign, experiment in ids.items():
        for place in range(3):
            cells = things.fill("experiments", place, "experiment", experiment, place)
            row = {"Campaign ID": campaign, "Experiment ID": experiment, **cells}
            rows.append({name: str(value) for name, value in row.items()})
    return rows


def variants(things: Things, ids: dict[int, int]) -> list[Thing]:
    """All that is known of each variant; those of drafts have neither content nor metrics."""
    states = fixture("experiment_details")["status"]["$cycle"]
    found = []
    for place, experiment in enumerate(ids.values()):
        status = states[place % len(states)]
        for number in range(3):
            variant = things.fill("experiment_variants", number, "variant", experiment, number)
            variant |= {"experimentId": experiment, "id": experiment * 10 + number}
            variant["isWinner"] = status == "winner_found" and number == 1
            if status == "draft":
                del variant["content"], variant["metrics"]
            found.append(variant)
    return found


def details(things: Things, ids: dict[int, int]) -> list[Thing]:
    """What experiments/{id} tells of each, and the author, whom only the list names."""
    found = []
    for place, (campaign, experiment) in enumerate(ids.items()):
        thing = things.fill("experiment_details", place, "details", experiment)
        thing["id"], thing["meta"]["campaignId"] = experiment, campaign
        thing["variants"] = [
            {name: value for name, value in variant.items() if name not in _NOT_IN_DETAILS}
            for variant in things.things("experiment_variants")
            if variant["experimentId"] == experiment
        ]
        found.append(thing)
    return found
