"""The workflows call what exists, on the Python versions that the package takes. actionlint and zizmor check the rest."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = {each.name: each.read_text(encoding="utf-8") for each in (ROOT / ".github" / "workflows").iterdir()}
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_every_target_that_a_workflow_makes_exists() -> None:
    made = {each for text in WORKFLOWS.values() for each in re.findall(r"\bmake (?:--silent )?([a-z-]+)", text)}
    (targets,) = re.findall(r"target: \[(.*)\]", WORKFLOWS["tests.yml"])
    made |= set(targets.split(", "))
    assert len(made) > 8
    (exist,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert made <= set(exist.split())


def test_every_python_that_the_package_takes_is_tested() -> None:
    tested = yaml.safe_load(WORKFLOWS["tests.yml"])["jobs"]["tests"]["strategy"]["matrix"]["python"]
    assert tested == re.findall(r"Python :: (3\.\d+)", PROJECT)
    first, last = (int(each.partition(".")[2]) for each in (tested[0], tested[-1]))
    assert f'requires-python = ">=3.{first},<3.{last + 1}"' in PROJECT


def test_an_action_has_one_version_everywhere() -> None:
    used = [each for text in WORKFLOWS.values() for each in re.findall(r"uses: (.*)", text)]
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each) for each in used)
    assert len({each.partition("@")[0] for each in used}) == len(set(used))


def test_newer_locks_are_proposed_once_and_nothing_else_is(tmp_path: Path) -> None:
    origin, clone, asked = tmp_path / "origin.git", tmp_path / "clone", tmp_path / "asked"
    # As a workflow has it: nobody's name, and the token of gh.
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    gh = tmp_path / "gh"
    gh.write_text(f'#!/bin/sh\necho "$1 $2" >>{asked}\nif [ "$2" = list ] && grep -q create {asked}; then echo 7; fi\n')
    gh.chmod(0o755)
    (clone / "requirements").mkdir(parents=True)
    (clone / "requirements/dev.txt").write_text("dlt==1\n")
    (clone / "README.md").write_text("Before\n")
    subprocess.run(["git", "init", "--quiet", "--bare", str(origin)], check=True)
    run("git", "init", "--quiet", "--initial-branch=main")
    run("git", "remote", "add", "origin", str(origin))
    run("git", "add", ".")
    run("git", "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--message", "Before")
    propose = (str(ROOT / "tools/propose"), "requirements")
    assert run(*propose) == "Nothing is newer.\n"
    assert not asked.exists()
    for version in (2, 3):
        run("git", "switch", "--quiet", "main")
        (clone / "requirements/dev.txt").write_text(f"dlt=={version}\n")
        (clone / "README.md").write_text("After\n")
        run(*propose)
        assert run("git", "diff", "--name-only", "main", "newest") == "requirements/dev.txt\n"
        assert run("git", "ls-remote", str(origin), "newest").split()[0] == run("git", "rev-parse", "newest").strip()
        run("git", "checkout", "--quiet", "README.md")
    assert asked.read_text().splitlines() == ["pr list", "pr create", "pr list"]
