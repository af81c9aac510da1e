"""`--to`: what it means, and that no message shows what may be a password."""

from __future__ import annotations

import subprocess
import sys
import traceback
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from source_iterable.errors import IterableError
from source_iterable.load.address import hidden, is_keywords, parsed, shown
from source_iterable.load.open import open_destination
from unit_tests.contexts import a_config

SECRET = "S3cretPw"
# Nobody listens there.
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


@pytest.mark.parametrize("to", ADDRESSES)
def test_no_message_shows_what_is_behind_a_scheme(to: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(IterableError) as caught:
        open_destination(to, "iterable", "", tmp_path)
    assert SECRET.lower() not in str(caught.value).lower()
    assert "127.0.0.1" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [], "nor is a file named like it"


@pytest.mark.parametrize(
    ("to", "told"),
    [
        (f"mysql://u:{SECRET}@h/db", "--to mysql:… is no destination"),
        ("nothing", "--to nothing is no destination"),
        ("", "--to … is no destination"),
        (" \n", "--to … is no destination"),
        ("./lake", "--to ./lake is no destination: give a file name that ends in .duckdb, a folder that ends in /"),
        (f"{SECRET}@h/db", "--to … is no destination"),
        (f"postgresql://u:{SECRET}@{HOST}/db", "PostgreSQL cannot be used: connection to server at"),
        (f"postgresql://u:{SECRET}@{HOST}/db", "failed: Connection refused. Check that the server runs, and what --to"),
        (f"postgresql://u:a@{SECRET}@{HOST}/db", "The URL of PostgreSQL is not valid"),
    ],
)
def test_but_it_says_what_is_wrong(to: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(IterableError) as caught:
        open_destination(to, "iterable", "", tmp_path)
    assert told in str(caught.value)


@pytest.mark.parametrize("values", [f"host=h password={SECRET}", f"postgresql://u:a {SECRET}@h/db"])
def test_an_address_that_the_shell_has_cut_is_not_quoted(values: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(a_config().model_dump_json(exclude_none=True))
    for more in ([], ["--tables", SECRET], [f"--tables={SECRET}"]):
        arguments = ["load", "--config", str(tmp_path / "config.json"), "--to", *values.split(" "), *more]
        done = subprocess.run([sys.executable, "-m", "source_iterable", *arguments], capture_output=True, text=True)
        assert done.returncode == 2
        assert SECRET not in done.stdout + done.stderr
        assert ("--tables" if more else "quotation marks") in done.stderr


def test_a_traceback_has_none_of_it() -> None:
    to = f"postgresql://u:{SECRET}@host/db"
    try:
        raise RuntimeError(f"cannot use {to}")
    except RuntimeError as error:
        told = hidden(to, "".join(traceback.format_exception(error)))
    assert SECRET not in told
    assert "RuntimeError: cannot use postgresql:…" in told


@given(st.text(min_size=4).filter(lambda text: text.strip() == text), st.sampled_from(["", "u:", "u:p@", "u:p#", "h/"]))
@example("p%40ss", "u:")
@example("Aa" * 40, "u:")
def test_a_piece_is_hidden_as_it_is_and_decoded(piece: str, before: str) -> None:
    for to in (f"postgresql://{before}{quote(piece, safe='')}@h", f"postgresql://{before}{piece}@h"):
        assert hidden(to, f'of "{piece}" and {to}').count("…") >= 2
        assert f'"{piece}"' not in hidden(to, f'of "{piece}" and "{to}"')
    long = piece * 40
    assert long[:63] not in hidden(f"postgresql://{quote(long, safe='')}@h", f'user "{long[:63]}" is unknown')


def test_paths_are_not_hidden() -> None:
    for path in ("iterable.duckdb", "./lake/", "/data/x.db", "lake/project=acme/", "./host=a/", "a b.duckdb"):
        assert parsed(path)[0] == ""
        assert not is_keywords(path)
        assert hidden(path, f"{path} cannot be written") == f"{path} cannot be written"
    assert shown("./a b/c-1.duckdb") == "./a b/c-1.duckdb"
