"""Records of the users stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from source_iterable.records.columns import Columns, Fields
from source_iterable.records.lines import Dumps, ShapedRecords
from source_iterable.records.private_fields import Redact
from source_iterable.records.shape import CUT, Shape, encode_lines


class UserRecords(ShapedRecords):
    """Records of the users stream: declared fields at the top level, others under `data`; dotted names stay dotted.

    `without_key` counts those that have nothing in the column `key`.
    """

    def __init__(self, stream_name: str, schema: Mapping[str, Any], key: str, redact: Redact | None = None) -> None:
        self._columns = Columns(schema)
        self._key = key
        self.without_key = 0
        super().__init__(stream_name, Shape(self._columns, of_events=False), redact)

    def json(self, record: Fields, dumps: Dumps) -> bytes:
        self._columns.take_nested(record)
        columns, data = self._columns.split(record)
        has_no_key = not columns.get(self._key)
        columns["data"] = data
        text = dumps(self._redact(columns) if self._redact else columns, None, 0)
        self.without_key += has_no_key
        return text

    def lines(self, shape: Shape, records: list[Any]) -> bytes:
        self.without_key += shape.count_without(records, self._key)
        for record in records:
            record.__class__ = shape.finished
        # A newline is the end of a record: in JSON they are escaped. The first brace closes `data`.
        text = encode_lines(records).replace(b"\n", b"}\n")
        return text.replace(CUT + b",", b"").replace(CUT, b"")
