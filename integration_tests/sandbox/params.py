"""The parameters of a request, parsed and checked."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from .errors import Refusal
from .faults import Fault
from .times import parse_date, to_ms


@dataclass
class Params:
    """What a handler is given. Its methods raise Refusal for parameters that are missing or wrong."""

    path: dict[str, str]
    query: dict[str, list[str]]
    body: Any = None
    fault: Fault | None = None  # what the response or the job is to suffer
    url_path: str = ""  # below the root

    def one(self, name: str) -> str | None:
        """A parameter of the query; the last where it is given more than once."""
        return self.query.get(name, [None])[-1]

    def required(self, name: str) -> str:
        """A parameter of the query that must be there."""
        value = self.one(name)
        if not value:
            raise Refusal(f"Missing required parameter: {name}")
        return value

    def number(self, name: str, default: int | None = None) -> int:
        """A whole number, of the path or the query; required where there is no default."""
        if name in self.path:
            return self.numbers(name, [self.path[name]])[0]
        return default if default is not None and not self.one(name) else self.numbers(name, [self.required(name)])[0]

    def numbers(self, name: str, texts: list[str] | None = None) -> list[int]:
        """Any number of whole numbers, from the query unless they are given."""
        texts = self.query.get(name, []) if texts is None else texts
        if not all(text.isascii() and text.lstrip("-").isdigit() for text in texts):
            raise Refusal(f"Invalid value for {name}: {texts}")
        return [int(text) for text in texts]

    def flag(self, name: str) -> bool:
        """True or false; false where it is not there."""
        return self.choice(name, ("true", "false")) == "true"

    def choice(self, name: str, choices: Collection[str]) -> str | None:
        """One of some values, or None where it is not there."""
        for value in self.query.get(name, []):
            if value not in choices:
                raise Refusal(f"Invalid value for {name}: {value}")
        return self.one(name)

    def date(self, name: str) -> int | None:
        """A date in epoch milliseconds, or None where it is not there."""
        text = self.one(name)
        moment = parse_date(text) if text else None
        if text and moment is None:
            raise Refusal(f"Invalid date for {name}: {text}")
        return None if moment is None else to_ms(moment)
