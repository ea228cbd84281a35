"""Writes values that a function reads from outside as literals."""

from __future__ import annotations

import ast
import math
import re
from decimal import Decimal
from enum import Enum
from typing import Any, TypeAlias, cast

from producer_sdk._errors import CaptureError

MAX_ITEMS = 500
MAX_DEPTH = 20

DECIMAL, PATTERN = "_captured_Decimal", "_captured_compile"
HELPER_IMPORTS = {
    DECIMAL: ast.ImportFrom("decimal", [ast.alias("Decimal", DECIMAL)], 0),
    PATTERN: ast.ImportFrom("re", [ast.alias("compile", PATTERN)], 0),
}
"""Imports of the names that literals use."""

Literal: TypeAlias = ast.expr


def literal(value: object) -> Literal:
    """Return an expression for an equal value.

    Accepts JSON types, tuples, sets, bytes, Decimals, compiled patterns, and members of enums that are
    texts or integers.

    Raises:
        CaptureError: another type, or too many values; the text continues "uses NAME, which …".
    """
    return _Writer().write(value, MAX_DEPTH)


class _Writer:
    """Writes one value, up to a maximum number of items."""

    def __init__(self) -> None:
        self._items = 0

    def write(self, value: Any, depth: int) -> Literal:
        if depth == 0:
            raise CaptureError("is nested too deeply, or in itself")
        scalar = _scalar(value)
        return self._collection(value, depth - 1) if scalar is None else scalar

    def _count(self, items: int) -> None:
        self._items += items
        if self._items > MAX_ITEMS:
            raise CaptureError(f"holds more than {MAX_ITEMS} values; put what is needed into data")

    def _collection(self, value: Any, depth: int) -> Literal:
        kind = cast("type[Any]", type(value))
        if kind in {dict, list, tuple, set, frozenset}:
            self._count(len(value))
        if kind is dict:
            pairs = cast("dict[Any, Any]", value).items()
            keys = [self.write(key, depth) for key, _ in pairs]
            return ast.Dict(list(keys), [self.write(item, depth) for _, item in pairs])
        if kind is list:
            return ast.List([self.write(item, depth) for item in value], ast.Load())
        if kind is tuple:
            return ast.Tuple([self.write(item, depth) for item in value], ast.Load())
        if kind is set or kind is frozenset:
            return self._set(value, depth)
        raise CaptureError(
            f"is of type {kind.__name__}, which cannot be sent by value; "
            "read what you need from it into a number or a text first"
        )

    def _set(self, value: Any, depth: int) -> Literal:
        # Sorted: the order of a set differs between processes, and the source must not.
        items = ast.List([self.write(item, depth) for item in sorted(value, key=repr)], ast.Load())
        return _call(type(value).__name__, items)


def _scalar(value: Any) -> Literal | None:
    kind = cast("type[Any]", type(value))
    if kind is float and math.isnan(value):
        infinity = ast.Constant(math.inf)
        return ast.BinOp(infinity, ast.Sub(), infinity)
    if value is None or kind in {bool, int, float, str, bytes}:
        return ast.Constant(value)
    if isinstance(value, Enum) and isinstance(value, str | int):
        return _scalar(value.value)
    if kind is Decimal:
        return _call(DECIMAL, ast.Constant(str(value)))
    if kind is re.Pattern:
        pattern = cast("re.Pattern[str]", value)
        return _call(PATTERN, ast.Constant(pattern.pattern), ast.Constant(pattern.flags))
    return None


def _call(name: str, *arguments: Literal) -> Literal:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])
