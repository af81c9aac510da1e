"""A state file: which states a sync continues from, and what the file then holds."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.models import (
    AirbyteMessageSerializer,
    AirbyteStateMessageSerializer,
    ConfiguredAirbyteCatalogSerializer,
)
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_iterable.airbyte.state_file import StateFile, taken_from


def stream(name: str, **state: Any) -> dict[str, Any]:
    return {"stream_descriptor": {"name": name}, "stream_state": state}


def states(*streams: dict[str, Any]) -> list[Any]:
    return [{"type": "STREAM", "stream": each} for each in streams]


def begin(file: StateFile, given: list[Any], **modes: str) -> list[Any]:
    """The states to continue from, for a catalog of these streams in their sync modes."""
    catalog = [
        {"stream": {"name": name, "json_schema": {}, "supported_sync_modes": []}, "sync_mode": mode}
        for name, mode in modes.items()
    ]
    configured = {"streams": [{**each, "destination_sync_mode": "append"} for each in catalog]}
    loaded = [AirbyteStateMessageSerializer.load(each) for each in given]
    kept = file.begin(loaded, ConfiguredAirbyteCatalogSerializer.load(configured))
    return [AirbyteStateMessageSerializer.dump(each) for each in kept]


def update(file: StateFile, name: str, **state: Any) -> None:
    message = {"type": "STREAM", "stream": stream(name, **state), "sourceStats": {"recordCount": 3.0}}
    file.update(AirbyteMessageSerializer.load({"type": "STATE", "state": message}))


def test_the_file_keeps_streams_that_are_not_read_and_the_last_state_of_those_that_are(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    given = states(stream("email_open", createdAt="a"), stream("users", profileUpdatedAt="b"))
    assert begin(file, given, email_open="incremental") == given
    update(file, "email_open", createdAt="c")
    update(file, "email_open", createdAt="d")
    held = json.loads((tmp_path / "state.json").read_text())
    assert held == states(stream("email_open", createdAt="d"), stream("users", profileUpdatedAt="b"))
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]


def test_a_new_file_is_its_owners_alone_and_a_given_one_keeps_its_mode(tmp_path: Path) -> None:
    for name, expected in (("new.json", 0o600), ("given.json", 0o640)):
        if name == "given.json":
            (tmp_path / name).touch()
            (tmp_path / name).chmod(expected)
        file = StateFile(tmp_path / name)
        begin(file, [])
        update(file, "email_open", createdAt="c")
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == expected


def test_a_full_refresh_starts_over_unless_its_state_is_only_its_progress(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    given = states(stream("email_open", createdAt="a"), stream("list_users", after=1))
    assert begin(file, given, email_open="full_refresh", list_users="full_refresh") == given[1:]
    update(file, "list_users", after=2)
    held = json.loads((tmp_path / "state.json").read_text())
    assert held == states(stream("email_open", createdAt="a"), stream("list_users", after=2))


def test_a_global_state_is_taken_apart_and_one_with_a_shared_part_refused(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    parts = [stream("email_open", createdAt="a"), stream("users", profileUpdatedAt="b")]
    assert begin(file, [{"type": "GLOBAL", "global": {"stream_states": parts}}]) == states(*parts)
    with pytest.raises(AirbyteTracedException, match="GLOBAL with a shared part"):
        begin(file, [{"type": "GLOBAL", "global": {"stream_states": parts, "shared_state": {"a": 1}}}])


def test_a_file_that_cannot_be_written_is_named_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(AirbyteTracedException, match="nowhere/state.json cannot be written"):
        begin(StateFile(tmp_path / "nowhere" / "state.json"), [])


@pytest.mark.parametrize(("content", "given"), [(None, False), ("", False), ("[]", True)])
def test_a_file_that_does_not_exist_or_is_empty_is_no_state(tmp_path: Path, content: str | None, given: bool) -> None:
    path = tmp_path / "state.json"
    if content is not None:
        path.write_text(content)
    arguments, file = taken_from(["read", "--config", "c", f"--state-file={path}", "--catalog", "d"])
    assert arguments == ["read", "--config", "c", "--catalog", "d", *(["--state", str(path)] if given else [])]
    assert file is not None


def test_other_arguments_are_left_alone() -> None:
    for arguments in (["read", "--state", "s.json"], ["check", "--state-file", "s.json"], []):
        assert taken_from(arguments) == (arguments, None)


@pytest.mark.parametrize("other", ["--state", "--state=", "--st"])
def test_a_state_file_goes_with_no_other_state(other: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        taken_from(["read", "--state-file", "s.json", other, "t.json"])
    assert "not allowed with argument --state" in capsys.readouterr().err
