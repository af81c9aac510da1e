"""Opening `--to`: no message shows what may be a password, but each says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from source_iterable.errors import IterableError
from source_iterable.load.open import open_destination

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
        ("./lake", "--to ./lake is no destination: give a file name that ends in .duckdb, a folder that ends in /"),
        (f"{SECRET}@h/db", "--to … is no destination"),
        (f"postgresql://u:{SECRET}@{HOST}/db", "PostgreSQL cannot be used: connection to server at"),
        (f"postgresql://u:{SECRET}@{HOST}/db", "failed: Connection refused. Check that the server runs, and what --to"),
        (f"postgresql://u:a@{SECRET}@{HOST}/db", "The URL of PostgreSQL is not valid"),
    ],
)
def test_the_message_says_what_is_wrong(to: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(IterableError) as caught:
        open_destination(to, "iterable", "", tmp_path)
    assert told in str(caught.value)
