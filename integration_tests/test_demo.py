"""The demo of `make run`, as a user sees it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb
import pytest

from integration_tests.connector import config_for
from integration_tests.demo import main
from integration_tests.sandbox import Sandbox, SandboxSettings


def test_two_loads_into_duckdb_and_answers_from_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["--folder", str(tmp_path), "--days", "2", "--events-per-day", "2000"]
    assert main([*arguments, "--streams", "users,campaigns,email_send,email_open,email_click"]) == 0
    output = capfd.readouterr().out
    assert "SUCCEEDED" in output
    assert "sandbox-key" not in output
    assert not (tmp_path / ".config.json").exists()
    rows = [int(number.replace(",", "")) for number in re.findall(r"^ email_send +│ +([\d,]+) │", output, re.MULTILINE)]
    assert rows[0] > 10 * sum(rows[1:])
    assert "opens" in output
    assert "clicked" in output
    with duckdb.connect(str(tmp_path / "iterable.duckdb"), read_only=True) as connection:
        held = connection.execute("SELECT count(*), count(DISTINCT _event_id) FROM iterable.iterable.email_send")
        assert held.fetchone() == (sum(rows), sum(rows))


def test_a_bad_key_ends_it_with_checks_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Sandbox(SandboxSettings()) as sandbox:
        assert main(_of_project(tmp_path, {**config_for(sandbox), "api_key": "wrong"})) == 1
    output = capsys.readouterr().out
    assert "The check failed: " in output
    assert "region" in output


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "No such file"), ("{", "cannot be read as JSON"), ("[]", "must contain a JSON object")],
)
def test_a_bad_config_file_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, message: str
) -> None:
    file = tmp_path / "config.json"
    if content is not None:
        file.write_text(content)
    assert main(["--folder", str(tmp_path), "--config", str(file)]) == 1
    assert message in capsys.readouterr().out


def test_an_unknown_stream_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Sandbox(SandboxSettings()) as sandbox:
        assert main([*_of_project(tmp_path, config_for(sandbox)), "--streams", "lists,opens"]) == 1
    assert "There is no stream or group opens" in capfd.readouterr().err


def _of_project(folder: Path, config: dict[str, object]) -> list[str]:
    file = folder / "config.json"
    file.write_text(json.dumps(config))
    return ["--folder", str(folder), "--config", str(file)]
