"""The manifest of a folder: what is remembered of a table."""

from __future__ import annotations

import json

import pytest

from source_iterable.load.manifest import Manifest
from source_iterable.load.tables import Column, Table


def test_it_is_json_and_keeps_what_is_noted_of_a_table() -> None:
    manifest = Manifest(b'{"states": {"": {"users": {}, "lists": {}}, "part": {"users": {}}}, "tables": {}}')
    for own in (["firstName", "age"], ["zip"], []):
        columns = tuple(Column(field, field.lower(), "varchar") for field in own)
        manifest.remember(Table("users", columns, ("email",), True, None, fits=True, schema={}, own=columns))
    manifest.new_generation("users", "mark")
    first = manifest.entry("users")["generation"]
    manifest.new_generation("users")
    manifest.forget_states("users")
    again = Manifest(json.dumps(manifest).encode())
    assert again["states"] == {"": {"lists": {}}, "part": {}}
    entry = again.entry("users")
    assert (entry["fields"], entry["private"]) == ({"firstname": "firstName", "age": "age", "zip": "zip"}, "mark")
    assert entry["generation"] != first


@pytest.mark.parametrize("text", [b"", b"\xff", b"{"])
def test_what_is_no_json_is_damaged(text: bytes) -> None:
    with pytest.raises(ValueError, match=""):
        Manifest(text)
