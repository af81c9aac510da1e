"""The command `forget`: its arguments, of which no error quotes a person, its report, and the SQL for dlt's destinations."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from source_iterable.errors import ConfigError
from source_iterable.load import forget
from source_iterable.load.forgetting import Erased
from unit_tests.contexts import a_config

ROOT = Path(__file__).parents[2]
ANNA = "anna.secret@example.com"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "config.json").write_text(a_config().model_dump_json(exclude_none=True))
    words = [sys.executable, "-m", "source_iterable", "forget", "--config", str(folder / "config.json"), *arguments]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--forgotten", "--email", ANNA],
        ["--forgotten", "--user-id", ANNA],
        ["--email", ""],
        ["--email", " "],
        ["--email", ANNA, "--user-id"],
        ["--e", ANNA],
        [f"--mail={ANNA}"],
        ["--email", "x", ANNA],
        [f"--forgotten={ANNA}"],
        [f"--forgotten={ANNA}'s"],
        [b"--email=anna.secret\xff".decode("utf-8", "surrogateescape")],
    ],
)
def test_wrong_arguments_exit_with_2_and_are_not_quoted(arguments: list[str], tmp_path: Path) -> None:
    done = run(tmp_path, "--to", str(tmp_path / "x.duckdb"), *arguments)
    assert done.returncode == 2
    assert "anna" not in done.stdout + done.stderr
    assert "source-iterable forget: error: " in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["config.json"]


@pytest.mark.parametrize("to", ["x.duckdb", "x.db", "lake/"])
def test_nothing_is_made_where_nothing_is(to: str, tmp_path: Path) -> None:
    done = run(tmp_path, "--to", f"{tmp_path}/{to}", "--email", ANNA)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("There is nothing at --to ")
    assert [each.name for each in tmp_path.iterdir()] == ["config.json"]


def test_a_dataset_without_tables_is_an_error(tmp_path: Path) -> None:
    duckdb.connect(str(tmp_path / "x.duckdb")).close()
    before = (tmp_path / "x.duckdb").read_bytes()
    done = run(tmp_path, "--to", str(tmp_path / "x.duckdb"), "--email", ANNA)
    assert (done.returncode, done.stderr) == (1, "There is no table of any stream: check --to and --dataset.\n")
    assert (tmp_path / "x.duckdb").read_bytes() == before


def test_the_report_counts_by_table_and_says_what_is_left() -> None:
    erased = Erased(
        {("users", False): 1, ("list_users", True): 2_000}, {"email": ["users", "email_open"]}, 1, ["events", "users"]
    )
    lines = list(forget._report(erased, "The bytes."))
    assert [line.split() for line in lines[:6]] == [
        ["table", "│", "rows", "deleted"],
        ["─" * 21 + "┼" + "─" * 14],
        ["list_users,", "waiting", "│", "2,000"],
        ["users", "│", "1"],
        ["─" * 21 + "┼" + "─" * 14],
        ["all", "│", "2,001"],
    ]
    assert "1 of the identifiers are in no row of users." in lines
    assert "- email of email_open, users" in lines
    assert "- The bytes." in lines
    said = "loaded with other private options. Run forget with that configuration, too."
    assert lines[lines.index("Not matched:") + 1 :][:2] == [f"- events was {said}", f"- users was {said}"]


def test_a_report_about_nothing_says_so() -> None:
    lines = list(forget._report(Erased({}, {}, 0, []), "The bytes."))
    assert lines[:2] == ["No table has a row about these persons. Nothing was deleted.", ""]
    assert not [line for line in lines if "identifiers" in line and "in no row" in line or "atched" in line]


def test_sql_for_others_names_the_columns_that_the_configuration_leaves() -> None:
    lines = list(
        forget.sql_for_others(
            a_config(excluded_fields=["itblUserId"]), ("raw", "raw_staging"), [("email", "anna@x.com")]
        )
    )
    assert [line for line in lines if "itbl" in line] == []
    assert lines[-2].startswith("DELETE FROM raw_staging.users WHERE email IN ('anna@x.com') OR ")
    assert lines[-1].startswith("DELETE FROM raw.users WHERE email IN ('anna@x.com') OR ")
    sends = [line for line in lines if line.startswith("DELETE FROM raw.email_send ")]
    assert len(sends) == 1
    assert "user_id IN (SELECT user_id FROM raw.users WHERE email IN ('anna@x.com') OR " in sends[0]
    assert not [line for line in lines if "campaigns" in line]


@pytest.mark.parametrize("text", ["x\\", "x' OR 1=1 --", "a\nb", "a\x1bb"])
def test_sql_for_others_has_no_text_that_warehouses_read_differently(text: str) -> None:
    with pytest.raises(ConfigError, match="no SQL that every warehouse reads alike"):
        list(forget.sql_for_others(a_config(), ("raw", "raw_staging"), [("email", text)]))
