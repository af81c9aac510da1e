"""The examples of CONTRIBUTING.md: applied to a copy of the tree, they pass the tests that the page names."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
# Language, file, and the rest of a block whose first line names a file.
BLOCKS = re.findall(r"^```(\w+)\n# (\S+\.\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
# What the examples add: streams, and tests of their own.
ADDED = ("email_forward", "folders", "catalog_tags", "catalog_prefix", "recent")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree with every example of the page, after `make docs`."""
    copy = tmp_path_factory.mktemp("contributor") / "source-iterable"
    left_out = shutil.ignore_patterns(".*", "__pycache__", "demo", "mutants", "build", "dist", "target", "logs")
    shutil.copytree(ROOT, copy, ignore=left_out)
    for language, name, block in BLOCKS:
        apply(language, copy / name, block)
    (recipe,) = re.findall(r"^docs:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for script in re.findall(r"\$\(BIN\)/python (\S+)", recipe):
        run(copy, script)
    return copy


def apply(language: str, file: Path, block: str) -> None:
    """Make a new file of a block, or the change that a block in the language `diff` shows."""
    if language != "diff":
        assert not file.exists(), f"{file.name} is there already"
        file.write_text(block, encoding="utf-8")
        return
    lines = block.splitlines(keepends=True)
    before = "".join(line[1:] or line for line in lines if not line.startswith("+"))
    after = "".join(line[1:] or line for line in lines if not line.startswith("-"))
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1, f"CONTRIBUTING.md shows lines that {file.name} does not have once:\n{before}"
    file.write_text(text.replace(before, after), encoding="utf-8")


def run(tree: Path, *arguments: str) -> str:
    """Run Python in the tree, and return what it wrote."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_tests_that_the_page_names_pass(tree: Path) -> None:
    (named,) = re.findall(r'^    make test ARGS="(integration_tests/.*)"$', PAGE, re.MULTILINE)
    own = [name for _, name, _ in BLOCKS if Path(name).name.startswith("test_") and not (ROOT / name).exists()]
    # Of the tests of single streams only those of the new ones, to be quick.
    wanted = " or ".join([*ADDED, "test_docs", "test_sandbox_reference", "every_stream_yield"])
    options = ["-q", "-p", "no:cacheprovider", "--basetemp", str(tree.parent / "pytest"), "-k", wanted]
    output = run(tree, "-m", "pytest", *options, *shlex.split(named), *own, "-rA")
    passed = re.findall(r"^PASSED (\S+)", output, re.MULTILINE)
    for name in ADDED:
        assert any(name in test for test in passed), f"no test of {name}"


def test_the_example_that_reads_a_stream_prints_records(tree: Path) -> None:
    (script,) = [name for language, name, _ in BLOCKS if language == "python" and "/" not in name]
    last = run(tree, script).splitlines()[-1]
    assert last.startswith("None ")
    assert "_event_id" in last


def test_the_files_that_the_page_names_exist() -> None:
    for name in re.findall(r"`((?:source_iterable|unit_tests|integration_tests)/[\w/.]+)`", PAGE):
        assert (ROOT / name).exists(), name
