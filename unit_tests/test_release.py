"""The version: defined once, the same everywhere, and released by one command."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from source_iterable.version import __version__

ROOT = Path(__file__).resolve().parent.parent
FILES = (
    *("source_iterable/version.py", "source_iterable/config.py", "metadata.yaml", "dbt/dbt_project.yml"),
    *("pyproject.toml", "Dockerfile", "tools/release.py"),
)
CHANGELOG = "# Changelog\n\n## Unreleased\n\n- Faster.\n\n## 0.1.0 - 2026-01-01\n\n- First.\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with the files that a release changes."""
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text((ROOT / name).read_text())
    (tmp_path / "source_iterable/version.py").write_text('"""The version."""\n\n__version__ = "0.1.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "config", "user.name", "Somebody")
    git(tmp_path, "config", "user.email", "somebody@example.com")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "Before")
    return tmp_path


def git(where: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=where, capture_output=True, text=True, check=True).stdout


def release(where: Path, version: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "tools/release.py", version, *options]
    return subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)


def in_file(path: Path, pattern: str) -> str:
    found = re.search(pattern, path.read_text(), re.MULTILINE)
    assert found is not None, f"{path.name} has no line like {pattern}"
    return found[1]


def versions(root: Path) -> dict[str, str]:
    """The version that each file names."""
    return {
        "package": in_file(root / "source_iterable/version.py", r'^__version__ = "(.*)"$'),
        "metadata": in_file(root / "metadata.yaml", r"^  dockerImageTag: (.*)$"),
        "poetry": in_file(root / "pyproject.toml", r'^version = "(.*)"$'),
        "models": in_file(root / "dbt/dbt_project.yml", r"^version: (.*)$"),
        "image": in_file(root / "Dockerfile", r"^ARG VERSION=(.*)$"),
        "changelog": in_file(root / "CHANGELOG.md", r"^## (\d\S*)"),
    }


def test_every_file_names_the_same_version() -> None:
    assert set(versions(ROOT).values()) == {__version__}


def test_a_release_is_one_command(checkout: Path) -> None:
    done = release(checkout, "0.2.0")
    assert done.returncode == 0, done.stderr
    assert set(versions(checkout).values()) == {"0.2.0"}
    changelog = (checkout / "CHANGELOG.md").read_text()
    assert re.search(r"## Unreleased\n\n## 0\.2\.0 - \d{4}-\d\d-\d\d\n\n- Faster\.\n\n## 0\.1\.0", changelog)
    assert git(checkout, "status", "--porcelain") == ""
    assert git(checkout, "log", "-1", "--format=%s", "v0.2.0") == "Release 0.2.0\n"


@pytest.mark.parametrize("version", ["0.1.0", "0.0.9", "1.0", "v1.0.0", "1.0.0-rc1", "01.0.0", "newest"])
def test_only_a_newer_version_is_released(checkout: Path, version: str) -> None:
    done = release(checkout, version)
    assert done.returncode != 0
    assert version in done.stderr
    assert set(versions(checkout).values()) == {"0.1.0"}
    assert git(checkout, "tag") == ""


def test_a_release_says_where_the_documentation_is(checkout: Path) -> None:
    done = release(checkout, "0.2.0", "--documentation", "https://example.com/docs")
    assert done.returncode == 0, done.stderr
    assert in_file(checkout / "metadata.yaml", r"^  documentationUrl: (.*)$") == "https://example.com/docs"
    assert (
        in_file(checkout / "source_iterable/config.py", r'^DOCUMENTATION_URL = "(.*)"$') == "https://example.com/docs"
    )
    assert set(versions(checkout).values()) == {"0.2.0"}
    assert git(checkout, "status", "--porcelain") == ""


def test_the_documentation_is_at_an_address(checkout: Path) -> None:
    assert "is no address" in release(checkout, "0.2.0", "--documentation", "docs/").stderr
    assert set(versions(checkout).values()) == {"0.1.0"}


def test_a_release_needs_a_changelog_entry(checkout: Path) -> None:
    (checkout / "CHANGELOG.md").write_text(CHANGELOG.replace("- Faster.\n", ""))
    git(checkout, "commit", "--quiet", "--all", "--message", "Nothing new")
    assert "add what has changed" in release(checkout, "0.2.0").stderr


def test_a_release_needs_a_clean_checkout(checkout: Path) -> None:
    (checkout / "CHANGELOG.md").write_text(CHANGELOG + "- More.\n")
    assert "uncommitted" in release(checkout, "0.2.0").stderr


def test_a_version_is_released_once(checkout: Path) -> None:
    git(checkout, "tag", "v0.2.0")
    assert "tag v0.2.0 already exists" in release(checkout, "0.2.0").stderr
