"""Records of the users stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from source_iterable.records.columns import Columns, Fields
from source_iterable.records.lines import Dumps, ShapedRecords
from source_iterable.records.shape import CUT, Shape, encode_lines


class UserRecords(ShapedRecords):
    """Records of the users stream: declared fields at the top level, others under `data`; dotted names stay dotted.

    `without_key` counts those that have nothing in the column `key`.
    """

    def __init__(self, stream_name: str, schema: Mapping[str, Any], key: str) -> None:
        self._columns = Columns(schema)
        self._key = key
        self.without_key = 0
        super().__init__(stream_name, Shape(self._columns, of_events=False))

    def data(self, record: Fields, dumps: Dumps) -> bytes:
        self._columns.take_nested(record)
        columns, data = self._columns.split(record)
        columns["data"] = data
        text = dumps(columns, None, 0)
        self.without_key += not columns.get(self._key)
        return text

    def write(self, out: list[bytes], shape: Shape, records: list[Any], before: bytes, after: bytes) -> None:
        self.without_key += shape.count_without(records, self._key)
        for record in records:
            record.__class__ = shape.finished
        if records:
            after = b"}" + after
            # A newline is the end of a record: in JSON they are escaped.
            text = before + encode_lines(records)[:-1].replace(b"\n", after + before) + after
            out += [piece.removeprefix(b",") for piece in text.split(CUT)]
