"""Makes a release in one command: `python tools/release.py 0.2.0`.

The version lives in source_iterable/version.py. This script writes it there and into metadata.yaml, pyproject.toml, dbt/
and the Dockerfile, gives the changelog's Unreleased section its heading, commits the files and tags the commit. It pushes
nothing.

With `--documentation`, the spec and metadata.yaml point to that address from this release on.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

UNRELEASED = "## Unreleased"
VERSION = r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"

# The files that contain the address of the documentation.
DOCUMENTATION = {
    "metadata.yaml": r"^(  documentationUrl: )\S+()$",
    "source_iterable/config.py": r'^(DOCUMENTATION_URL = ")[^"]+(")$',
}


class NotReleasable(Exception):
    """The checkout cannot be released; str() says what to do."""


def release(root: Path, version: str, day: date, documentation: str | None = None) -> None:
    """Release the checkout at `root` as `version`. Raises NotReleasable before anything is written."""
    if git(root, "status", "--porcelain"):
        raise NotReleasable("There are uncommitted changes: commit or discard them first.")
    if git(root, "tag", "--list", f"v{version}"):
        raise NotReleasable(f"The tag v{version} already exists.")
    contents = {path: edit((root / path).read_text(encoding="utf-8")) for path, edit in edits(version, day).items()}
    if documentation:
        if not documentation.startswith("https://"):
            raise NotReleasable(f"{documentation} is no address: use one like https://example.com/docs.")
        for path, line in DOCUMENTATION.items():
            text = contents.get(path) or (root / path).read_text(encoding="utf-8")
            contents[path] = in_line(path, line, documentation)(text)
    for path, content in contents.items():
        (root / path).write_text(content, encoding="utf-8")
    git(root, "commit", "--quiet", "--message", f"Release {version}", "--", *contents)
    git(root, "tag", "--annotate", f"v{version}", "--message", f"Release {version}")


def edits(version: str, day: date) -> dict[str, Callable[[str], str]]:
    """The edit that a release makes in each file, by its path."""

    def version_line(text: str) -> str:
        current = re.search(rf'^__version__ = "({VERSION})"$', text, re.MULTILINE)
        if current is None or not re.fullmatch(VERSION, version):
            raise NotReleasable(f"{version} is not a version: use three numbers, like 1.2.3.")
        if numbers(version) <= numbers(current[1]):
            raise NotReleasable(f"{version} is not newer than {current[1]}.")
        return text.replace(current[0], f'__version__ = "{version}"')

    def changelog(text: str) -> str:
        _, found, rest = text.partition(f"\n{UNRELEASED}\n")
        if not found or not rest.partition("\n## ")[0].strip():
            raise NotReleasable(f"CHANGELOG.md has nothing under '{UNRELEASED}': add what has changed.")
        return text.replace(f"\n{UNRELEASED}\n", f"\n{UNRELEASED}\n\n## {version} - {day:%Y-%m-%d}\n", 1)

    return {
        "source_iterable/version.py": version_line,
        "CHANGELOG.md": changelog,
        "metadata.yaml": in_line("metadata.yaml", r"^(  dockerImageTag: ).*()$", version),
        "pyproject.toml": in_line("pyproject.toml", r'^(version = ").*(")$', version),
        "dbt/dbt_project.yml": in_line("dbt/dbt_project.yml", r"^(version: ).*()$", version),
        "Dockerfile": in_line("Dockerfile", r"^(ARG VERSION=).*()$", version),
    }


def in_line(path: str, line: str, value: str) -> Callable[[str], str]:
    """An edit that puts a value between the two groups of the only line that the pattern matches."""

    def edit(text: str) -> str:
        changed, times = re.subn(line, lambda found: f"{found[1]}{value}{found[2]}", text, flags=re.MULTILINE)
        if times != 1:
            raise NotReleasable(f"{path} has {times} lines for {value} instead of one.")
        return changed

    return edit


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotReleasable(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", help="three numbers, newer than the last release")
    parser.add_argument("--documentation", help="address of the documentation from now on: https://...")
    options = parser.parse_args()
    version: str = options.version
    try:
        release(Path(__file__).resolve().parent.parent, version, date.today(), options.documentation)
    except NotReleasable as error:
        sys.exit(str(error))
    print(f"Committed and tagged {version} as v{version}. Review it, then run:")
    print(f"  git push --follow-tags\n  docker build --tag source-iterable:{version} .")


if __name__ == "__main__":
    main()
