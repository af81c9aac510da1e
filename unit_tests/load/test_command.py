"""The command: which destination `--to` means, the report, and what is said about wrong arguments and failures.

No message shows what may be a password, but each says what is wrong.
"""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from source_iterable.errors import ConfigError, IterableError, LocalError
from source_iterable.load import command
from source_iterable.load.command import open_destination
from source_iterable.process.progress import Progress
from unit_tests.contexts import a_config

SECRET = "S3cretPw"
# Nothing listens there.
HOST = "127.0.0.1:1"
ADDRESSES = [
    f"postgresql+psycopg2://u:{SECRET}@{HOST}/db",
    f"POSTGRESQL://u:{SECRET}@{HOST}/db",
    f"Postgres://u:{SECRET}@{HOST}/db",
    f"postgresql:/u:{SECRET}@{HOST}/db",
    f"postgresql:u:{SECRET}@{HOST}/db",
    f"postgresql:/{SECRET}.duckdb",
    f"postgresql:{SECRET}/",
    f" postgresql://u:{SECRET}@{HOST}/db",
    f"\tpostgresql://u:{SECRET}@{HOST}/db\n",
    f"mysql://u:{SECRET}@h/db",
    f"snowflake://u:{SECRET}@account/db",
    f"md:{SECRET}",
    f"jdbc:postgresql://u:{SECRET}@h/x.duckdb",
    f"duckdb:///{SECRET}/x.duckdb",
    f"host=127.0.0.1 port=1 password={SECRET}",
    f"host=127.0.0.1 password={SECRET} dbname=x.duckdb",
    f"PASSWORD = '{SECRET}' host=h/",
    f"dbname=x\npassword={SECRET}",
    f"u:{SECRET}@h/db",
    f"//u:{SECRET}@h",
    f"{SECRET}@h/db",
    f"bigquery?key={SECRET}",
    *(
        f"postgresql://u:{password}@{HOST}/db"
        for password in (
            SECRET,
            f"a#{SECRET}",
            f"#a@{SECRET}",
            f"a@{SECRET}",
            f"a/{SECRET}",
            f"1/{SECRET}",
            f"a?{SECRET}",
            f"?a@{SECRET}",
            f"a:{SECRET}",
            f"[{SECRET}",
            f"%zz{SECRET}",
            f"a {SECRET}",
            f"{SECRET}%40",
            f"{SECRET}%",
        )
    ),
    f"postgresql://u@{HOST}/{SECRET}",
    f"postgresql://{SECRET}@{HOST}/db",
    f"postgresql://u@{SECRET}:1/db",
    f"postgresql://u@127.0.0.1:{SECRET}/db",
    f"postgresql://u@{HOST}/db?password={SECRET}",
    f"postgresql://u@{HOST}/db?pasword={SECRET}",
    f"postgresql://u@{HOST}/db?sslmode={SECRET}",
    f"postgresql://u@{HOST}/db?{SECRET}",
    f"postgresql:///db?host=/nowhere/{SECRET}",
    f"postgresql:///db?service={SECRET}",
]


@pytest.mark.parametrize("values", [f"host=h password={SECRET}", f"postgresql://u:a {SECRET}@h/db"])
def test_an_address_that_the_shell_has_split_is_not_quoted(values: str, tmp_path: Path) -> None:
    configured(tmp_path)
    for more in ([], ["--tables", SECRET], [f"--tables={SECRET}"]):
        arguments = ["load", "--config", str(tmp_path / "config.json"), "--to", *values.split(" "), *more]
        done = subprocess.run([sys.executable, "-m", "source_iterable", *arguments], capture_output=True, text=True)
        assert done.returncode == 2
        assert SECRET not in done.stdout + done.stderr
        assert ("--tables" if more else "quotation marks") in done.stderr


