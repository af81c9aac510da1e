"""Manifest: what a ParquetFolder remembers of its tables."""

from __future__ import annotations

import json
from secrets import token_hex
from typing import Any

from source_iterable.load.tables import Table, project_of


class Manifest(dict[str, Any]):
    """JSON: `states` of the streams by backfill key; and of `tables` the `files` that count and their `periods`, those that
    wait (`loading`), the marks `private` and `generation`, and the project's own `fields` by column.
    """

    def __init__(self, text: bytes) -> None:
        """Raises ValueError."""
        super().__init__(json.loads(text.decode()))

    def entry(self, table: str) -> Any:
        """That of a table, which is made if missing."""
        return self["tables"].setdefault(table, {"files": [], "loading": {}})

    def forget_states(self, name: str, project: str | None = None) -> None:
        """Drop the states of a stream, or those of a project only."""
        for key, states in self["states"].items():
            if project is None or project_of(key) == project:
                states.pop(name, None)

    def new_generation(self, name: str, private: str | None = None) -> None:
        """Mark a table as another one, in the commit that makes it or takes rows away.

        `private` is the mark of the private options with which its rows are written; None: the one that it has.
        """
        self.entry(name)["generation"] = token_hex(8)
        if private is not None:
            self.entry(name)["private"] = private

    def remember(self, table: Table) -> None:
        """Note which columns hold the project's own fields."""
        if table.own:
            self.entry(table.name).setdefault("fields", {}).update({column.name: column.field for column in table.own})
