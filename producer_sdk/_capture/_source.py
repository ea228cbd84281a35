"""From a function object to the syntax tree of exactly that function.

The file is parsed whole and the function found in it by line, kind and name; its statement is then
compiled again, and only a tree whose byte code and positions equal those of the function is
returned. So a file that was edited since it was imported is noticed, and of several lambdas on one
line the right one is taken.
"""

from __future__ import annotations
import __future__

import ast
import functools
import linecache
from types import CodeType
from typing import TYPE_CHECKING, TypeAlias

from producer_sdk._errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FunctionType

FunctionNode: TypeAlias = ast.FunctionDef | ast.Lambda

_FUTURE_FLAGS = functools.reduce(
    int.__or__,
    (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names),
)


def function_node(function: FunctionType) -> FunctionNode:
    """Return the syntax tree of `function`; it is shared, so copy it before a change.

    Raises:
        CaptureError: there is no source, or it is not the source of what runs.
    """
    code = function.__code__
    lines = linecache.getlines(code.co_filename, function.__globals__)
    if not lines:
        raise CaptureError(
            f"its source file {code.co_filename} cannot be read; define it in a Python file"
        )
    tree = _parse("".join(lines), code.co_filename)
    candidates = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.Lambda) and _stands_at(node, code)
    ]
    if not candidates or not _compiles_to(code, _statements_at(code.co_firstlineno, tree)):
        raise CaptureError(
            f"{code.co_filename} line {code.co_firstlineno} is not the source of what runs; "
            "the file was changed after it was imported, or the code was rewritten as it was loaded"
        )
    return candidates[0] if len(candidates) == 1 else _by_position(candidates, code)


@functools.lru_cache(maxsize=2)  # one file is asked for again and again; trees are large
def _parse(text: str, filename: str) -> ast.Module:
    try:
        return ast.parse(text, filename)
    except (SyntaxError, ValueError) as error:
        raise CaptureError(f"its source file {filename} cannot be parsed: {error}") from error


def _stands_at(node: FunctionNode, code: CodeType) -> bool:
    if isinstance(node, ast.Lambda):
        return code.co_name == "<lambda>" and node.lineno == code.co_firstlineno
    return node.name == code.co_name and _first_line(node) == code.co_firstlineno


def _statements_at(line: int, tree: ast.Module) -> list[ast.stmt]:
    """Return the statements of the module that reach over `line`."""
    return [item for item in tree.body if _first_line(item) <= line <= (item.end_lineno or 0)]


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min((statement.lineno, *(item.lineno for item in decorators)))


def _compiles_to(code: CodeType, statements: list[ast.stmt]) -> bool:
    module = ast.Module(statements, [])
    flags = code.co_flags & _FUTURE_FLAGS
    compiled: CodeType = compile(module, code.co_filename, "exec", flags, dont_inherit=True)
    positions = list(code.co_positions())
    return any(
        inner == code and list(inner.co_positions()) == positions for inner in _all_code(compiled)
    )


def _all_code(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _all_code(constant)


def _by_position(candidates: list[FunctionNode], code: CodeType) -> FunctionNode:
    """Tell lambdas of one line apart: one that returns has an instruction as wide as its body."""
    positions = set(code.co_positions())
    matching = [node for node in candidates if _extent_of_body(node) in positions]
    if len(matching) == 1:
        return matching[0]
    raise CaptureError("it cannot be told from the others on its line; put it on a line of its own")


def _extent_of_body(node: FunctionNode) -> tuple[int, int | None, int, int | None]:
    body = node.body if isinstance(node, ast.Lambda) else node.body[-1]
    return body.lineno, body.end_lineno, body.col_offset, body.end_col_offset
