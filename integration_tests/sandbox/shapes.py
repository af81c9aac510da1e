"""The shapes of responses: a list whole or page by page, a single thing, CSV."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from .core import Core
from .messages import Refusal
from .fixtures import fixture
from .messages import Params
from .messages import CSV, Response, json_response, text_response

# Makes the response of things, under their selector.
Shape = Callable[[Core, Params, str, list[Any]], Response]


def whole(core: Core, params: Params, selector: str, things: list[Any]) -> Response:
    """All at once."""
    return json_response({selector: things})


def single(core: Core, params: Params, selector: str, things: list[Any]) -> Response:
    """The one thing asked for, without the field that is the selector."""
    if not things:
        raise Refusal("Nothing at specified location", 404)
    return json_response({name: value for name, value in things[0].items() if name != selector})


def numbered(default: int, maximum: int, total: str, always: bool = True) -> Shape:
    """By `page` and `pageSize`. Without `always`, `total` comes, and old projects page, only where these are given."""

    def page_of(core: Core, params: Params, selector: str, things: list[Any]) -> Response:
        number, size = params.number("page", 1), params.number("pageSize", default)
        if number < 1 or not 1 <= size <= maximum:
            raise Refusal(f"page must be at least 1, and pageSize between 1 and {maximum}")
        asked = always or "page" in params.query or "pageSize" in params.query
        if core.settings.unpaginated and not asked:
            return whole(core, params, selector, things)
        response = {selector: things[(number - 1) * size : number * size], **({total: len(things)} if asked else {})}
        for name, other in {"nextPageUrl": number + 1, "previousPageUrl": number - 1}.items():
            if 0 < other <= -(-len(things) // size):
                query = urlencode({**params.query, "page": [other], "pageSize": [size]}, doseq=True)
                root = "/api/" if core.settings.relative_next_page else core.base_url
                response[name] = f"{root}{params.url_path}?{query}"
        return json_response(response)

    return page_of


def sort(things: list[Any], params: Params, sorts: dict[str, str]) -> list[Any]:
    """Things in the order that `sort` asks for; what lacks its key comes last."""
    text = params.one("sort") or "id"
    # "+name" reaches a server as " name" where the client did not encode the plus sign.
    key = sorts.get(text.lstrip("-+ "))
    if key is None:
        raise Refusal(f"Invalid sort field: {text}")
    having = [thing for thing in things if key in thing]
    lacking = [thing for thing in things if key not in thing]
    return sorted(having, key=lambda thing: thing[key], reverse=text[0] == "-") + lacking


def by_marker(core: Core, params: Params, selector: str, things: list[Any]) -> Response:
    """By `nextMarker`, the last key of the page before, and without values."""
    marker, size = params.one("nextMarker") or "", core.settings.metadata_page_size
    rest = [{n: value for n, value in thing.items() if n != "value"} for thing in things if thing["key"] > marker]
    return json_response({selector: rest[:size], **({"nextMarker": rest[size - 1]["key"]} if rest[size:] else {})})


def csv_text(columns: list[str], rows: list[dict[str, str]]) -> str:
    """Rows as CSV; a cell that a row lacks is empty."""

    def cell(text: str) -> str:
        return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',"\r\n') else text

    lines = [columns, *([row.get(name, "") for name in columns] for row in rows)]
    return "".join(",".join(map(cell, line)) + "\n" for line in lines)


def report(core: Core, params: Params, selector: str, rows: list[Any]) -> Response:
    """Of campaigns, of experiments, or of all: rows as CSV, or as the texts of its lines."""
    params.date("startDateTime"), params.date("endDateTime")
    asked = {*params.query.get("campaignId", []), *params.query.get("experimentId", [])}
    wanted = [row for row in rows if not asked or asked & {row["Campaign ID"], row["Experiment ID"]}]
    text = csv_text(list(fixture("experiments")) if not rows else list(rows[0]), wanted)
    if core.settings.experiments_as_csv:
        return text_response(text, CSV)
    return json_response({"headers": text.split("\n")[0], "rows": text.splitlines()[1:]})


def metrics(core: Core, params: Params, selector: str, rows: list[Any]) -> Response:
    """CSV whose columns differ with the media of the campaigns asked for (seen)."""
    ids, _ = params.numbers("campaignId"), params.date("endDateTime")
    if not ids or params.date("startDateTime") is None:
        raise Refusal("Missing required parameter: campaignId or startDateTime")
    media = {thing["messageMedium"] for thing in core.world.things("campaigns") if thing["id"] in ids}
    columns = {name for medium in media for name in fixture("metrics")[medium]}
    return text_response(csv_text(["id", *sorted(columns)], [row for row in rows if int(row["id"]) in ids]))


def fields(core: Core, params: Params, selector: str, things: list[Any]) -> Response:
    """A map in the reference, an array in other documents."""
    if core.settings.user_fields_shape == "array":
        return json_response({"userFields": things})
    return json_response({selector: {thing["name"]: thing["type"] for thing in things}})
