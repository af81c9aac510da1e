"""Experiments and their variants.

The endpoints are not in Iterable's reference; its own TypeScript client calls and validates them (Iterable/api-client,
src/client/experiments.ts). Not every project has them.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import chain, islice
from typing import Any

import msgspec

from source_iterable.api.ahead import run_ahead
from source_iterable.api.paging import Fetch, by_offset
from source_iterable.api.request import ShapeError, an_object, model_of
from source_iterable.errors import Forbidden, IterableError, NotFound
from source_iterable.reading.slices import skip, skipping
from source_iterable.reading.stream import Fields, Reading, State, Stream, StreamContext
from source_iterable.records.timestamps import milliseconds

PATH = "experiments"
# The name of the list of experiments with their details.
DETAILS = f"{PATH}/{{id}}"
# Experiments a page, the most that Iterable allows.
PAGE_SIZE = 1000
# Requests at a time: the limit is ten a second.
THREADS = 4
# Marks an experiment that was deleted after it was listed. No field of Iterable's has a blank.
_GONE = "no longer exists"
_TIMES = ("creationDate", "startDate", "finishDate")
# What {id}/variants has under names of its own (client).
_CONTENT = ("subject", "preheader", "htmlSource", "plainText")


class Experiments(Stream):
    """`GET experiments` and `GET experiments/{id}`: one record per experiment.

    Requests: 1 per 1,000 experiments, plus 1 per experiment.
    """

    name = "experiments"
    primary_key = ("id",)
    exempt_key = True
    lists = (PATH, DETAILS)

    def _read(self, context: StreamContext, state: State) -> Reading:
        yield from offered(context, self.name)


class ExperimentVariants(Stream):
    """`GET experiments/{id}`, `{id}/variants` and `{id}/totals`: one record per variant.

    Requests: as for experiments, plus 2 per experiment.
    """

    name = "experiment_variants"
    primary_key = ("experimentId", "id")
    exempt_key = True
    lists = (PATH, DETAILS)

    def _read(self, context: StreamContext, state: State) -> Reading:
        experiments = chain.from_iterable(offered(context, self.name))
        for _, variants in run_ahead(partial(_variants, context), experiments, THREADS):
            yield variants


def offered(context: StreamContext, stream_name: str) -> Iterator[list[Fields]]:
    """All experiments, some at a time; none, with a warning, where Iterable does not offer them to this key."""
    fetch = by_offset(context.client, PATH, "experiments", "id", PAGE_SIZE)
    try:
        next(context.shared.blocks_by(PATH, fetch), None)
    except (Forbidden, NotFound) as error:
        # A wrong base URL or a proxy may answer 404 to everything.
        if not context.client.key.works():
            raise
        context.logger.warning(
            f"{stream_name}: Iterable does not offer experiments to this project or API key; there are no records. {error}"
        )
        return
    for some in context.shared.growing(DETAILS, partial(_Details, context, fetch)):
        for each in some:
            if each.get(_GONE):
                skip(context, stream_name, f"experiment {each['id']}")
        yield [each for each in some if not each.get(_GONE)]


class _Details(Iterator[list[Fields]]):
    """Each experiment of the list with its details, alone: one may be large.

    After an error, the next call requests the same one again.
    """

    def __init__(self, context: StreamContext, fetch: Fetch) -> None:
        self._context = context
        self._fetch = fetch
        self._ahead: Iterator[tuple[Fields, Fields]] | None = None
        self._number = 0

    def __next__(self) -> list[Fields]:
        if self._ahead is None:
            listed = chain.from_iterable(self._context.shared.blocks_by(PATH, self._fetch))
            rest = islice(_once_each(listed), self._number, None)
            self._ahead = run_ahead(partial(_experiment, self._context), rest, THREADS)
        try:
            _, experiment = next(self._ahead)
        except IterableError:
            self._ahead = None
            raise
        self._number += 1
        return [experiment]


def _once_each(experiments: Iterable[Fields]) -> Iterator[Fields]:
    """A new experiment shifts the pages, and the last one of a page comes again."""
    seen: set[int] = set()
    for each in experiments:
        if each["id"] not in seen:
            seen.add(each["id"])
            yield each


def _experiment(context: StreamContext, listed: Fields) -> Fields:
    """The record of an experiment: what the list and its details say of it. Just _GONE if it no longer exists."""
    experiment_id = listed["id"]

    def shape(response: Any) -> Fields:
        if an_object(response).get("id") != experiment_id:
            raise ShapeError(f"is of another experiment than {experiment_id}")
        _variants_in(experiment_id, response)
        return _known(response)

    details: Fields = {}
    try:
        with skipping(context, Experiments.name, f"details of experiment {experiment_id}", permanent=True):
            details = context.client.get_json(f"{PATH}/{experiment_id}", None, shape)
    except NotFound:
        return {"id": experiment_id, _GONE: True}
    meta = details.get("meta", listed.get("meta"))
    of_meta = _known({name: meta.get(name) for name in ("name", "campaignId")}) if isinstance(meta, dict) else {}
    experiment = {**listed, **of_meta, **details, "id": experiment_id}
    if "variants" not in details:
        # Those of the list are not proved to be variants.
        experiment.pop("variants", None)
    # Earlier versions of Iterable's client expect text where it has milliseconds now.
    return {name: milliseconds(value) if name in _TIMES else value for name, value in experiment.items()}


def _variants(context: StreamContext, experiment: Fields) -> list[Fields]:
    """The records of an experiment's variants: what its details say of each, its content, and its lifetime numbers."""
    experiment_id = experiment["id"]
    details = _variants_in(experiment_id, {"id": experiment_id, "variants": experiment.get("variants")})
    parts = [details, *(_part(context, experiment_id, part) for part in ("variants", "totals"))]
    return [
        {**_variant([part.get(each, {}) for part in parts]), "experimentId": experiment_id, "id": each}
        for each in dict.fromkeys(chain(*parts))
    ]


