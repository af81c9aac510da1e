"""What may stand in a report: words of this package, public names, and hashes; never what a record holds."""

from __future__ import annotations

import ast
import hmac
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from source_iterable.config import Config
from source_iterable.exports.choice import OTHER_SPELLINGS
from source_iterable.exports.export_job import STATES
from source_iterable.streams.table import EXPORTS, STREAMS

# Milliseconds from 2001 to 2100.
_MILLISECONDS = range(978_307_200_000, 4_102_444_800_000)
_EXACT = 2**53
# What texts look like, the first that fits.
_FORMS = {
    "empty text": r"",
    "YYYY-MM-DD HH:MM:SS +00:00": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d",
    "YYYY-MM-DD HH:MM:SS +0000": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}",
    "YYYY-MM-DDTHH:MM:SSZ": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:?\d\d)",
    "YYYY-MM-DDTHH:MM:SS.fffZ": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:Z|[+-]\d\d:?\d\d)",
    "YYYY-MM-DDTHH:MM:SS.ffffff.fffZ": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\.\d+Z",
    "YYYY-MM-DD": r"\d{4}-\d\d-\d\d",
    "text of digits": r"-?\d+",
    "text of a decimal": r"-?\d+\.\d+",
    "address": r"[^@\s]+@[^@\s]+",
    "URL": r"https?://\S+",
    "object in a text": r"\s*\{.*\}\s*",
    "array in a text": r"\s*\[.*\]\s*",
    "hexadecimal text": r"[0-9a-fA-F]{16,}",
}
_FORM = re.compile("|".join(f"({pattern})" for pattern in _FORMS.values()), re.DOTALL)
# Characters at which careless readers end a line, or a text.
_CAREFUL = re.compile("[\u0000-\u001f\u0085\u2028\u2029]")
# Names in answers that are public, but no columns: parts of envelopes, parameters, error codes.
_PUBLIC = (Path(__file__).parent / "public_words.txt").read_text(encoding="utf-8").split()
_PLAIN_WORD = re.compile(r"[A-Za-z][A-Za-z /-]{1,39}")
_HASHED = re.compile(r"own:[0-9a-f]{8}")


class Public(str):
    """A text that is Iterable's and never a project's: the name of a header, the code of an error."""


class Words:
    """The names of one project: public ones as they are, its own ones as a hash that only its API key can make."""

    def __init__(self, api_key: str) -> None:
        self._fields = frozenset(name for stream in STREAMS for name in names_in({"properties": columns_of(stream)}))
        types = {each.data_type for each in EXPORTS} | set(OTHER_SPELLINGS.values())
        self._public = frozenset({*types, *STATES, *_PUBLIC})
        self._key = api_key.encode()

    def shown(self, word: object) -> str:
        """A word of which Iterable has a few, such as a state or a part of an envelope."""
        text = str(word)
        return text if text in self._public else self.hashed(text)

    def field(self, name: str) -> str:
        """The name of a field of a record: only those in the schemas are Iterable's own."""
        return name if name in self._fields else self.hashed(name)

    def fields(self, names: Iterable[str]) -> list[str]:
        """Names of fields, each once, in order."""
        return sorted({self.field(name) for name in names})

    def of(self, words: Iterable[object]) -> list[str]:
        """Several words, each once, in order."""
        return sorted({self.shown(word) for word in words})

    def hashed(self, text: str) -> str:
        return f"own:{hmac.digest(self._key, text.encode(), 'sha256').hex()[:8]}"

    def guarded(self, value: Any) -> Any:
        """The same, with a hash in place of every text that is neither public nor written in this package's code.

        The last line of defence: probes show names and kinds, and no texts of answers.
        """
        if isinstance(value, Mapping):
            return {self.guarded(name): self.guarded(each) for name, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.guarded(each) for each in value]
        if isinstance(value, Public):
            return str(value)
        if isinstance(value, str) and not (_HASHED.fullmatch(value) or value in self._fields or value in _written()):
            return self.shown(value)
        return value


def public(text: str) -> str:
    """A header's name or an error's code, if it looks like one."""
    return Public(text) if _PLAIN_WORD.fullmatch(text) else "another"


@cache
def _written() -> frozenset[str]:
    """The texts in the code of this package."""
    return frozenset(
        node.value
        for file in Path(__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


@cache
def columns_of(stream: str) -> Mapping[str, Any]:
    """The columns of a stream's schema."""
    # Not by the user's configuration: with user_fields_as_columns, schemas have the project's fields.
    config = Config.parse({"api_key": "key", "start_date": "2024-01-01T00:00:00Z"})
    found: Mapping[str, Any] = STREAMS[stream].schema(config)["properties"]
    return found


def names_in(schema: Mapping[str, Any]) -> set[str]:
    """The names of all properties of a schema, at any depth."""
    found: set[str] = set()
    for name, each in schema.get("properties", {}).items():
        found |= {name} | names_in(each)
    items = schema.get("items")
    return found | names_in(items) if isinstance(items, Mapping) else found


def kind(value: Any) -> str:
    """The type of a value, and what a text or a number looks like."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    if isinstance(value, int):
        if abs(value) > _EXACT:
            return "integer beyond 2^53"
        return "milliseconds" if value in _MILLISECONDS else "integer"
    if isinstance(value, str):
        if form := _FORM.fullmatch(value):
            return [*_FORMS][(form.lastindex or 0) - 1]
        return "text with control characters" if _CAREFUL.search(value) else "text"
    return {float: "number", list: "array", dict: "object"}.get(type(value), "nothing")


def kinds(values: Iterable[Any]) -> list[str]:
    """The kinds of several values, the commonest first."""
    return [name for name, _ in Counter(map(kind, values)).most_common()]


def json_type(name: str) -> str:
    """The type in a JSON schema for a kind."""
    if name in ("milliseconds", "integer", "integer beyond 2^53"):
        return "integer"
    return name if name in ("null", "boolean", "number", "array", "object") else "string"
