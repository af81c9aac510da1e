"""The files that a command is given, and states in all forms in which they come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from source_iterable.airbyte import given
from source_iterable.errors import ConfigError


def stream(name: str, state: Any, **more: Any) -> dict[str, Any]:
    return {"stream_descriptor": {"name": name, **more}, "stream_state": state}


def states(tmp_path: Path, content: Any) -> dict[str, Any]:
    path = tmp_path / "state.json"
    path.write_text(json.dumps(content))
    return given.states(str(path))


ONE, OTHER = stream("users", {"a": 1}), stream("lists", {"b": 2})


@pytest.mark.parametrize("content", [[], {}, None])
def test_no_state(tmp_path: Path, content: Any) -> None:
    assert states(tmp_path, content) == {}


def test_states_by_stream_and_global_ones_are_the_same(tmp_path: Path) -> None:
    expected = {"users": {"a": 1}, "lists": {"b": 2}}
    by_stream = [{"type": "STREAM", "stream": each} for each in (ONE, OTHER)]
    assert states(tmp_path, by_stream) == expected
    assert states(tmp_path, [{"type": "GLOBAL", "global": {"stream_states": [ONE, OTHER]}}]) == expected


def test_the_last_state_of_a_stream_counts_and_a_namespace_is_another_stream(tmp_path: Path) -> None:
    given = [stream("users", {"a": 1}), stream("users", None), stream("lists", {"b": 2}, namespace="x")]
    assert states(tmp_path, [{"type": "STREAM", "stream": each} for each in given]) == {"users": {}}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ([{"type": "GLOBAL", "global": {"stream_states": [ONE], "shared_state": {"a": 1}}}], "with a shared part"),
        ([{"type": "STREAM", "stream": ONE}, {"type": "STREAM"}], "does not match its type"),
        (
            [{"type": "STREAM", "stream": {"stream_state": {}}}],
            "state.json is not valid: Object missing required field",
        ),
        ({"users": {"a": 1}}, "state.json is not valid: Object contains unknown field `users`"),
        ("users", "state.json is not valid"),
        (7, "state.json is not valid"),
    ],
)
def test_a_state_that_cannot_be_read_is_refused(tmp_path: Path, content: Any, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        states(tmp_path, content)


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"\xff", b"[]", b'{"streams": [{"stream": {}}]}'])
def test_a_catalog_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "catalog.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"The catalog file .*catalog.json is not valid: ."):
        given.catalog(str(path))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="The configuration file .*none.json cannot be read: No such file"):
        given.configuration(str(tmp_path / "none.json"))
