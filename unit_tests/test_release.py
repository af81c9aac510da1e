"""The version: defined once, the same everywhere, and released by one command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from source_iterable.version import __version__

ROOT = Path(__file__).resolve().parent.parent
FILES = (
    *("source_iterable/version.py", "source_iterable/config.py", "metadata.yaml", "dbt/dbt_project.yml"),
    *(
        "pyproject.toml",
        "Dockerfile",
        "tools/release.py",
        "docs/setup-airbyte.md",
        "docs/docker.md",
        "docs/upgrading.md",
    ),
)
TOPS = (
    ".ci",
    ".github",
    "benchmarks",
    "dbt",
    "docs",
    "integration_tests",
    "requirements",
    "source_iterable",
    "tools",
    "unit_tests",
)
# Everything but what is installed or generated.
SEARCHED = ("*.*", "Dockerfile", "Makefile", *(f"{top}/**/*" for top in TOPS))
CHANGELOG = "# Changelog\n\n## Unreleased\n\n- Faster.\n\n## 0.1.0 - 2026-01-01\n\n- First.\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with the files that a release changes."""
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((ROOT / name).read_text().replace("/OWNER/", "/acme/"))
    (tmp_path / "source_iterable/version.py").write_text('"""The version."""\n\n__version__ = "0.1.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / "docs/examples").mkdir(exist_ok=True)
    (tmp_path / "docs/examples/job.yaml").write_text(
        "image: ghcr.io/acme/source-iterable:0.1.0-load\nrevision: v0.1.0\n"
    )
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "config", "user.name", "Somebody")
    git(tmp_path, "config", "user.email", "somebody@example.com")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "Before")
    return tmp_path


def git(where: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=where, capture_output=True, text=True, check=True).stdout


def release(where: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run(where, {}, *words)


def run(where: Path, more: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """`release` with more variables in its environment."""
    command = [sys.executable, "tools/release.py", *words]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")} | more
    return subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, check=False)


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
        "docs": in_file(root / "docs/setup-airbyte.md", r"Docker image tag: `(.*?)`"),
    }


def test_every_file_names_the_same_version() -> None:
    assert set(versions(ROOT).values()) == {__version__}


def test_a_release_is_one_command(checkout: Path) -> None:
    done = release(checkout, "0.2.0")
    assert done.returncode == 0, done.stderr
    assert set(versions(checkout).values()) == {"0.2.0"}
    assert "0.1.0" not in (checkout / "docs/setup-airbyte.md").read_text()
    example = (checkout / "docs/examples/job.yaml").read_text()
    assert example == "image: ghcr.io/acme/source-iterable:0.2.0-load\nrevision: v0.2.0\n"
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
    assert in_file(checkout / "pyproject.toml", r'^Documentation = "(.*)"$') == "https://example.com/docs"
    assert set(versions(checkout).values()) == {"0.2.0"}
    assert git(checkout, "status", "--porcelain") == ""


def test_the_documentation_is_at_an_address(checkout: Path) -> None:
    assert "is no address" in release(checkout, "0.2.0", "--documentation", "docs/").stderr
    assert set(versions(checkout).values()) == {"0.1.0"}


def test_a_release_says_whose_the_repository_and_the_images_are(checkout: Path) -> None:
    assert release(checkout, "0.2.0", "--owner", "Umbrella").returncode == 0
    assert (
        in_file(checkout / "pyproject.toml", r'^Repository = "(.*)"$') == "https://github.com/umbrella/source-iterable"
    )
    for page in ("docs/docker.md", "docs/setup-airbyte.md"):
        assert "ghcr.io/umbrella/source-iterable" in (checkout / page).read_text()
    assert not [path for path in checkout.rglob("*.*") if ".git" not in path.parts and "/acme/" in path.read_text()]
    # The workflow knows whose it is.
    assert run(checkout, {"GITHUB_REPOSITORY_OWNER": "Umbrella"}, "--check", "v0.2.0").returncode == 0
    said = run(checkout, {"GITHUB_REPOSITORY_OWNER": "acme"}, "--check", "v0.2.0").stderr
    assert "The owner of the repository is not acme everywhere: {'pyproject.toml': 'umbrella'" in said


def test_nothing_is_released_under_a_stand_in_for_the_owner(checkout: Path) -> None:
    project = (checkout / "pyproject.toml").read_text()
    (checkout / "pyproject.toml").write_text(project.replace("/acme/", "/OWNER/"))
    git(checkout, "commit", "--quiet", "--all", "--message", "As before the first release")
    assert "add OWNER=account to make release" in release(checkout, "0.2.0").stderr
    assert release(checkout, "0.2.0", "--owner", "acme").returncode == 0


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


