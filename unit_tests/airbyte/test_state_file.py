"""A state file: which states a sync continues from, and what the file then holds."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from msgspec import convert

from source_iterable.airbyte.given import ConfiguredStream
from source_iterable.airbyte.state_file import StateFile
from source_iterable.errors import ConfigError


def states(**streams: dict[str, Any]) -> list[Any]:
    return [
        {"type": "STREAM", "stream": {"stream_descriptor": {"name": name}, "stream_state": state}}
        for name, state in streams.items()
    ]


def begin(file: StateFile, given: dict[str, Any], **modes: str) -> dict[str, Any]:
    """The states to continue from, for a catalog of these streams in their sync modes."""
    catalog = [{"stream": {"name": name, "json_schema": {}}, "sync_mode": mode} for name, mode in modes.items()]
    return file.begin(given, convert(catalog, list[ConfiguredStream]))


def update(file: StateFile, name: str, **state: Any) -> None:
    (message,) = states(**{name: state})
    file.update({"type": "STATE", "state": {**message, "sourceStats": {"recordCount": 3.0}}})


def test_the_file_keeps_streams_that_are_not_read_and_the_last_state_of_those_that_are(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    given = {"email_open": {"createdAt": "a"}, "users": {"profileUpdatedAt": "b"}}
    assert begin(file, given, email_open="incremental") == given
    update(file, "email_open", createdAt="c")
    update(file, "email_open", createdAt="d")
    held = json.loads((tmp_path / "state.json").read_text())
    assert held == states(email_open={"createdAt": "d"}, users={"profileUpdatedAt": "b"})
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]


def test_a_new_file_is_its_owners_alone_and_a_given_one_keeps_its_mode(tmp_path: Path) -> None:
    for name, expected in (("new.json", 0o600), ("given.json", 0o640)):
        if name == "given.json":
            (tmp_path / name).touch()
            (tmp_path / name).chmod(expected)
        file = StateFile(tmp_path / name)
        begin(file, {})
        update(file, "email_open", createdAt="c")
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == expected


def test_a_full_refresh_starts_over_unless_its_state_is_only_its_progress(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    given = {"email_open": {"createdAt": "a"}, "list_users": {"after": 1}}
    assert begin(file, given, email_open="full_refresh", list_users="full_refresh") == {"list_users": {"after": 1}}
    update(file, "list_users", after=2)
    held = json.loads((tmp_path / "state.json").read_text())
    assert held == states(email_open={"createdAt": "a"}, list_users={"after": 2})


def test_a_file_that_cannot_be_written_is_named_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere/state.json cannot be written"):
        begin(StateFile(tmp_path / "nowhere" / "state.json"), {})
