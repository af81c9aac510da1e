"""The large projects, and what is done with each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.large.project import Project
from source_iterable.streams.table import STREAMS

# How a project is synced: by `read`, or by `load` into one of these.
READ, DUCKDB, FOLDER, POSTGRES = "read", "DuckDB", "folder", "PostgreSQL"
_VIEWS = ("--custom-event-tables",)


@dataclass(frozen=True)
class Case:
    """A project, the streams that are read, and the ways in which that is done.

    `options` are of the configuration, `arguments` of `load`.
    """

    name: str
    project: Project
    streams: Sequence[str]
    ways: Sequence[str]
    options: Mapping[str, Any] = field(default_factory=dict)
    arguments: Sequence[str] = ()

    def smaller(self, divisor: int) -> Case:
        """The same with a smaller project."""
        return replace(self, project=self.project.smaller(divisor))

    def expected(self, way: str, is_first: bool) -> dict[str, int]:
        """Records by stream that a sync brings, or rows that are there after it; and the number of views."""
        records = {name: self.project.expected()[name] for name in self.streams}
        if way == READ and not is_first:
            # What has a cursor has nothing new.
            records = {name: 0 if STREAMS[name].cursor_field else number for name, number in records.items()}
        if self.arguments == _VIEWS:
            records["views"] = self.project.custom_names
        return records


def cases() -> list[Case]:
    """All of them."""
    templates = Project(campaigns=1_000, users=1_000, lists=10, templates=1_000, template_bytes=200_000)
    events = Project(custom_events=100_000)
    fields = Project(users=1_000, user_fields=2_000)
    own_columns = {"user_fields_as_columns": True}
    return [
        Case(
            "1,000 templates of 200 kB, campaigns, users and lists",
            templates,
            ("campaigns", "users", "lists", "template_contents"),
            (DUCKDB, FOLDER, POSTGRES),
        ),
        Case(
            "200 experiments with 6 variants of 200 kB",
            Project(experiments=200, variant_bytes=200_000),
            ("experiments", "experiment_variants"),
            (READ, DUCKDB),
        ),
        Case(
            "100 journeys of 500 kB",
            Project(journeys=100, journey_bytes=500_000),
            ("journeys",),
            (READ, DUCKDB, POSTGRES, FOLDER),
        ),
        Case("50 journeys of 2 MB", Project(journeys=50, journey_bytes=2_000_000), ("journeys",), (READ, DUCKDB)),
        Case("4,800 journeys of 500 kB", Project(journeys=4_800, journey_bytes=500_000), ("journeys",), (READ,)),
        Case(
            "35,000 snippets of 2 kB",
            Project(snippets=35_000, snippet_bytes=2_000),
            ("snippets",),
            (READ, DUCKDB),
        ),
        Case("100,000 snippets of 800 bytes", Project(snippets=100_000, snippet_bytes=800), ("snippets",), (READ,)),
        Case("1.3 million forgotten users", Project(forgotten=1_300_000), ("forgotten_users",), (READ, DUCKDB)),
        Case("60,000 campaigns", Project(campaigns=60_000), ("campaigns",), (READ,)),
        Case(
            "5,000 lists of 20 users, one of them late",
            Project(lists=5_000, members=20, late_list=True),
            ("list_users", "list_sizes"),
            (READ,),
        ),
        Case("a list of 3 million users", Project(lists=1, members=3_000_000), ("list_users",), (READ,)),
        Case(
            "100,000 custom events of 7,000 names",
            replace(events, custom_names=7_000),
            ("custom_event",),
            (DUCKDB, POSTGRES),
            arguments=_VIEWS,
        ),
        Case(
            "100,000 custom events of 40,000 names",
            replace(events, custom_names=40_000),
            ("custom_event",),
            (DUCKDB,),
            arguments=_VIEWS,
        ),
        Case(
            "1,000 custom events with 2,000 fields",
            Project(custom_events=1_000, custom_fields=2_000),
            ("custom_event",),
            (DUCKDB, POSTGRES),
            arguments=_VIEWS,
        ),
        Case("1,000 users with 2,000 columns", fields, ("users",), (READ, DUCKDB, POSTGRES), own_columns),
        Case(
            "a profile of 20 MB among 1,000",
            Project(users=1_000, longest=20_000_000),
            ("users",),
            (READ, DUCKDB),
        ),
        Case("300,000 users", Project(users=300_000), ("users",), (DUCKDB,)),
    ]
