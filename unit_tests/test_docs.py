"""The docs match the code: generated tables and diagrams, links, messages. Examples: test_contributing.py."""

from __future__ import annotations

import ast
import importlib
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from source_iterable.config import Config
from source_iterable.reading.export_stream import EventStream
from source_iterable.records import schemas
from source_iterable.streams.table import STREAMS

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "benchmarks" / "README.md",
]
# As when running a script.
sys.path[:0] = [str(ROOT / "docs"), str(ROOT / "dbt")]
CONFIG = Config.parse({"api_key": "key", "start_date": "2024-01-01T00:00:00Z"})


def module(name: str) -> ModuleType:
    """A script of docs/ or dbt/."""
    return importlib.import_module(name)


@pytest.mark.parametrize("name", ["streams.md", "options.md", "live.md"])
def test_tables_match_the_code(name: str) -> None:
    tables = module("tables")
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert text == tables.with_table(text, tables.TABLES[name]()), "run: make docs"


def test_the_pages_of_columns_match_the_code() -> None:
    pages = module("columns").pages()
    for file, text in pages.items():
        assert file.read_text(encoding="utf-8") == text, "run: make docs"
    assert set((ROOT / "docs" / "columns").iterdir()) <= set(pages), "a group is gone: delete its page"


def test_every_column_of_every_stream_is_on_one_page() -> None:
    texts = "\n".join(module("columns").pages().values()).split("\n## ")[1:]
    sections = {part.partition("\n")[0]: part for part in texts}
    assert len(sections) == len(texts) == len(STREAMS) + 1
    of_events = sections["Columns of all events"]
    for name, stream in STREAMS.items():
        schema = stream.schema(CONFIG)
        for column, told in schema["properties"].items():
            rows = [row for row in sections[name].split("\n") if row.startswith(f"| {column} |")]
            if not rows and "columns of all events" in sections[name]:
                rows = [row for row in of_events.split("\n") if row.startswith(f"| {column} |")]
            (row,) = rows
            assert told["description"] in row
            kind = row.split(" | ")[1]
            assert ("required" in kind) == isinstance(told["type"], str)
            assert ("epoch milliseconds" in kind) == (column in schemas.milliseconds(name))


def test_descriptions_say_more_than_the_name() -> None:
    empty = {
        "the",
        "of",
        "a",
        "an",
        "in",
        "is",
        "was",
        "for",
        "to",
        "s",
        "that",
        "this",
        "as",
        "by",
        "whether",
        "user",
        "id",
    }
    for name, stream in STREAMS.items():
        for column, told in stream.schema(CONFIG)["properties"].items():
            known = set(re.findall("[a-z]+", re.sub("([a-z])([A-Z])", r"\1 \2", column).lower())) | empty
            words = re.findall("[a-z]+", told["description"].lower())
            assert [word for word in words if word not in known and word.rstrip("s") not in known], (name, column)


def test_every_option_is_explained() -> None:
    page = Path(__file__).parents[1].joinpath("docs/options.md").read_text(encoding="utf-8")
    assert re.findall(r"^- \*\*(\w+)\*\*: ", page, re.MULTILINE) == list(Config.model_fields)


def test_every_stream_states_its_requests() -> None:
    assert all(module("tables").requests(stream) for stream in STREAMS.values())


def test_every_schema_reference_names_an_existing_column() -> None:
    for name in STREAMS:
        for column, reference in schemas.references(name).items():
            parent, parent_column = reference.split(".")
            assert parent_column in STREAMS[parent].schema(CONFIG)["properties"], (name, column)


def test_discover_omits_references() -> None:
    assert all("x-references" not in json.dumps(stream.schema(CONFIG)) for stream in STREAMS.values())


def test_the_diagrams_show_every_stream_but_those_of_single_event_types() -> None:
    shown = set(re.findall(r"^    (\w+)", module("tables").diagrams(), re.MULTILINE))
    assert shown == {name for name, stream in STREAMS.items() if not isinstance(stream, EventStream)}


def test_links_resolve() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
            if "://" in target:
                continue
            path, _, anchor = target.partition("#")
            file = (document.parent / path).resolve() if path else document
            assert file.exists(), f"{document.name}: {target}"
            if anchor:
                headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
                assert anchor in [re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings], target


def test_airbyte_gets_the_image_that_was_built() -> None:
    page = (ROOT / "docs" / "setup-airbyte.md").read_text(encoding="utf-8")
    ways = [line.split("|")[2:4] for line in page.splitlines() if "docker build" in line]
    assert len(ways) == 2
    for name, commands in ways:
        images = re.findall(r"(?:--tag|push|docker-image) (\S+?)`? ", commands)
        assert {f"`{image.rpartition(':')[0]}`" for image in images} == {name.strip()} and len(images) == 2, commands


def test_no_local_path_is_mentioned() -> None:
    for document in [*DOCUMENTS, *(ROOT / "docs" / "examples").glob("*.py")]:
        found = re.search(r"(?<![\w$:/.])/(?:work|root|home|tmp/\w)[\w/]*", document.read_text(encoding="utf-8"))
        assert found is None, f"{document.name}: {found}"


def test_every_message_in_errors_md_exists_in_the_code() -> None:
    texts = [re.sub(r"\s+", " ", text) for room in ("source_iterable", "dbt") for text in _texts_in(ROOT / room)]
    texts += [file.read_text(encoding="utf-8") for file in (ROOT / "dbt" / "macros").iterdir()]
    rows = re.findall(r"^\| ([^|]+) \|", (ROOT / "docs" / "errors.md").read_text(encoding="utf-8"), re.MULTILINE)
    messages = [row for row in rows if row not in ("message", "---")]
    assert len(messages) > 150
    for message in messages:
        for part in filter(None, (part.strip(" .,:") for part in message.split("…"))):
            assert any(part in text for text in texts), f"{message}: the code never says {part!r}"


def _texts_in(folder: Path) -> list[str]:
    """All string literals of the code, with an ellipsis for each interpolated value."""
    texts = []
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = (each.value if isinstance(each, ast.Constant) else "…" for each in node.values)
                texts.append("".join(map(str, parts)))
    return texts


def test_staging_models_are_those_of_the_streams() -> None:
    files = module("generate").files()
    for path, text in files.items():
        assert path.read_text(encoding="utf-8") == text, "run: make docs"
    assert set((ROOT / "dbt" / "models" / "staging").iterdir()) <= set(files), "a stream is gone: delete its model"
