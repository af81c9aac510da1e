"""Puts the pages of the site into build/pages, from where Zensical takes them: `make site`.

They are README.md, docs/ and a few others. Links between them stay within the site; all others lead to the repository.
With `--readme FILE`, writes only README.md to that file, as the package index shows it: all links lead to the repository.
"""

from __future__ import annotations

import argparse
import posixpath
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Pages outside docs/, and what they are called on the site.
OTHERS = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "benchmarks/README.md": "benchmark.md",
    "benchmarks/chart.svg": "chart.svg",
    "icon.svg": "icon.svg",
}
_LINK = re.compile(r"(?<=\]\()(?!\w+:)([^)\s#]+)")
_ITEM = re.compile(r"^\d+\. .*(?:\n {3}.*|\n(?=\n))*", re.MULTILINE)
_ARROWS = re.compile(r"^```mermaid\n.*\n((?: .*\n)+)```$", re.MULTILINE)
_ARROW = re.compile(r"^ +(\w+) -- (.*) --> (\w+)$", re.MULTILINE)


class Broken(Exception):
    """A link or the navigation misses something; str() says what."""


def stage(root: Path, target: Path) -> None:
    """Write the pages and pictures of the checkout at `root` to `target`. Raises Broken."""
    documents = {each: each.relative_to(root / "docs") for each in (root / "docs").rglob("*") if is_shown(each)}
    places = {each.relative_to(root).as_posix(): place.as_posix() for each, place in documents.items()} | OTHERS
    listed = set(re.findall(r'"([\w./-]+\.md)"', (root / "zensical.toml").read_text(encoding="utf-8")))
    differ = listed ^ {place for place in places.values() if place.endswith(".md")}
    if differ:
        raise Broken(f"Either not in nav of zensical.toml, or no page: {', '.join(sorted(differ))}.")
    shutil.rmtree(target, ignore_errors=True)
    for source, place in places.items():
        (target / place).parent.mkdir(parents=True, exist_ok=True)
        if place.endswith(".md"):
            (target / place).write_text(page(root, source, places), encoding="utf-8")
        else:
            shutil.copyfile(root / source, target / place)


def is_shown(path: Path) -> bool:
    return path.suffix in (".md", ".png", ".css")


def page(root: Path, source: str, places: dict[str, str]) -> str:
    """The text of a file as the site has it. Raises Broken.

    Args:
        source: The file's path in the checkout at `root`.
        places: The path on the site of each file that is there, by its path in the checkout.
    """

    def link(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), match[1]))
        if path in places:
            return posixpath.relpath(places[path], posixpath.dirname(places[source]) or ".")
        if not (root / path).exists():
            raise Broken(f"{source} links to {path}, which does not exist.")
        return f"{repository(root)}/blob/main/{path}"

    text = (root / source).read_text(encoding="utf-8")
    # Python-Markdown wants four blanks below the number of an item, where the forge wants three.
    text = _ITEM.sub(lambda item: item[0].replace("\n   ", "\n    "), text)
    return _ARROWS.sub(_table, _LINK.sub(link, text))


def _table(diagram: re.Match[str]) -> str:
    """A diagram as a table: a script that draws it would come from another host."""
    arrows = _ARROW.findall(diagram[1])
    rows = [f"| {name} | {columns.replace('<br>', ', ')} | {joined} |" for name, columns, joined in arrows]
    return "\n".join(["| stream | columns | join |", "| --- | --- | --- |", *rows])


def readme(root: Path) -> str:
    """README.md with absolute links, to the files of this version."""
    (version,) = re.findall(
        r'^__version__ = "(.*)"$', (root / "source_iterable" / "version.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    files = f"{repository(root)}/blob/v{version}"
    text = (root / "README.md").read_text(encoding="utf-8").replace("](#", "](README.md#")
    return _LINK.sub(lambda link: f"{files}/{link[1]}{'?raw=true' if link[1].endswith('.png') else ''}", text)


def repository(root: Path) -> str:
    """The repository's address."""
    (address,) = re.findall(
        r'^Repository = "(.*)"$', (root / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE
    )
    return str(address)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readme", metavar="FILE", type=Path)
    options = parser.parse_args()
    try:
        if options.readme:
            options.readme.write_text(readme(ROOT), encoding="utf-8")
        else:
            stage(ROOT, ROOT / "build" / "pages")
    except Broken as error:
        sys.exit(str(error))
