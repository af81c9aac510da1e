"""The command: what it says about wrong arguments, and about failures."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from source_iterable.load import command
from source_iterable.load.loader import Loaded
from unit_tests.contexts import a_config

SECRET = "S3cretPw"


@pytest.mark.parametrize("values", [f"host=h password={SECRET}", f"postgresql://u:a {SECRET}@h/db"])
def test_an_address_that_the_shell_has_split_is_not_quoted(values: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(a_config().model_dump_json(exclude_none=True))
    for more in ([], ["--tables", SECRET], [f"--tables={SECRET}"]):
        arguments = ["load", "--config", str(tmp_path / "config.json"), "--to", *values.split(" "), *more]
        done = subprocess.run([sys.executable, "-m", "source_iterable", *arguments], capture_output=True, text=True)
        assert done.returncode == 2
        assert SECRET not in done.stdout + done.stderr
        assert ("--tables" if more else "quotation marks") in done.stderr


def test_an_error_of_a_file_is_blamed_on_that_file() -> None:
    error = OSError(errno.EACCES, "Permission denied", "/data/lake")
    assert command._worded(error, "/data/lake/") == "/data/lake cannot be used: Permission denied."
    assert "temporary folder" in command._worded(OSError(errno.ENOSPC, "No space left on device"), "x.duckdb")


def test_the_report_has_the_streams_with_rows_and_their_sum(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    results = {"users": Loaded(1_200, 1.5), "email_send": Loaded(34, 2.25), "lists": Loaded(), "channels": Loaded()}
    command._report(results, "duckdb x.duckdb")
    assert [line.split() for line in capfdbinary.readouterr().out.decode().splitlines()] == [
        ["stream", "│", "rows", "│", "seconds"],
        ["─" * 12 + "┼" + "─" * 15 + "┼" + "─" * 8],
        ["users", "│", "1,200", "│", "1.5"],
        ["email_send", "│", "34", "│", "2.2"],
        ["─" * 12 + "┼" + "─" * 15 + "┼" + "─" * 8],
        ["all", "│", "1,234", "│", "2.2"],
        ["2", "streams", "had", "nothing", "new."],
        [],
        ["To", "look", "at", "the", "tables:"],
        [],
        ["duckdb", "x.duckdb"],
        [],
    ]
