"""Lock files that pip 23 takes today and after the next release of any package in them."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "requirements").glob("*.txt"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_is_pinned_with_extras_is_pinned_by_its_plain_name(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    pins = set(re.findall(r"^([\w.-]+==\S+)", text, re.MULTILINE))
    with_extras = re.findall(r"^([\w.-]+)\[[\w,.-]+\](==\S+)", text, re.MULTILINE)
    assert {f"{name}{version}" for name, version in with_extras} <= pins


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_host_is_named_and_every_pin_has_a_hash(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert "://" not in text
    pins = re.findall(r"^\w[^\n]*==[^\n]*\n    --hash=sha256:", text, re.MULTILINE)
    assert len(pins) == len(re.findall(r"^\w", text, re.MULTILINE)) > 0


def test_the_demo_has_what_the_connector_needs_but_the_cdk() -> None:
    lines = (ROOT / "requirements" / "run.in").read_text(encoding="utf-8").splitlines()
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("\ndependencies = [")[1].split("]")[0]
    needed = {*re.findall(r'"([\w-]+)', project), "duckdb"} - {"airbyte-cdk"}
    assert {line for line in lines if not line.startswith("#")} == needed


def test_a_pin_keeps_its_marker_and_its_hashes() -> None:
    spec = importlib.util.spec_from_file_location("lock", ROOT / "tools" / "lock.py")
    assert spec is not None
    assert spec.loader is not None
    lock = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lock)
    first = "a==1 \\\n    --hash=sha256:0\n"
    marker, hashes = "==2 ; python_version < '3.11' \\\n", "    --hash=sha256:1 \\\n    --hash=sha256:2\n"
    text = f"{first}b[x,y]{marker}{hashes}    # via a\n"
    plain = f"b{marker}{hashes}"
    assert lock.with_plain_names(text) == text.replace("b[x", f"{plain}b[x")
    assert lock.with_plain_names(lock.with_plain_names(text)) == lock.with_plain_names(text)
