"""The demo of `make run`, as a user sees it."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest

from integration_tests.connector import config_for
from integration_tests.demo import main
from integration_tests.sandbox import Sandbox, SandboxSettings


def test_two_syncs_into_duckdb(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    if importlib.util.find_spec("airbyte") is None:  # importing it here would configure it for the network
        pytest.skip("PyAirbyte is not installed: it has a separate environment, see `make run`")
    import duckdb

    arguments = ["--folder", str(tmp_path), "--days", "2", "--events-per-day", "2000"]
    assert main([*arguments, "--streams", "lists,campaigns,email_open"]) == 0
    output = capfd.readouterr().out
    rows = {match[1]: (int(match[2]), int(match[3])) for match in re.finditer(_ROW, output, re.MULTILINE)}
    assert rows["lists"] == (8, 8)
    assert rows["campaigns"] == (85, 0)
    first, second = rows["email_open"]
    assert first > 10 * second >= 0
    assert "iterable.duckdb" in output
    with duckdb.connect(str(tmp_path / "iterable.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*), count(DISTINCT _event_id) FROM email_open").fetchone() == (
            first + second,
            first + second,
        )


# A line of the table: the stream, how it is read, rows and seconds of both syncs.
_ROW = r"^ (\w+) +│ (?:all|new) +│ +(\d+) │ +[\d.]* │ +(\d+) │"


def test_without_pyairbyte_it_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "airbyte", None)
    with Sandbox(SandboxSettings()) as sandbox:
        assert main(_of_project(tmp_path, config_for(sandbox))) == 1
    output = capsys.readouterr().out
    assert "SUCCEEDED" in output
    assert "`make run`" in output
    assert "sandbox-key" not in output
    assert not (tmp_path / ".config.json").exists()


def test_a_bad_key_ends_it_with_checks_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Sandbox(SandboxSettings()) as sandbox:
        assert main(_of_project(tmp_path, {**config_for(sandbox), "api_key": "wrong"})) == 1
    output = capsys.readouterr().out
    assert "The check failed: " in output
    assert "region" in output


@pytest.mark.parametrize(
    ("content", "message"), [(None, "No such file"), ("{", "cannot be read as JSON"), ("[]", "no JSON object")]
)
def test_a_bad_config_file_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, message: str
) -> None:
    file = tmp_path / "config.json"
    if content is not None:
        file.write_text(content)
    assert main(["--folder", str(tmp_path), "--config", str(file)]) == 1
    assert message in capsys.readouterr().out


def test_an_unknown_stream_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Sandbox(SandboxSettings()) as sandbox:
        assert main([*_of_project(tmp_path, config_for(sandbox)), "--streams", "lists,opens"]) == 1
    assert "There is no stream opens" in capsys.readouterr().out


def _of_project(folder: Path, config: dict[str, object]) -> list[str]:
    file = folder / "config.json"
    file.write_text(json.dumps(config))
    return ["--folder", str(folder), "--config", str(file)]
