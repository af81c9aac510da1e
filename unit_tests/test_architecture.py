"""Modules import each other in one direction: no circle, also none hidden in functions or behind TYPE_CHECKING."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from integration_tests import sandbox

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


def arrows_up(graph: dict[str, set[str]], order: list[str]) -> list[tuple[str, str]]:
    """The imports, as (module, imported), that break this order, which names all modules, ground first."""
    assert sorted(order) == sorted(graph)
    place = {module: number for number, module in enumerate(order)}
    return [(module, other) for module in order for other in sorted(graph[module]) if place[other] >= place[module]]


def test_a_circle_is_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set(), "e": {"a"}}
    assert circles(graph) == [["b", "c"]]
    assert arrows_up(graph, ["d", "c", "b", "a", "e"]) == [("c", "b")]


def test_all_imports_count() -> None:
    graph = import_graph("integration_tests.sandbox")
    package = "integration_tests.sandbox"
    assert {f"{package}.endpoints", f"{package}.core"} <= graph[f"{package}.hosts"]
    assert f"{package}.sandbox" in graph[package]


@pytest.mark.parametrize(
    "package", ["benchmarks.large", "benchmarks.simulate", "integration_tests.sandbox", "source_iterable"]
)
def test_no_modules_import_each_other(package: str) -> None:
    assert circles(import_graph(package)) == []


# The rooms of the connector, the ground first. `airbyte` and `load` stand side by side.
FLOORS = [
    {"version", "errors", "kinds", "config", "spec"},
    {"process"},
    {"api"},
    {"records"},
    {"exports"},
    {"reading"},
    {"streams"},
    {"airbyte", "load"},
    {"run"},
    {"__main__", "__init__"},
]


def test_a_room_imports_only_from_itself_and_from_the_rooms_below() -> None:
    floor_of = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

    def room(module: str) -> str:
        return (module.split(".") + ["__init__"])[1]

    graph = import_graph("source_iterable")
    assert {room(module) for module in graph} == floor_of.keys()
    up = [
        (module, other)
        for module, others in graph.items()
        for other in others
        if room(module) != room(other) and floor_of[room(other)] >= floor_of[room(module)] > 0
    ]
    assert up == []


def test_only_the_adapter_knows_the_cdk() -> None:
    package = ROOT / "source_iterable"
    knowing = [file for file in package.rglob("*.py") if "airbyte_cdk" in file.read_text(encoding="utf-8")]
    assert knowing == [package / "airbyte" / "source.py"]


def test_nobody_uses_private_members_of_other_libraries() -> None:
    nodes = [
        node
        for file in ROOT.joinpath("source_iterable").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    ]
    private = [node for node in nodes if isinstance(node, ast.Attribute) and re.match("_[a-z]", node.attr)]
    own = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    own |= {node.attr for node in private if isinstance(node.ctx, ast.Store)}
    own |= {node.target.id for node in nodes if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)}
    # Of named tuples, where the underscore does not mean private; and of the process, which ends at once.
    assert {node.attr for node in private} - own <= {"_replace", "_exit"}


@pytest.mark.parametrize("file", sorted(ROOT.joinpath("source_iterable").rglob("*.py")), ids=lambda file: file.stem)
def test_a_module_fits_in_one_reading(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 280


def test_the_modules_of_the_sandbox_stand_in_the_order_that_is_drawn() -> None:
    graph = import_graph("integration_tests.sandbox")
    rows = [line.strip().split("  ")[0] for line in (sandbox.__doc__ or "").splitlines() if line.startswith("    ")]
    order = [f"integration_tests.sandbox.{name}" for row in rows for name in row.split(", ")]
    assert arrows_up(graph, [*order, "integration_tests.sandbox"]) == []
