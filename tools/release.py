"""Makes a release in one command: `python tools/release.py 0.2.0`.

The version lives in source_iterable/version.py. This script writes it there and wherever else it stands, gives the
changelog's Unreleased section its heading, checks that everything agrees, commits the files and tags the commit. It pushes
nothing.

With `--documentation`, the spec, metadata.yaml and the package point to that address from this release on. With `--owner`,
the package and the pages name the repository, and its images, as that account's: the first release needs it.
`--check v0.2.0` only checks that the checkout is that release, as the workflow does for a tag, and `--notes` only prints
what the changelog says about a version.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

UNRELEASED = "## Unreleased"
VERSION = r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"

MODULE = r'^(__version__ = ").*(")$'
HEADING = r"^## (\d\S*) - \d{4}-\d\d-\d\d$"
# Where the version stands besides version.py and the changelog: on all lines, between the two groups.
VERSIONS = {
    "metadata.yaml": r"^(  dockerImageTag: ).*()$",
    "pyproject.toml": r'^(version = ").*(")$',
    "dbt/dbt_project.yml": r"^(version: ).*()$",
    "Dockerfile": r"^(ARG VERSION=).*()$",
}
# The same on the pages and in the examples of docs/: tags of the images, the package, and the revision of the dbt package.
IN_DOCS = r"(source-iterable:|image tag: `|iterable-source\[load\]==|revision: v)\d+\.\d+\.\d+()\b"
# The same of the address of the documentation.
DOCUMENTATION = {
    "metadata.yaml": r"^(  documentationUrl: )\S+()$",
    "source_iterable/config.py": r'^(DOCUMENTATION_URL = ")[^"]+(")$',
    "pyproject.toml": r'^(Documentation = ")[^"]+(")$',
}
# The same of the distribution's name, and of the image's.
DISTRIBUTION = {"pyproject.toml": r'^(name = ").*(")$', "metadata.yaml": r"^(      packageName: ).*()$"}
# The account that owns the repository and its images, wherever pyproject.toml and the pages name them; a stand-in at first.
OWNED, NOBODY = r"((?:ghcr\.io|github\.com)/)[\w-]+(/source-iterable\b)", "OWNER"
IMAGE = {"metadata.yaml": r"^(  dockerRepository: ).*()$", "Dockerfile": r'(io\.airbyte\.name=")[^"]*(")'}


class NotReleasable(Exception):
    """The checkout cannot be released; str() says what to do."""


def release(root: Path, version: str, day: date, documentation: str | None, owner: str | None) -> None:
    """Release the checkout at `root` as `version`. Raises NotReleasable before anything is written."""
    if git(root, "status", "--porcelain"):
        raise NotReleasable("There are uncommitted changes: commit or discard them first.")
    if git(root, "tag", "--list", f"v{version}"):
        raise NotReleasable(f"The tag v{version} already exists.")
    contents = {
        path: edit((root / path).read_text(encoding="utf-8")) for path, edit in edits(root, version, day).items()
    }
    if documentation:
        if not documentation.startswith("https://"):
            raise NotReleasable(f"{documentation} is no address: use one like https://example.com/docs.")
        for path, line in DOCUMENTATION.items():
            text = contents.get(path) or (root / path).read_text(encoding="utf-8")
            contents[path] = in_lines(path, line, documentation)(text)
    for path in owned(root) if owner else ():
        text = contents.get(path) or (root / path).read_text(encoding="utf-8")
        # An image's name has no capitals, and in the address of a repository they do not matter.
        contents[path] = in_lines(path, OWNED, str(owner).lower())(text)
    disagreements = differences(root, version, contents)
    if disagreements:
        raise NotReleasable("\n".join(disagreements))
    for path, content in contents.items():
        (root / path).write_text(content, encoding="utf-8")
    git(root, "commit", "--quiet", "--message", f"Release {version}", "--", *contents)
    git(root, "tag", "--annotate", f"v{version}", "--message", f"Release {version}")


def edits(root: Path, version: str, day: date) -> dict[str, Callable[[str], str]]:
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

    def upgrading(text: str) -> str:
        return text.replace(f"\n{UNRELEASED}\n", f"\n## {version}\n")

    return {
        "source_iterable/version.py": version_line,
        "CHANGELOG.md": changelog,
        "docs/upgrading.md": upgrading,
        **{path: in_lines(path, line, version) for path, line in version_lines(root).items()},
    }


def pages(root: Path, line: str) -> list[str]:
    """The pages, and the files of docs/, in which the pattern matches."""
    files = [
        *root.glob("*.md"),
        *(each for kind in ("md", "py", "yaml", "yml") for each in root.glob(f"docs/**/*.{kind}")),
    ]
    found = [each for each in files if re.search(line, each.read_text(encoding="utf-8"), re.MULTILINE)]
    return [each.relative_to(root).as_posix() for each in found if each.name != "CHANGELOG.md"]


def version_lines(root: Path) -> dict[str, str]:
    """The pattern of the version in each file that has it, but version.py and the changelog."""
    return VERSIONS | dict.fromkeys(pages(root, IN_DOCS), IN_DOCS)


def owned(root: Path) -> list[str]:
    """The files that name the repository or its images."""
    return ["pyproject.toml", "metadata.yaml", "Dockerfile", *pages(root, OWNED)]


def in_lines(path: str, line: str, value: str) -> Callable[[str], str]:
    """An edit that puts a value between the two groups wherever the pattern matches."""

    def edit(text: str) -> str:
        changed, times = re.subn(line, lambda found: f"{found[1]}{value}{found[2]}", text, flags=re.MULTILINE)
        if not times:
            raise NotReleasable(f"{path} has no line for {value}.")
        return changed

    return edit


def differences(root: Path, version: str, contents: dict[str, str] | None = None) -> list[str]:
    """What in a checkout, some of whose files have new contents, does not belong to this version: one sentence each."""

    def text(path: str) -> str:
        return (contents or {}).get(path) or (root / path).read_text(encoding="utf-8")

    def values(path: str, line: str) -> set[str]:
        found = re.finditer(line, text(path), re.MULTILINE)
        return {each[0].removeprefix(each[1]).removesuffix(each[2]) for each in found}

    said = []
    stands = {
        path: values(path, line)
        for path, line in (version_lines(root) | {"source_iterable/version.py": MODULE}).items()
    }
    stands["CHANGELOG.md"] = set(re.findall(HEADING, text("CHANGELOG.md"), re.MULTILINE)[:1])
    for path, found in stands.items():
        if found != {version}:
            said.append(f"{path} is of version {', '.join(sorted(found)) or '(none)'} instead of {version}.")
    for what, places in (("documentation", DOCUMENTATION), ("distribution", DISTRIBUTION), ("image", IMAGE)):
        named = {path: ", ".join(sorted(values(path, line))) for path, line in places.items()}
        if len(set(named.values())) != 1:
            said.append(f"The {what} is not the same everywhere: {named}.")
    named = {path: ", ".join(sorted(values(path, OWNED))) for path in owned(root)}
    # Where a workflow runs, the owner is known.
    owner = os.environ.get("GITHUB_REPOSITORY_OWNER", "").lower() or named["pyproject.toml"]
    if set(named.values()) != {owner}:
        said.append(
            f"The owner of the repository is not {owner} everywhere: {named}. make release OWNER={owner} writes it."
        )
    if NOBODY in named.values():
        said.append("The owner of the repository is not written yet: add OWNER=account to make release.")
    return said


def notes(changelog: str, version: str) -> str:
    """What the changelog says about a version."""
    _, found, rest = changelog.partition(f"\n## {version} - ")
    if not found:
        raise NotReleasable(f"CHANGELOG.md has no heading for {version}.")
    return rest.partition("\n")[2].partition("\n## ")[0].strip()


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotReleasable(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", nargs="?", help="three numbers, newer than the last release")
    parser.add_argument("--documentation", help="address of the documentation from now on: https://...")
    parser.add_argument("--owner", help="account on the forge that owns the repository from now on")
    parser.add_argument("--check", metavar="TAG", help="only check that the checkout is the release of this tag")
    parser.add_argument("--notes", action="store_true", help="only print what the changelog says about the version")
    options = parser.parse_args()
    root = Path(__file__).resolve().parent.parent
    version: str | None = options.version
    try:
        if options.check:
            disagreements = differences(root, options.check.removeprefix("v"))
            if disagreements:
                raise NotReleasable("\n".join(disagreements))
            print(f"Everything is of {options.check}.")
        elif not version:
            parser.error("which version?")
        elif options.notes:
            print(notes((root / "CHANGELOG.md").read_text(encoding="utf-8"), version.removeprefix("v")))
        else:
            release(root, version, date.today(), options.documentation, options.owner)
            print(f"Committed and tagged {version} as v{version}. Review it, then run:\n  git push --follow-tags")
            print("The workflow `release` publishes the tag: see CONTRIBUTING.md.")
    except NotReleasable as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