def configured(tmp_path: Path) -> list[str]:
    """The first arguments of a load."""
    (tmp_path / "config.json").write_text(a_config().model_dump_json(exclude_none=True))
    return ["--config", str(tmp_path / "config.json"), "--to", str(tmp_path / "iterable.duckdb")]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.EACCES, "Permission denied", "/data/lake"), "cannot use /data/lake: Permission denied."),
        (OSError(errno.ENOSPC, "No space left on device"), "cannot use the temporary folder "),
        (MemoryError(), "ran out of memory."),
    ],
)
def test_what_this_machine_lacks_is_named(
    error: Exception, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(command, "load", load)
    monkeypatch.setattr(command, "must_be_accepted", lambda *arguments, **more: None)
    with pytest.raises(LocalError) as caught:
        command._load(command._options(configured(tmp_path)), Progress())
    assert str(caught.value).startswith(f"This machine {told}")


@pytest.mark.parametrize("rows", ["0", "-1", "many"])
def test_less_than_one_row_a_commit_is_refused(rows: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command.run([*configured(tmp_path), "--commit-rows", rows])
    assert caught.value.code == 2
    told = "argument --commit-rows: must be a whole number, at least 1\n"
    assert capsys.readouterr().err.endswith(f"error: {told}")
    assert not (tmp_path / "iterable.duckdb").exists()


@pytest.mark.parametrize("name", ["", " ", ".", "..", "../../x", "/tmp/x", "a/b", "a\\b"])
def test_a_dataset_has_a_plain_name(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command.run([*configured(tmp_path), "--dataset", name])
    assert caught.value.code == 2
    assert capsys.readouterr().err.endswith("error: argument --dataset: must be a plain name, without slashes\n")
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


@pytest.mark.parametrize(("to", "folder"), [("no/x/i.duckdb", "no/x"), ("no/lake/", "no"), ("./no/i.db", "./no")])
def test_a_folder_is_not_made_by_the_way(to: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=f"--to {to}: there is no folder {folder}. Make it first"):
        command._is_new(to)
    (tmp_path / folder).mkdir(parents=True)
    assert command._is_new(to)
    (tmp_path / to).mkdir()
    assert not command._is_new(to)


def test_what_is_not_in_this_machine_is_not_new() -> None:
    for to in ("postgresql://u@h/x.duckdb", "s3://bucket/lake/", "bigquery", "duckdb"):
        assert not command._is_new(to)


def test_a_load_that_is_stopped_says_what_is_there() -> None:
    progress = Progress()
    progress.committed["users"] = 0
    assert command._stopped(progress) == (
        "The load was stopped before anything was committed. Run it again to load all."
    )
    progress.committed["lists"] = 1_200
    assert "1,200 rows of 1 stream are committed: run it again to load the rest." in command._stopped(progress)
    progress.committed["email_send"] = 34
    assert "1,234 rows of 2 streams are committed" in command._stopped(progress)


@pytest.mark.parametrize("to", ADDRESSES)
def test_no_message_shows_what_is_behind_a_scheme(to: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(IterableError) as caught:
        open_destination(to, "iterable", "", tmp_path)
    assert SECRET.lower() not in str(caught.value).lower()
    assert "127.0.0.1" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [], "no file is named after it"


@pytest.mark.parametrize(
    ("to", "told"),
    [
        (f"mysql://u:{SECRET}@h/db", "--to mysql:… is no destination"),
        ("nothing", "--to nothing is no destination"),
        ("", "--to … is no destination"),
        (" \n", "--to … is no destination"),
        ("./lake", "--to ./lake is no destination: give name.duckdb, folder/"),
        (f"{SECRET}@h/db", "--to … is no destination"),
        (f"postgresql://u:{SECRET}@{HOST}/db", "PostgreSQL cannot be used: connection to server at"),
        (f"postgresql://u:{SECRET}@{HOST}/db", "failed: Connection refused. Check the server, and --to."),
        (f"postgresql://u:a@{SECRET}@{HOST}/db", "The URL of PostgreSQL is not valid"),
    ],
)
def test_the_message_says_what_is_wrong(to: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(IterableError) as caught:
        open_destination(to, "iterable", "", tmp_path)
    assert told in str(caught.value)


def test_the_name_duckdb_is_no_file_whatever_dlt_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(tmp_path / "mine.duckdb"))
    with pytest.raises(IterableError, match="--to duckdb names no file: give its path, such as --to iterable.duckdb"):
        open_destination("duckdb", "iterable", "", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_path_may_look_like_a_connection_string(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for to in ("lake/project=acme/", "./host=a/"):
        open_destination(to, "iterable", "", tmp_path).close()
        assert (tmp_path / to / "iterable").is_dir()
