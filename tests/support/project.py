"""The files of this project, and what its Python files say in words."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (
    *("producer_sdk", "schemas", "streams"),
    *("tests", "benchmarks", "tools", "examples", "docs", "deploy", ".ci"),
)
MADE = {"__pycache__", ".pytest_cache", ".hypothesis", ".ruff_cache"}

FILES = sorted(
    path
    for top in (*(ROOT / name for name in FOLDERS), ROOT)
    for path in (top.iterdir() if top == ROOT else top.rglob("*"))
    if path.is_file() and not MADE & set(path.parts)
)
"""All files of the project, without what is made in its folders."""

PAGES = [path for path in FILES if path.suffix == ".md"]
PYTHON = [path for path in FILES if path.suffix == ".py"]


def name_of(path: Path) -> str:
    """Return a file's path from the root."""
    return str(path.relative_to(ROOT))


def words(path: Path) -> Iterator[str]:
    """Yield the comments of a Python file, and its docstrings with all other texts that stand alone."""
    source = path.read_text()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield str(node.value.value)
