"""Records of the users stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from source_iterable.records.columns import Columns, Fields
from source_iterable.records.lines import Dumps, ShapedRecords
from source_iterable.records.shape import PART, PART_TAIL, Shape, lines_of


class UserRecords(ShapedRecords):
    """Records of the users stream: declared fields at the top level, others under `data`; dotted names stay dotted."""

    def __init__(self, stream_name: str, schema: Mapping[str, Any]) -> None:
        self._columns = Columns(schema)
        super().__init__(stream_name, Shape(self._columns, of_events=False))

    def data(self, record: Fields, dumps: Dumps) -> bytes:
        columns, data = self._columns.split(record)
        columns["data"] = data
        return dumps(columns, None, 0)

    def write(self, out: list[bytes], shape: Shape, records: list[Any], before: bytes, after: bytes) -> None:
        after = b"}}" + after
        shape.finish(records)
        for line in lines_of(records):
            columns, _, data = line.split(PART)
            columns = columns[:PART_TAIL]
            out += before, columns or b"{", b',"data":{' if columns else b'"data":{', data[1:-1], after
