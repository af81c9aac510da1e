"""The site has the pages of the checkout, and their links lead somewhere. Zensical checks the anchors: `make site`."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from source_iterable.version import __version__

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of all that the site is made from."""
    for name in ("docs", "benchmarks", "integration_tests", "source_iterable", "tools"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (*ROOT.glob("*.md"), ROOT / "icon.svg", ROOT / "zensical.toml", ROOT / "pyproject.toml"):
        shutil.copy(file, tmp_path)
    return tmp_path


def staged(checkout: Path) -> Path:
    command = [sys.executable, "tools/pages.py"]
    subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    return checkout / "build" / "pages"


def test_links_stay_on_the_site_or_lead_to_the_repository(checkout: Path) -> None:
    pages = staged(checkout)
    targets = [(page, each) for page in pages.rglob("*.md") for each in re.findall(r"\]\(([^)\s#]+)", page.read_text())]
    assert len(targets) > 300
    for page, target in targets:
        assert "://" in target or (page.parent / target).is_file(), f"{page.name}: {target}"
    assert re.search(
        r"\]\(https://github\.com/\w+/source-iterable/blob/main/source_iterable/", (pages / "live.md").read_text()
    )


def test_a_page_that_nothing_leads_to_is_refused_and_so_is_a_link_that_leads_nowhere(checkout: Path) -> None:
    new, upgrading = checkout / "docs" / "new.md", checkout / "docs" / "upgrading.md"
    new.write_text("# New\n")
    assert "not in nav of zensical.toml, or no page: new.md" in refused(checkout)
    new.unlink()
    upgrading.write_text("[Gone](gone.md)\n")
    assert "docs/upgrading.md links to docs/gone.md, which does not exist" in refused(checkout)
    upgrading.unlink()
    assert "not in nav of zensical.toml, or no page: upgrading.md" in refused(checkout)


def refused(checkout: Path) -> str:
    with pytest.raises(subprocess.CalledProcessError) as raised:
        staged(checkout)
    return str(raised.value.stderr)


def test_links_of_the_package_index_lead_to_the_files_of_the_version(checkout: Path) -> None:
    command = [sys.executable, "tools/pages.py", "--readme", "index.md"]
    subprocess.run(command, cwd=checkout, check=True)
    targets = re.findall(r"\]\(([^)]+)\)", (checkout / "index.md").read_text())
    assert len(targets) > 20
    assert all(target.startswith("https://") for target in targets)
    files = [path for each in targets if (path := each.partition(f"/source-iterable/blob/v{__version__}/")[2])]
    assert "README.md#in-a-clone" in files
    assert "docs/report.png?raw=true" in files
    assert all((checkout / re.split("[?#]", each)[0]).exists() for each in files)


def test_what_the_site_writes_otherwise_is_rewritten(checkout: Path) -> None:
    (checkout / "docs" / "docker.md").write_text(
        "1. One\n   more:\n\n       command\n\n2. Two\n   - inner\n\nText\n\n"
        "```mermaid\nflowchart LR\n    lists\n    users -- a<br>b --> lists\n```\n"
    )
    assert (staged(checkout) / "docker.md").read_text() == (
        "1. One\n    more:\n\n        command\n\n2. Two\n    - inner\n\nText\n\n"
        "| stream | columns | join |\n| --- | --- | --- |\n| users | a, b | lists |\n"
    )
