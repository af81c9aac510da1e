"""Counts the lines of code of a folder's modules: `python tools/code_lines.py [FOLDER]`.

A line counts if it has a token of code. Blank lines, comments, docstrings and imports do not count.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from pathlib import Path

_NOT_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def code_lines(source: str) -> int:
    """The number of lines of code in a module's source."""
    skipped: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            skipped.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            # A docstring, also one below an attribute.
            skipped.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _NOT_CODE:
            code.update(range(token.start[0], token.end[0] + 1))
    return len(code - skipped)


def main(folder: Path) -> None:
    total = modules = 0
    for file in sorted(folder.rglob("*.py")):
        source = file.read_text(encoding="utf-8")
        count = code_lines(source)
        print(f"{count:6} of {len(source.splitlines()):4}  {file}")
        total += count
        modules += 1
    print(f"{total:6} lines of code in {modules} modules")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "source_iterable"))