def test_a_tag_is_checked_before_it_is_published(checkout: Path) -> None:
    assert release(checkout, "0.2.0").returncode == 0
    done = release(checkout, "--check", "v0.2.0")
    assert (done.returncode, done.stdout) == (0, "Everything is of v0.2.0.\n")


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("Dockerfile", "ARG VERSION=0.1.0", "ARG VERSION=0.0.9", "Dockerfile is of version 0.0.9 instead of 0.1.0"),
        ("docs/setup-airbyte.md", "source-iterable:0.1.0 .", "source-iterable:0.0.9 .", "is of version 0.0.9, 0.1.0"),
        ("CHANGELOG.md", "## 0.1.0 - 2026", "## 0.0.9 - 2026", "CHANGELOG.md is of version 0.0.9"),
        ("metadata.yaml", "packageName: iterable-source", "packageName: other", "The distribution is not the same"),
        (
            "metadata.yaml",
            "dockerRepository: ghcr.io/acme/source",
            "dockerRepository: ghcr.io/acme/another",
            "The image is not the same",
        ),
        ("docs/docker.md", "ghcr.io/acme", "ghcr.io/other", "The owner of the repository is not acme everywhere"),
        ("pyproject.toml", 'Documentation = "https', 'Documentation = "https://example.com', "documentation is not"),
    ],
)
def test_what_disagrees_is_said(checkout: Path, name: str, old: str, new: str, said: str) -> None:
    text = (checkout / name).read_text()
    assert old in text
    (checkout / name).write_text(text.replace(old, new))
    done = release(checkout, "--check", "v0.1.0")
    assert done.returncode == 1
    assert said in done.stderr


def test_a_release_needs_names_that_agree(checkout: Path) -> None:
    metadata = (checkout / "metadata.yaml").read_text()
    (checkout / "metadata.yaml").write_text(metadata.replace("packageName: iterable-source", "packageName: other"))
    git(checkout, "commit", "--quiet", "--all", "--message", "Another name")
    assert "The distribution is not the same everywhere" in release(checkout, "0.2.0").stderr
    assert set(versions(checkout).values()) == {"0.1.0"}


def test_the_notes_of_a_release_are_those_of_the_changelog(checkout: Path) -> None:
    assert release(checkout, "0.2.0").returncode == 0
    assert release(checkout, "v0.2.0", "--notes").stdout == "- Faster.\n"
    assert "no heading for 0.3.0" in release(checkout, "v0.3.0", "--notes").stderr


def test_what_is_published_has_its_name_and_both_commands(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    stem = f"iterable_source-{__version__}"
    assert {each.name for each in tmp_path.iterdir()} == {f"{stem}.tar.gz", f"{stem}-py3-none-any.whl"}
    with zipfile.ZipFile(tmp_path / f"{stem}-py3-none-any.whl") as wheel:
        commands = wheel.read(f"{stem}.dist-info/entry_points.txt").decode()
        metadata = wheel.read(f"{stem}.dist-info/METADATA").decode()
    for name in ("source-iterable", "iterable-source"):
        assert f"{name} = source_iterable.run:run\n" in commands
    assert "\nName: iterable-source\n" in metadata
    with tarfile.open(tmp_path / f"{stem}.tar.gz") as sources:
        inside = {name.split("/")[1] for name in sources.getnames()}
    assert inside == {
        "source_iterable",
        "CHANGELOG.md",
        "LICENSE",
        "PKG-INFO",
        "README.md",
        "pyproject.toml",
        ".gitignore",
    }


def test_nothing_tells_anybody_to_install_the_package_of_somebody_else() -> None:
    # On PyPI, source-iterable is not ours. Removing it is fine, and so is a path that ends so.
    told = re.compile(
        r"\b(?:pip3?|pipx|uvx?|poetry|pdm|conda)\b(?![^`\n]*\buninstall\b)[^`\n]*?(?<![\w./-])source[-_]iterable(?![\w./-])"
        r"|\bsource[-_]iterable(?:\[\w+\])?(?:[=~<>]=| @ )",
        re.IGNORECASE,
    )
    assert told.search('pip install -U "source-iterable[load]"')
    assert told.search("uv add source_iterable")
    assert told.search("source-iterable==1.0.0")
    texts = {}
    for each in (each for top in SEARCHED for each in ROOT.glob(top)):
        if (
            each.suffix in (".duckdb", ".png", ".pyc")
            or each.name in ("CHANGELOG.md", Path(__file__).name)
            or each.is_dir()
        ):
            continue
        texts[str(each.relative_to(ROOT))] = each.read_text(encoding="utf-8", errors="replace")
    assert len(texts) > 500
    assert {name: found[0] for name, text in texts.items() if (found := told.search(text))} == {}
