"""Parses a python script, in any of its three forms, into one function of two arguments."""

from __future__ import annotations

import ast
import textwrap
import warnings
from typing import NoReturn, Protocol

from streams.scripts.language import MAX_SOURCE_CHARS, NotCompiled

FORMS = "one expression over data and ctx, one lambda (data, ctx), or one def (data, ctx)"


class Placed(Protocol):
    """A node that knows its place: line from 1, column from 0 in UTF-8 bytes."""

    lineno: int
    col_offset: int


class _Start:
    lineno = 1
    col_offset = 0


START: Placed = _Start()
"""Place of a problem of the script as a whole."""


class SourceText:
    """The text of a script, and places in it."""

    def __init__(self, text: str) -> None:
        self.text = textwrap.dedent(text)
        self._lines = self.text.splitlines()

    def place(self, line: int, column_bytes: int) -> str:
        """Return `line 2, column 5`, both from 1, counted in characters."""
        text = self._lines[line - 1] if line <= len(self._lines) else ""
        column = len(text.encode()[:column_bytes].decode(errors="ignore"))
        return f"line {line}, column {column + 1}"

    def segment(self, node: ast.expr) -> str:
        """Return the text of `node` on one line."""
        return " ".join((ast.get_source_segment(self.text, node) or ast.unparse(node)).split())


def refuse(source: SourceText, node: Placed, reason: str) -> NoReturn:
    """Refuse a script because of `node`."""
    raise NotCompiled(f"python, {source.place(node.lineno, node.col_offset)}: {reason}")


def read_function(source: SourceText) -> ast.FunctionDef:
    """Return the script as a function whose first two arguments are data and ctx.

    Raises:
        NotCompiled: it is not python, or none of the forms.
    """
    if not source.text.strip():
        raise NotCompiled(f"python: the script is empty; it must be {FORMS}")
    if len(source.text) > MAX_SOURCE_CHARS:
        raise NotCompiled(
            f"python: the script has {len(source.text):,} characters, "
            f"at most {MAX_SOURCE_CHARS:,} are allowed"
        )
    statements = _parse(source)
    if len(statements) != 1:
        reason = f"a script is {FORMS}; this has {len(statements)} statements"
        refuse(source, statements[1] if statements else START, reason)
    function = _as_function(source, statements[0])
    _check_arguments(source, function)
    return _without_annotations(function)


def _parse(source: SourceText) -> list[ast.stmt]:
    try:
        return _parse_text(source.text, 0)
    except SyntaxError as error:
        wrapped = _parse_wrapped(source)
        if wrapped is not None:
            return wrapped
        line, column = error.lineno or 1, (error.offset or 1) - 1
        bytes_before = len((error.text or "")[:column].encode())
        raise NotCompiled(f"python, {source.place(line, bytes_before)}: {error.msg}") from None
    except (RecursionError, MemoryError):
        raise NotCompiled("python: the script is nested too deeply") from None
    except ValueError as error:
        raise NotCompiled(f"python: {error}") from None


def _parse_wrapped(source: SourceText) -> list[ast.stmt] | None:
    """Return an expression that goes over several lines without brackets, if it is one.

    A text that parses between both kinds of brackets closes neither itself.
    """
    try:
        _parse_text(f"[\n{source.text}\n]", 1)
        statements = _parse_text(f"(\n{source.text}\n)", 1)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return statements if len(statements) == 1 else None


def _parse_text(text: str, extra_lines: int) -> list[ast.stmt]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on "\d" and `is 5`: the author's business
        tree = ast.parse(text)
    if extra_lines:
        ast.increment_lineno(tree, -extra_lines)
    return tree.body


def _as_function(source: SourceText, statement: ast.stmt) -> ast.FunctionDef:
    match statement:
        case ast.FunctionDef():
            if statement.decorator_list:
                refuse(source, statement.decorator_list[0], "a script takes no decorator")
            return statement
        case ast.Expr(value=ast.Lambda() as function):
            return _function(function.args, function.body)
        case ast.Expr(value=expression):
            return _function(_DATA_AND_CTX, expression)
        case ast.Return():
            refuse(source, statement, "an expression is written without return, or as a whole def")
        case _:
            refuse(source, statement, f"a script is {FORMS}")


_DATA_AND_CTX = ast.arguments(
    posonlyargs=[],
    args=[ast.arg("data"), ast.arg("ctx")],
    kwonlyargs=[],
    kw_defaults=[],
    defaults=[],
)


def _function(arguments: ast.arguments, value: ast.expr) -> ast.FunctionDef:
    answer = ast.copy_location(ast.Return(value), value)
    function = ast.FunctionDef("validate", arguments, [answer], [])
    return ast.copy_location(function, value)


def _check_arguments(source: SourceText, function: ast.FunctionDef) -> None:
    """Refuse a function that cannot be called with data and ctx by position."""
    arguments = function.args
    positional = len(arguments.posonlyargs) + len(arguments.args)
    needed = positional - len(arguments.defaults)
    keywords_needed = [default for default in arguments.kw_defaults if default is None]
    takes_two = needed <= 2 <= positional or (needed <= 2 and arguments.vararg is not None)  # noqa: PLR2004  # data, ctx
    if not takes_two or keywords_needed:
        refuse(source, function, "the function must take two arguments: data and ctx")


class _Annotations(ast.NodeTransformer):
    """Drops annotations: the sandbox ignores them, and they name types that it does not have."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        plain = ast.Pass() if node.value is None else ast.Assign([node.target], node.value)
        return self.generic_visit(ast.copy_location(plain, node))  # pyright: ignore[reportReturnType]  # a statement stays one

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.returns = None
        self.generic_visit(node)
        return node


def _without_annotations(function: ast.FunctionDef) -> ast.FunctionDef:
    return _Annotations().visit_FunctionDef(function)
