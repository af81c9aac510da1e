"""Private fields: which fields of all records are left out, and which are hashed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b, sha256
from itertools import accumulate
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from source_iterable.api import exact_json
from source_iterable.config import Config
from source_iterable.errors import IterableError
from source_iterable.records.columns import DATA, Fields
from source_iterable.records.mentions import BLANKS, JSON_STARTS, Mentions

# A record without what is private in it. Raises IterableError.
Redact = Callable[[Fields], Fields]
_SIMPLE = frozenset((int, float, bool, type(None)))
# Names that are kept; data may have any number.
_MOST_PLAIN = 10_000
# Keywords of a column's schema that hold for what Iterable sends, and not for its hash.
_OF_THE_VALUE = ("format", "properties", "items", "additionalProperties")


class Layout(NamedTuple):
    """What is where in the records of a stream.

    `of_people`: a field is in `data` if it has no column, so `data.x` means the column x, too. Not in streams of things:
    `data.name` is a person's name, not a campaign's. `kept` are columns that are never left out, and whether they are not
    hashed either.
    """

    of_people: bool = False
    kept: Mapping[str, bool] = MappingProxyType({})

    @property
    def root(self) -> tuple[str, ...]:
        """The objects that the columns may be named as if they were in."""
        return (DATA,) if self.of_people else ()


class Rule(NamedTuple):
    """What happens to a field: named as in the configuration, the objects it must be in, and whether it is hashed."""

    name: str
    within: tuple[str, ...]
    hashed: bool


class PrivateFields:
    """The options `excluded_fields`, `hashed_fields` and `hash_salt`, applied to records and schemas. Thread-safe.

    A name means each field of that name, however deep; a dotted one such as `address.city` each `city` in an `address`. A
    field that Iterable sends with a dotted name is the same as one in an object. False if there is nothing to do.
    """

    def __init__(self, excluded: Iterable[str] = (), hashed: Iterable[str] = (), salt: str = "") -> None:
        self._salt = salt
        self._rules: dict[str, list[Rule]] = {}
        for names, is_hashed in ((excluded, False), (hashed, True)):
            for name in names:
                *within, last = name.split(".")
                self._rules.setdefault(last, []).append(Rule(name, tuple(within), is_hashed))
        # Only names with dots ask in what a field is.
        self._has_paths = any(rule.within for rules in self._rules.values() for rule in rules)
        self._mentions = Mentions(self._rules)
        # Names of fields that no rule means, wherever they are.
        self._plain: set[str] = set()
        self._had_records = False
        self._unseen = {rule.name for rules in self._rules.values() for rule in rules}

    @classmethod
    def from_config(cls, config: Config) -> PrivateFields:
        """Those of a configuration. A name that only a kind brought need not be in any record."""
        private = cls(config.excluded_fields, config.hashed_fields, config.hash_salt)
        private._unseen -= config.by_kind.keys()
        return private

    def __bool__(self) -> bool:
        return bool(self._rules)

    @property
    def unseen(self) -> list[str]:
        """The names that no record and no schema has had so far; none if there were no records."""
        return sorted(self._unseen) if self._had_records else []

    def rule(self, column: str, layout: Layout) -> Rule | None:
        """The rule for a column of a record, if there is one."""
        return self._rule_of(column, layout.root)

    def hashes(self, column: str, layout: Layout) -> bool:
        """Whether a column of a record is hashed."""
        rule = self.rule(column, layout)
        return rule is not None and rule.hashed

    def hash(self, value: Any) -> Any:
        """The hex SHA-256 of the salt and a value: a text as it is, anything else as JSON. None stays None."""
        if value is None:
            return None
        text = value.encode() if isinstance(value, str) else exact_json.dumps(value, None, orjson.OPT_SORT_KEYS)
        return sha256(self._salt.encode() + text).hexdigest()

    def redaction(self, stream_name: str, layout: Layout) -> Redact:
        """What takes the private fields out of a record of a stream. It raises IterableError."""

        def redact(record: Fields) -> Fields:
            self._had_records = True
            try:
                return _with_kept(layout, record, self._fields(record, layout.root))
            except (RecursionError, ValueError):
                raise IterableError(
                    f"A record of {stream_name} is nested too deep to find private fields in it."
                ) from None

        return redact

    def schema(self, schema: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
        """The schema of such records: without the excluded columns, with texts for the hashed ones."""
        columns = schema["properties"]
        shown = self._schema(schema, layout.root)
        return {**shown, "properties": _with_kept(layout, columns, shown["properties"])}

    def _schema(self, schema: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
        if "properties" in schema:
            properties: Fields = {}
            for name, column in schema["properties"].items():
                rule = self._rule_of(name, path)
                if rule is None:
                    properties[name] = self._schema(column, _inside(path, name))
                elif rule.hashed:
                    properties[name] = _hashed_column(column)
            schema = {**schema, "properties": properties}
        if isinstance(schema.get("items"), Mapping):
            schema = {**schema, "items": self._schema(schema["items"], path)}
        return dict(schema)

    def _fields(self, record: Mapping[str, Any], path: tuple[str, ...]) -> Fields:
        shown: Fields = {}
        plain = self._plain
        # This runs for every field of every record: most are neither meant by any name nor hold others.
        for name, value in record.items():
            if name not in plain and (rule := self._rule_of(name, path)) is not None:
                if rule.hashed:
                    shown[name] = self.hash(value)
            elif type(value) in _SIMPLE or (type(value) is str and value[:1] not in JSON_STARTS):
                shown[name] = value
            else:
                shown[name] = self._value(value, name, path)
        return shown

    def _value(self, value: Any, name: str, path: tuple[str, ...]) -> Any:
        if type(value) is dict:
            return self._fields(value, _inside(path, name) if self._has_paths else path)
        if type(value) is list:
            return [self._value(each, name, path) for each in value]
        if type(value) is str and value[:1] in JSON_STARTS:
            return self._text(value, name, path)
        return value

    def _text(self, text: str, name: str, path: tuple[str, ...]) -> str | None:
        """JSON within a text, as push payloads and odd transactionalData have it; any other text stays as it is.

        What begins like JSON and names a private field, but cannot be parsed, is left out: None.
        """
        # A name may be written in escapes.
        has_escapes = "\\u" in text or "\\x" in text
        names = self._mentions.names_in(text)
        if not (names or has_escapes):
            return text
        is_mentioned = self._mentions.in_json(names, text)
        if not (is_mentioned or has_escapes or self._mentions.may_be_within(names, text)):
            return text
        try:
            value = exact_json.loads(text.strip(BLANKS).encode())
            shown = self._value(value, name, path)
        except (ValueError, RecursionError):
            return None if is_mentioned or self._mentions.in_what_looks_like_json(text) else text
        if shown is None:
            return text if value is None else None
        # Also if they are equal: a name that is there twice is parsed once.
        return exact_json.dumps(shown).decode() if is_mentioned or shown != value else text

    def _rule_of(self, name: str, path: tuple[str, ...]) -> Rule | None:
        """The rule for a field, the excluding one if there are two. Notes that there is such a field."""
        found: Rule | None = None
        if len(self._plain) < _MOST_PLAIN and not any(part in self._rules for part in name.split(".")):
            self._plain.add(name)
            return None
        # A field named a.b may be hidden by the name of either: what is in a is not shown where a is not.
        for end in accumulate(name.split("."), "{}.{}".format) if "." in name else (name,):
            *within, last = end.split(".")
            for rule in self._rules.get(last, ()):
                if rule.within and (*path, *within)[-len(rule.within) :] != rule.within:
                    continue
                self._unseen.discard(rule.name)
                if found is None or not rule.hashed:
                    found = rule
        return found


def mark_of_options(config: Config, has_ids: bool = False) -> str:
    """A text that two configurations share if records are the same by both: "" if no field is private, nor an id keyed.

    `has_ids`: the records have an `_event_id`, which a salt changes even if no field is private. The text is keyed by a salt
    that changes anything: nobody can test guesses of the salt or of the names against it.
    """
    names = [sorted({*each}) for each in (config.excluded_fields, config.hashed_fields)]
    salt = config.hash_salt if has_ids or config.hashed_fields else ""
    if not (salt or any(names)):
        return ""
    key = sha256(salt.encode()).digest() if salt else b""
    return blake2b(orjson.dumps(names), digest_size=16, key=key).hexdigest()


def _with_kept(layout: Layout, fields: Mapping[str, Any], shown: Fields) -> Fields:
    """What is shown of the fields, with those that are kept, in their order."""
    kept = layout.kept
    if not kept:
        return shown
    return {
        name: value if name in kept and (kept[name] or name not in shown) else shown[name]
        for name, value in fields.items()
        if name in kept or name in shown
    }


def _inside(path: tuple[str, ...], name: str) -> tuple[str, ...]:
    return (*path, *name.split("."))


def _hashed_column(column: Mapping[str, Any]) -> Fields:
    shown = {keyword: value for keyword, value in column.items() if keyword not in _OF_THE_VALUE}
    shown["type"] = ["null", "string"] if "null" in column["type"] and isinstance(column["type"], list) else "string"
    return shown
