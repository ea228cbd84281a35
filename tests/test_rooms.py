"""Imports between tests, benchmarks, tools and the packages."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = [path for room in ("benchmarks", "tools") for path in sorted((ROOT / room).glob("*.py"))]
SUPPORT = sorted((ROOT / "tests/support").glob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Return the modules that a file imports, wherever in it."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    return {
        alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names
    } | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


def of_tests_beyond_support(path: Path) -> set[str]:
    return {
        name
        for name in imported(path)
        if name.split(".")[0] == "tests" and not name.startswith("tests.support")
    }


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: str(path.relative_to(ROOT)))
def test_benchmarks_and_tools_use_of_the_tests_only_their_support(path: Path) -> None:
    assert of_tests_beyond_support(path) == set()


@pytest.mark.parametrize("path", SUPPORT, ids=lambda path: path.name)
def test_support_stands_below_the_tests_that_share_it(path: Path) -> None:
    assert of_tests_beyond_support(path) == set()


def test_no_test_uses_a_benchmark() -> None:
    users = [path for path in TESTS if any(n.split(".")[0] == "benchmarks" for n in imported(path))]
    assert users == []


@pytest.mark.parametrize("name", ["attacks", "chaos", "hostile", "soak"])
def test_each_long_test_is_a_command_and_has_a_short_form_in_the_suite(name: str) -> None:
    assert f"\n{name}: $(INSTALLED) ##" in (ROOT / "Makefile").read_text()
    assert (ROOT / "tests" / name / "__main__.py").exists()
    assert (ROOT / "tests" / name / "test_short.py").exists()
