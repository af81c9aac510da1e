"""Files that are replaced in one go, and who may read them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from source_iterable.process.files import replace


@pytest.fixture(autouse=True, params=[0o022, 0o000, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    # What a killed run of an earlier version left behind.
    (tmp_path / "state.json.new").write_text("a longer text")
    (tmp_path / "state.json.new").chmod(0o644)
    for text in ("ä", "b"):
        replace(tmp_path / "state.json", text)
        assert (tmp_path / "state.json").read_text(encoding="utf-8") == text
        assert mode(tmp_path / "state.json") == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("given", [0o644, 0o640, 0o666, 0o600])
def test_a_file_keeps_its_mode(tmp_path: Path, given: int) -> None:
    file = tmp_path / "state.json"
    file.touch()
    file.chmod(given)
    replace(file, "a")
    assert (file.read_text(), mode(file)) == ("a", given)


def test_a_file_that_cannot_be_written_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "state.json"
    file.write_text("a")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace(file, "b")
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("state.json", "a")]


def test_a_file_system_without_modes_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unable(descriptor: int, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchmod", unable)
    replace(tmp_path / "state.json", "a")
    assert (tmp_path / "state.json").read_text() == "a"
