"""Rewrites scripts as one expression, the only form that a Business-Use server evaluates."""

from __future__ import annotations

import ast
import copy
import functools

from producer_sdk._parse_lock import parse_lock

_ARGUMENTS = ("data", "ctx")
_OF_CONSTANTS = (
    *(ast.Constant, ast.List, ast.Tuple, ast.Dict),
    *(ast.UnaryOp, ast.unaryop, ast.expr_context),
)


@functools.lru_cache(maxsize=1_000)  # each event of a node carries the same script
def as_expression(script: str) -> str:
    """Return a captured `def` as one expression over `data` and `ctx`; the `def` if that is impossible.

    It is possible for a `return` after assignments of constants.
    """
    try:
        with parse_lock:
            return _expression(script) or script
    except (SyntaxError, ValueError, RecursionError, SystemError):  # nested too deeply, for example
        return script


def _expression(script: str) -> str | None:
    function = ast.parse(script).body[0]
    if not isinstance(function, ast.FunctionDef) or len(function.args.args) != len(_ARGUMENTS):
        return None
    *constants, last = function.body
    names: dict[str, ast.expr] = {
        argument.arg: ast.Name(name, ast.Load())
        for argument, name in zip(function.args.args, _ARGUMENTS, strict=True)
    }
    for statement in constants:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_constant(value):
                names[name] = value
            case _:
                return None
    if not isinstance(last, ast.Return) or last.value is None or _binds(last.value, names):
        return None
    return ast.unparse(_NameReplacer(names).visit(copy.deepcopy(last.value)))


def _is_constant(value: ast.expr) -> bool:
    return all(isinstance(part, _OF_CONSTANTS) for part in ast.walk(value))


def _binds(expression: ast.expr, names: dict[str, ast.expr]) -> bool:
    """Return True if a part of the expression rebinds one of the names, `data` or `ctx`."""
    taken = {*names, *_ARGUMENTS}
    for part in ast.walk(expression):
        if isinstance(part, ast.arg) and part.arg in taken:
            return True
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store) and part.id in taken:
            return True
    return False


class _NameReplacer(ast.NodeTransformer):
    """Replaces names by expressions."""

    def __init__(self, names: dict[str, ast.expr]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Replace a name."""
        return self._names.get(node.id, node)
