"""Modules import each other in one direction: no circle, also none hidden in functions or behind TYPE_CHECKING."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def import_graph(package: str) -> dict[str, set[str]]:
    """Each module of a package (dotted, from the repository's root) with the modules of the package that it imports.

    A package's `__init__` has the package's name. `from package import name` counts as an import of the module
    `package.name` if there is one, otherwise of the package. All imports count, wherever they stand.
    """
    files = {_module(file): file for file in sorted(ROOT.joinpath(*package.split(".")).rglob("*.py"))}
    graph = {}
    for module, file in files.items():
        inside = module if file.name == "__init__.py" else module.rpartition(".")[0]
        targets = set()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                targets.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                above = ".".join(inside.split(".")[: len(inside.split(".")) - node.level + 1]) if node.level else ""
                base = ".".join(filter(None, (above, node.module)))
                names = {f"{base}.{alias.name}" for alias in node.names}
                targets.update(name if name in files else base for name in names)
        graph[module] = (targets & set(files)) - {module}
    return graph


def _module(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules that import each other, directly or through others."""
    reached = {module: _reached(graph, module) for module in graph}
    groups = {frozenset(each for each in graph if each in reached[m] and m in reached[each]) for m in graph}
    return sorted(sorted(group) for group in groups if group)


def _reached(graph: dict[str, set[str]], start: str) -> set[str]:
    """What a module imports, directly or through others."""
    found: set[str] = set()
    waiting = [*graph[start]]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += graph[module]
    return found


def test_a_circle_is_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set(), "e": {"a"}}
    assert circles(graph) == [["b", "c"]]


def test_all_imports_count() -> None:
    graph = import_graph("integration_tests.sandbox")
    sandbox = "integration_tests.sandbox."
    assert {sandbox + "endpoints", sandbox + "core"} <= graph[sandbox + "hosts"]
    assert sandbox + "sandbox" in graph["integration_tests.sandbox"]


@pytest.mark.parametrize(
    "package",
    [
        "integration_tests.sandbox",
        pytest.param("source_iterable", marks=pytest.mark.xfail(reason="the rooms are being rearranged", strict=False)),
    ],
)
def test_no_modules_import_each_other(package: str) -> None:
    assert circles(import_graph(package)) == []
