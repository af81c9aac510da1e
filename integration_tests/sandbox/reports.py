"""What campaigns and templates hold beside what lists say of them: metrics, experiments, contents."""

from __future__ import annotations

from .core import Core
from .errors import Refusal
from .fixtures import fixture
from .params import Params
from .responses import Response, text_response
from .shapes import csv_text
from .world import Thing


def metrics(core: Core) -> list[Thing]:
    """A row of text for every campaign that has metrics, whatever the dates; a cell may be empty: no order, no average."""
    rows = []
    for thing in core.world.campaigns:
        if thing["campaignState"] not in ("Draft", "Scheduled"):
            cells = core.world.make(fixture("metrics")[thing["messageMedium"]], 0, "metrics", thing["id"])
            rows.append({"id": str(thing["id"]), **{name: str(value) for name, value in cells.items()}})
    return rows


def metrics_csv(core: Core, params: Params, selector: str, rows: list[Thing]) -> Response:
    """CSV whose columns differ with the media of the campaigns asked for (seen)."""
    ids, _ = params.numbers("campaignId"), params.date("endDateTime")
    if not ids or params.date("startDateTime") is None:
        raise Refusal("Missing required parameter: campaignId or startDateTime")
    media = {thing["messageMedium"] for thing in core.world.campaigns if thing["id"] in ids}
    columns = {name for medium in media for name in fixture("metrics")[medium]}
    return text_response(csv_text(["id", *sorted(columns)], [row for row in rows if int(row["id"]) in ids]))


def experiments(core: Core) -> list[Thing]:
    """A row of text for each variation of an experiment."""
    rows = []
    for campaign, experiment in core.world.experiments.items():
        for place in range(3):
            cells = core.world.make(fixture("experiments"), place, "experiment", experiment, place)
            row = {"Campaign ID": campaign, "Experiment ID": experiment, **cells}
            rows.append({name: str(value) for name, value in row.items()})
    return rows


def experiments_of(core: Core, params: Params, rows: list[Thing]) -> list[Thing]:
    """Of campaigns, of experiments, or of all."""
    params.date("startDateTime"), params.date("endDateTime")
    asked = {*params.query.get("campaignId", []), *params.query.get("experimentId", [])}
    return [row for row in rows if not asked or asked & {row["Campaign ID"], row["Experiment ID"]}]


def contents(core: Core) -> list[Thing]:
    """What templates/{medium}/get says of each template, and its medium; what the template says too is as there."""
    found = []
    for template in core.world.things("templates"):
        medium = core.world.template_kinds[template["templateId"]][1]
        fields = core.world.make(fixture("template_contents")[medium], 0, "content", template["templateId"])
        fields |= {name: value for name, value in template.items() if name in fields}
        if "metadata" in fields:
            fields["metadata"] = {name: value for name, value in template.items() if name != "campaignId"}
        found.append({"messageMedium": medium, **fields})
    return found
