"""Why a probe sees nothing, or something else than all others rely on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class NotVisible(Exception):
    """The project has nothing to look at; the text says what is missing, and nothing of the project."""


class NoAnswer(Exception):
    """No usable answer came in time; a later run may get one. The text is the sort of failure."""


class Unexpected(Exception):
    """An answer is not of the form that everything relies on."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        super().__init__()
        self.facts = facts
