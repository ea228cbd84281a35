"""Finds the syntax tree of a function object in its source file.

The file is parsed and compiled again, and the function is found by line, kind and name. It is accepted
only if the compiled file contains the same byte code at the same positions, so a file that was edited
after its import is noticed. Several lambdas on one line are told apart by adding an argument to each:
the right one is the outermost that changes the byte code.
"""

from __future__ import annotations
import __future__

import ast
import functools
import linecache
from types import CodeType
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from producer_sdk._errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FunctionType

FunctionNode: TypeAlias = ast.FunctionDef | ast.Lambda

_FUTURE_FLAGS = functools.reduce(
    int.__or__,
    (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names),
)


class _File(NamedTuple):
    """A source file: its text, name, compiler flags and syntax tree."""

    text: str
    name: str
    flags: int
    tree: ast.Module


def function_node(function: FunctionType) -> FunctionNode:
    """Return the syntax tree of `function`; it is shared, so copy it before a change.

    Raises:
        CaptureError: there is no source, or it is not the source of the running code.
    """
    code = function.__code__
    lines = linecache.getlines(code.co_filename, function.__globals__)
    if not lines:
        raise CaptureError(
            f"its source file {code.co_filename} cannot be read; define it in a Python file"
        )
    file = _read("".join(lines), code.co_filename, code.co_flags & _FUTURE_FLAGS)
    candidates = _candidates(file.tree, code)
    if not candidates or not _count(code, file, file.tree):
        raise CaptureError(
            f"{code.co_filename} line {code.co_firstlineno} is not the source of what runs; "
            "the file was changed after it was imported, or the code was rewritten at import"
        )
    return candidates[0 if len(candidates) == 1 else _index(code, file, len(candidates))]


@functools.lru_cache(maxsize=2)  # the same file is needed again and again; trees are large
def _read(text: str, name: str, flags: int) -> _File:
    try:
        return _File(text, name, flags, ast.parse(text, name))
    except (SyntaxError, ValueError) as error:
        raise CaptureError(f"its source file {name} cannot be parsed: {error}") from error


def _candidates(tree: ast.Module, code: CodeType) -> list[FunctionNode]:
    """Return the functions at the line and with the name of `code`, outer functions first."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.Lambda) and _stands_at(node, code)
    ]


def _stands_at(node: FunctionNode, code: CodeType) -> bool:
    if isinstance(node, ast.Lambda):
        return code.co_name == "<lambda>" and node.lineno == code.co_firstlineno
    first_line = min((node.lineno, *(item.lineno for item in node.decorator_list)))
    return node.name == code.co_name and first_line == code.co_firstlineno


def _index(code: CodeType, file: _File, candidates: int) -> int:
    """Return which candidate is `code`: add an argument to each, outer ones first.

    That changes its own byte code and that of the functions around it, not that of those inside it.
    """
    whole = _count(code, file, file.tree)
    for index in range(candidates):
        tree = ast.parse(file.text, file.name)
        candidate = _candidates(tree, code)[index]
        candidate.args.kwonlyargs.append(ast.copy_location(ast.arg("one_more"), candidate))
        candidate.args.kw_defaults.append(None)
        if _count(code, file, tree) < whole:
            return index
    raise CaptureError(
        "it cannot be told apart from others on its line; put it on a line of its own"
    )


def _count(code: CodeType, file: _File, tree: ast.Module) -> int:
    """Return how often the compiled tree contains `code` at the same positions."""
    compiled: CodeType = compile(tree, file.name, "exec", file.flags, dont_inherit=True)
    positions = list(code.co_positions())
    return sum(
        inner == code and list(inner.co_positions()) == positions for inner in _all_code(compiled)
    )


def _all_code(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _all_code(constant)
