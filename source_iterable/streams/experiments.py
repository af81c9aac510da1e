"""Experiments and their variants.

The endpoints are not in Iterable's reference; its own TypeScript client calls and validates them (Iterable/api-client,
src/client/experiments.ts). Not every project has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from source_iterable.api.ahead import in_order
from source_iterable.api.paging import Page, by_offset
from source_iterable.api.request import ShapeError, an_object, list_shape
from source_iterable.errors import Forbidden, IterableError, NotFound, ServerError
from source_iterable.reading.context import StreamContext
from source_iterable.reading.slices import is_permanent
from source_iterable.reading.stream import Fields, Reading, State, Stream
from source_iterable.records.timestamps import milliseconds

PATH = "experiments"
# Experiments a page, the most that Iterable allows; and those whose details are requested before any is written.
PAGE_SIZE, DETAILS = 1000, 100
# Requests at a time: the limit is ten a second.
THREADS = 4
_TIMES = ("creationDate", "startDate", "finishDate")
# What {id}/variants has under names of its own (client).
_CONTENT = ("subject", "preheader", "htmlSource", "plainText")


class Experiments(Stream):
    """`GET experiments` and `GET experiments/{id}`: one record per experiment."""

    name = "experiments"
    primary_key = ("id",)
    exempt_key = True
    cost = "1 per 1,000 experiments, plus 1 per experiment"

    def _read(self, context: StreamContext, state: State) -> Reading:
        yield from _offered(context, self.name)


class ExperimentVariants(Stream):
    """`GET experiments/{id}`, `{id}/variants` and `{id}/totals`: one record per variant."""

    name = "experiment_variants"
    primary_key = ("experimentId", "id")
    exempt_key = True
    cost = "2 per experiment, plus those of experiments"

    def _read(self, context: StreamContext, state: State) -> Reading:
        for experiments in _offered(context, self.name):
            for _, variants in in_order(partial(_variants, context), experiments, THREADS):
                yield variants


class _NotOffered(IterableError):
    """This project or key has no experiments."""


def _offered(context: StreamContext, stream_name: str) -> Iterator[list[Fields]]:
    """All experiments, a page at a time; none, with a warning, where Iterable does not offer them to this key."""
    try:
        for page in context.shared.pages_by(f"{PATH}/{{id}}", partial(_page, context)):
            for each in page:
                if each["details"] is None:
                    context.logger.warning(
                        f"{stream_name}: experiment {each['listed']['id']} no longer exists; skipped."
                    )
            yield [_experiment(**each) for each in page if each["details"] is not None]
    except _NotOffered as error:
        context.logger.warning(
            f"{stream_name}: Iterable does not offer experiments to this project or API key; there are no records. {error}"
        )


def _page(context: StreamContext, following: int | None) -> Page:
    """The experiments from the index `following` on, as listed and with their details."""
    listed = _listed(context)
    start = following or 0
    end = start + DETAILS
    detailed = in_order(partial(_details, context), listed[start:end], THREADS)
    items = [{"listed": item, "details": details} for item, details in detailed]
    return Page(items, end if end < len(listed) else None)


def _listed(context: StreamContext) -> list[Fields]:
    """All experiments as the list has them, each once. It is read at a stretch: new ones shift the pages."""
    fetch = by_offset(context.client, PATH, "experiments", "id", PAGE_SIZE)
    try:
        pages = list(context.shared.pages_by(PATH, fetch, "id"))
    except (Forbidden, NotFound) as error:
        # A wrong base URL or a proxy may answer 404 to everything.
        if not context.client.key.works():
            raise
        raise _NotOffered(str(error)) from None
    return list({item["id"]: item for page in pages for item in page}.values())


def _details(context: StreamContext, listed: Fields) -> Fields | None:
    """The details of an experiment, None if it no longer exists, nothing if Iterable says that it cannot return them."""
    experiment_id = listed["id"]
    try:
        return context.client.get_json(f"{PATH}/{experiment_id}", None, partial(_details_of, experiment_id))
    except NotFound:
        return None
    except ServerError as error:
        if not is_permanent(error):
            raise
        context.logger.warning(f"{PATH}: details of experiment {experiment_id} skipped. {error}")
        return {}


def _experiment(listed: Fields, details: Fields) -> Fields:
    """The record of an experiment."""
    told = {name: value for name, value in details.items() if value is not None}
    # Variants only from the details, where they are proved to be some.
    of_list = {name: value for name, value in listed.items() if name != "variants"}
    experiment = {**of_list, **told, "id": listed["id"]}
    meta = experiment.get("meta")
    for name in ("name", "campaignId"):
        if name not in told and isinstance(meta, dict) and meta.get(name) is not None:
            experiment[name] = meta[name]
    for name in _TIMES:
        if name in experiment:
            # The client had texts where it has milliseconds now.
            experiment[name] = milliseconds(experiment[name])
    return experiment


def _variants(context: StreamContext, experiment: Fields) -> list[Fields]:
    """The variants of an experiment: what its details say of each, its content, and its lifetime numbers."""
    experiment_id = experiment["id"]
    details = _by_id(experiment.get("variants") or [])
    contents, totals = (_part(context, experiment_id, part) for part in ("variants", "totals"))
    return [
        {
            **_variant(totals.get(each, {}), contents.get(each, {}), details.get(each, {})),
            "experimentId": experiment_id,
            "id": each,
        }
        for each in {**details, **contents, **totals}
    ]


def _part(context: StreamContext, experiment_id: Any, part: str) -> dict[Any, Fields]:
    """The variants in a response by their ids; none where there is no such response: a draft has no totals."""

    def shape(response: Any) -> dict[Any, Fields]:
        named = _must_be_of(experiment_id, response, "experimentId", "id")
        if named is not None and response.get("variants") is None:
            return {}
        return _by_id(list_shape("variants")(response))

    try:
        return context.client.get_json(f"{PATH}/{experiment_id}/{part}", None, shape)
    except (Forbidden, NotFound):
        return {}
    except ServerError as error:
        if not is_permanent(error):
            raise
        context.logger.warning(f"experiment_variants: {part} of experiment {experiment_id} skipped. {error}")
        return {}


def _by_id(variants: list[Fields]) -> dict[Any, Fields]:
    """Variants by their ids, which have two names. Raises ShapeError."""
    if not all(isinstance(each, dict) and isinstance(_first(each, "id", "variantId"), int) for each in variants):
        raise ShapeError("holds a variant without an id")
    return {_first(each, "id", "variantId"): each for each in variants}


def _variant(*parts: Fields) -> Fields:
    """The record of a variant without its key, from what the endpoints tell of it, the last one first."""
    variant = {name: value for part in parts for name, value in part.items() if value is not None}
    variant.pop("variantId", None)
    percentage = _first(variant, "currentPercentage", "percentage")
    variant.pop("currentPercentage", None)
    value, content = variant.get("value"), variant.get("content")
    # The client has seen the content's fields beside the variant's own.
    if content is None or isinstance(content, dict):
        content = {name: variant.pop(name) for name in _CONTENT if name in variant} | (content or {}) or None
    columns = {
        "percentage": percentage,
        "templateId": value.get("templateId") if isinstance(value, dict) else None,
        "content": content,
    }
    return {**variant, **{name: each for name, each in columns.items() if each is not None}}


def _first(fields: Fields, *names: str) -> Any:
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def _details_of(experiment_id: Any, response: Any) -> Fields:
    """The shape of experiments/{id}: an object with this id, and with variants that are objects if it has any."""
    details = an_object(response)
    if _must_be_of(experiment_id, details, "id") is None:
        raise ShapeError(f"is not that of experiment {experiment_id}")
    if details.get("variants") is not None:
        _by_id(list_shape("variants")(details))
    return details


def _must_be_of(experiment_id: Any, response: Any, *names: str) -> Any:
    """The id in a response, if it has one. Raises ShapeError if it is that of another experiment."""
    named = _first(an_object(response), *names)
    if named is not None and named != experiment_id:
        raise ShapeError(f"is of another experiment than {experiment_id}")
    return named
