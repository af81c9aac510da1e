"""What campaigns and templates hold beside what lists say of them: metrics, experiments, contents."""

from __future__ import annotations

from .core import Core
from .errors import Refusal
from .fixtures import fixture
from .params import Params
from .responses import Response, text_response
from .shapes import csv_text
from .world import Thing

WITHOUT_METRICS = ("Draft", "Scheduled")


def metrics(core: Core, params: Params) -> list[Thing]:
    """A row of text for every campaign that has metrics, whatever the dates; a cell may be empty: no order, no average."""
    rows = []
    for thing in core.world.campaigns:
        if thing["campaignState"] not in WITHOUT_METRICS:
            cells = core.world.make(fixture("metrics")[thing["messageMedium"]], 0, "metrics", thing["id"])
            rows.append({"id": str(thing["id"]), **{name: str(value) for name, value in cells.items()}})
    return rows


def metrics_of(core: Core, params: Params, rows: list[Thing]) -> list[Thing]:
    """The rows that are asked for."""
    if not params.required("campaignId") or params.date("startDateTime") is None:
        raise Refusal("Missing required parameter: startDateTime")
    params.date("endDateTime")
    return [row for row in rows if int(row["id"]) in params.numbers("campaignId")]


def metrics_csv(core: Core, params: Params, selector: str, rows: list[Thing]) -> Response:
    """CSV whose columns differ with the media of the campaigns asked for (seen)."""
    ids = params.numbers("campaignId")
    media = {thing["messageMedium"] for thing in core.world.campaigns if thing["id"] in ids}
    columns = {name for medium in media for name in fixture("metrics")[medium]}
    return text_response(csv_text(["id", *sorted(columns)], rows))


def experiments(core: Core, params: Params) -> list[Thing]:
    """A row of text for each variation of an experiment."""
    rows = []
    for campaign, experiment in core.world.experiments.items():
        for place in range(3):
            row = core.world.make(fixture("experiments"), place, "experiment", experiment, place)
            row = {"Campaign ID": campaign, "Experiment ID": experiment, **row}
            rows.append({name: str(value) for name, value in row.items()})
    return rows


def experiments_of(core: Core, params: Params, rows: list[Thing]) -> list[Thing]:
    """Of campaigns, of experiments, or of all."""
    params.date("startDateTime"), params.date("endDateTime")
    campaigns, wanted = params.query.get("campaignId", []), params.query.get("experimentId", [])
    everything = not campaigns and not wanted
    return [r for r in rows if everything or r["Campaign ID"] in campaigns or r["Experiment ID"] in wanted]


def contents(medium: str, core: Core, params: Params) -> list[Thing]:
    """What templates/{medium}/get says of a template; what the template says too is as there."""
    template_id, found = params.number("templateId"), []
    for template in core.world.things("templates"):
        if (template["templateId"], medium) == (template_id, core.world.template_kinds[template["templateId"]][1]):
            fields = core.world.make(fixture("template_contents")[medium], 0, "content", template_id)
            fields |= {name: value for name, value in template.items() if name in fields}
            if "metadata" in fields:
                fields["metadata"] = {name: value for name, value in template.items() if name != "campaignId"}
            found.append({"messageMedium": medium, **fields})
    return found
