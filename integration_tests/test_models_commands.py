"""`make models` and `make report` as commands: what they say of a database that they cannot use."""

from __future__ import annotations

import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest

from integration_tests.models import BIN, FILE, PACKAGE, Built, Record, in_duckdb

pytestmark = pytest.mark.models


class Page(HTMLParser):
    """What a browser would load, the headings, and the data that the page draws."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.headings: list[str] = []
        self._within = ""
        self.feed(text)
        data = re.search(r"^<script>const data = (.*);</script>$", text, re.MULTILINE)
        assert data is not None
        self.size = len(data[1].encode())
        self.data: Record = json.loads(data[1])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._within = tag
        self.loads += [
            f"{tag} {value}" for name, value in attrs if name in ("src", "href", "action", "srcset") and value
        ]

    def handle_data(self, data: str) -> None:
        if self._within == "h2":
            self.headings.append(data)
        self._within = ""


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "python"), str(PACKAGE / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def report(database: str, folder: Path) -> tuple[str, Page]:
    """The page that the command writes."""
    file = folder / "report.html"
    done = run("report.py", "--database", database, "--output", str(file))
    assert done.stdout == f"The report: {file}\n"
    text = file.read_text(encoding="utf-8")
    return text, Page(text)


def changed(built: Built, folder: Path, *statements: str) -> str:
    """A copy of the models after some statements."""
    copy = folder / "changed.duckdb"
    with duckdb.connect(str(copy)) as database:
        database.execute(f"ATTACH '{built.database}' AS source (READ_ONLY)")
        database.execute("COPY FROM DATABASE source TO changed")
        database.execute("DETACH source; SET search_path = 'changed.analytics'")
        for statement in statements:
            database.execute(statement)
    return str(copy)


def environment(database: str) -> dict[str, str]:
    """What dbt is told of a database."""
    code = "import json, sys; from database import environment; print(json.dumps(environment(sys.argv[1])))"
    command = [str(BIN / "python"), "-c", code, database]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PACKAGE)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def summary(results: list[Record]) -> str:
    """What the command says of a run of dbt."""
    code = "import json, sys; from build import _summary; print(_summary(json.load(sys.stdin)))"
    command = [str(BIN / "python"), "-c", code]
    given = json.dumps(results)
    return subprocess.run(command, input=given, capture_output=True, text=True, check=True, cwd=PACKAGE).stdout


@pytest.mark.parametrize("script", ["build.py", "report.py"])
@pytest.mark.parametrize(
    ("database", "message"),
    [
        ("missing.duckdb", "There is no file missing.duckdb: load it first, with source-iterable load."),
        ("mysql://host/database", "mysql:… is not supported."),
        ("postgresql://localhost:1/none", "The database cannot be opened: "),
        (str(PACKAGE / "report.py"), "The database cannot be opened: "),
    ],
)
def test_a_database_that_cannot_be_opened(script: str, database: str, message: str) -> None:
    done = run(script, "--database", database)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.parametrize("script", ["build.py", "report.py"])
@pytest.mark.parametrize(
    "database",
    [
        "postgresql://u:S3cretPw@localhost:1/none",
        "postgresql://u:S3cretPw@x@localhost:1/none",
        "postgresql://u:a/S3cretPw@localhost:1/none",
        "postgresql://u:a?S3cretPw@localhost:1/none",
        "postgresql://u@localhost:S3cretPw/none",
        "postgresql://u@localhost/none?passwort=S3cretPw",
        "postgresql:/u:S3cretPw@localhost/none",
        "u:S3cretPw@localhost://none",
        "host=localhost port=1 password=S3cretPw",
    ],
)
def test_no_error_quotes_a_password(script: str, database: str) -> None:
    done = run(script, "--database", database)
    assert done.returncode == 1
    assert "S3cretPw" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_make_shows_no_password_and_takes_the_url_as_it_was_typed(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text('#!/bin/sh\nprintf "%s" "$DATABASE" > "$0.database"\n', encoding="utf-8")
    python.chmod(0o755)
    url = "postgresql://u:S3cret$P'w@localhost:1/none"
    models = ["--assume-old", f"{tmp_path}/.installed", f"MODELS={tmp_path}"]
    (tmp_path / ".installed").touch()
    done = subprocess.run(
        ["make", "report", *models, f"DATABASE={url}"], cwd=PACKAGE.parent, capture_output=True, text=True, check=True
    )
    assert "S3cret" not in done.stdout + done.stderr
    assert (tmp_path / "bin" / "python.database").read_text(encoding="utf-8") == url


def test_a_report_without_models(tmp_path: Path) -> None:
    duckdb.connect(str(tmp_path / "tables.duckdb")).close()
    done = run("report.py", "--database", str(tmp_path / "tables.duckdb"))
    assert done.returncode == 1
    assert done.stderr.startswith("There are no models: run make models first.")


def test_models_without_any_table(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / FILE)) as database:
        database.execute("CREATE SCHEMA iterable; CREATE TABLE iterable.others (id INTEGER)")
    paths = ["--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path / "logs")]
    done = run("build.py", "--database", str(tmp_path / FILE), *paths)
    assert done.returncode != 0
    message = "No stream has a table in the schema iterable"
    assert " ".join(done.stdout.split()).count(message) == 1, "once, not for each stream"


def test_models_of_tables_with_other_names_of_columns(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / FILE)) as database:
        database.execute('CREATE SCHEMA iterable; CREATE TABLE iterable.email_open (_event_id TEXT, "messageId" TEXT)')
    with pytest.raises(AssertionError) as raised:
        in_duckdb(tmp_path / FILE, tmp_path)
    message = "do not follow the variable iterable_naming: load."
    assert " ".join(str(raised.value).split()).count(message) == 1, "once, not for each stream"
