"""Journeys."""

from __future__ import annotations

from source_iterable.api.request import Parameters
from source_iterable.reading.by_content import ByContentStream


class Journeys(ByContentStream):
    """All journeys; Iterable returns archived ones only when they are requested separately."""

    name = "journeys"
    primary_key = ("id",)
    path = "journeys"
    selector = "journeys"
    page_size = 50
    cost = "2, plus 1 per further 50 journeys"

    def kinds(self) -> dict[str, Parameters]:
        return {"": {}, "Archived": {"state": "Archived"}}
