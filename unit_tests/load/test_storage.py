"""Storage: names that readers do not see, and a folder of one writer at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from source_iterable.errors import ConfigError
from source_iterable.load.destination import DestinationError
from source_iterable.load.storage import LocalFolder, seen, unseen


def test_a_file_that_does_not_count_is_skipped_by_readers_of_folders_and_of_patterns() -> None:
    hidden = unseen("users/0123.parquet")
    assert hidden.startswith("users/_"), "Hive, Spark and Athena"
    assert not hidden.endswith(".parquet"), "*.parquet"
    assert seen(hidden) == seen("users/0123.parquet") == "users/0123.parquet"
    assert seen("users/0123.parquet.part") == "users/0123.parquet", "as earlier versions called it"


def test_a_folder_has_one_writer_at_a_time(tmp_path: Path) -> None:
    first, second = LocalFolder(tmp_path / "lake"), LocalFolder(tmp_path / "lake")
    assert first.open(loaded=False) == (None, {})
    first.write("users/_x.parquet.part", lambda file: Path(file).write_text("rows"))
    first.rename({"users/_x.parquet.part": "users/x.parquet"})
    first.replace_manifest(b"{}")
    with pytest.raises(DestinationError, match="Another load is writing to "):
        second.open(loaded=False)
    first.close()
    assert second.open(loaded=True) == (b"{}", {"users/x.parquet": 4})
    second.close()


def test_a_folder_that_no_load_has_made_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        LocalFolder(tmp_path / "lake").open(loaded=True)
    assert list(tmp_path.iterdir()) == []