def _part(context: StreamContext, experiment_id: int, part: str) -> dict[int, Fields]:
    """The variants in a response by their ids; none where there is no such response: a draft has no totals."""
    what = f"{part} of experiment {experiment_id}"
    with suppress(Forbidden, NotFound), skipping(context, ExperimentVariants.name, what, permanent=True):
        return context.client.get_json(f"{PATH}/{experiment_id}/{part}", None, partial(_variants_in, experiment_id))
    return {}


class _Response(msgspec.Struct):
    """What every response about an experiment may have. Variants stay as they are."""

    id: int | None = None
    experimentId: int | None = None
    variants: list[Fields] | None = None


def _variants_in(experiment_id: int, response: Any) -> dict[int, Fields]:
    """What is known of the variants in a response about an experiment, by their ids, which have two names.

    Raises ShapeError.
    """
    about = model_of(_Response, response)
    named = about.id if about.experimentId is None else about.experimentId
    if named not in (None, experiment_id):
        raise ShapeError(f"is of another experiment than {experiment_id}")
    if named is None and about.variants is None:
        raise ShapeError("holds no variants")
    variants = map(_known, about.variants or [])
    by_id: dict[Any, Fields] = {each.get("id", each.get("variantId")): each for each in variants}
    if not all(type(variant_id) is int for variant_id in by_id):
        raise ShapeError("holds a variant without an id")
    return by_id


def _variant(parts: list[Fields]) -> Fields:
    """The record of a variant without its key, from what the endpoints say of it; the first one counts."""
    variant = dict(ChainMap(*parts))
    variant.pop("variantId", None)
    percentage = variant.pop("currentPercentage", variant.get("percentage"))
    value, content = variant.get("value"), variant.get("content")
    # The client has seen the content's fields beside the variant's own.
    if content is None or isinstance(content, dict):
        content = {name: variant.pop(name) for name in _CONTENT if name in variant} | (content or {}) or None
    template_id = value.get("templateId") if isinstance(value, dict) else None
    return {**variant, **_known({"percentage": percentage, "templateId": template_id, "content": content})}


def _known(fields: Fields) -> Fields:
    return {name: value for name, value in fields.items() if value is not None}
