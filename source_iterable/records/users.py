"""Records of the users stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from source_iterable.records.batch import LineFormat
from source_iterable.records.columns import Columns, Fields
from source_iterable.records.lines import Dumps, Parsed, parse_lines


class UserRecords:
    """Records of the users stream: declared fields at the top level, others under `data`; dotted names stay dotted."""

    def __init__(self, stream_name: str, schema: Mapping[str, Any]) -> None:
        self._format = LineFormat(stream_name)
        self._columns = Columns(schema)

    def parse(self, chunk: bytes) -> Parsed:
        return parse_lines(self._format, self._message, chunk)

    def _message(self, before: bytes, record: Fields, after: bytes, dumps: Dumps) -> bytes:
        columns, data = self._columns.split(record)
        columns["data"] = data
        return before + dumps(columns, None, 0) + after
