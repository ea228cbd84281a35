"""Interpreter of CEL scripts: expressions over data and ctx, without state or side effects by design."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import orjson
from cel_expr_python import cel

from streams.scripts.language import TOO_LARGE
from streams.scripts.sandbox_process.comparisons import ComparisonText, find_comparisons
from streams.scripts.sandbox_process.interpreter import (
    FALSE,
    NONE,
    TRUE,
    LimitReached,
    ScriptRefused,
    failed_comparison,
    line,
    not_boolean,
)

_PLACE = re.compile(r"<input>:(\d+):(\d+): (.*)")
_MISSING_KEY = re.compile(r'NOT_FOUND: Key not found in map : "?(.*?)"?$', re.DOTALL)


class CelInterpreter:
    """Compiles CEL expressions with Google's C++ implementation."""

    def __init__(self) -> None:
        names = {"data": cel.Type.DYN, "ctx": cel.Type.DYN}
        self.call_s = 1.0  # it bounds steps, not time
        self._environment = cel.NewEnv(variables=names)

    def compile(self, source: str) -> CelScript:
        """See `Interpreter`."""
        try:
            expression = self._environment.compile(source)
        except RuntimeError as error:
            raise ScriptRefused(_refusal(str(error))) from None
        return CelScript(expression, self._comparisons(source))

    def _comparisons(self, source: str) -> list[_CompiledComparison]:
        try:
            return [
                _CompiledComparison(
                    one,
                    self._environment.compile(one.text),
                    self._environment.compile(one.left),
                    self._environment.compile(one.right),
                )
                for one in find_comparisons(source)
            ]
        except RuntimeError:  # a part of it does not compile alone
            return []


class _CompiledComparison(NamedTuple):
    found: ComparisonText
    whole: cel.Expression
    left: cel.Expression
    right: cel.Expression


class CelScript:
    """A CEL expression, ready to be evaluated."""

    def __init__(self, expression: cel.Expression, comparisons: list[_CompiledComparison]) -> None:
        self._expression = expression
        self._comparisons = comparisons

    def call(self, data: bytes, ctx: bytes, *, explain: bool) -> bytes:
        """See `RunnableScript`."""
        try:
            names = {"data": orjson.loads(data), "ctx": orjson.loads(ctx)}
        except orjson.JSONDecodeError as error:
            return line("error", f"cel: the data cannot be read: {error}")
        try:
            kind, value = _evaluate(self._expression, names)
            if explain and kind == "BOOL" and value is False:
                return self._explanation(names)
        except MemoryError:
            raise LimitReached(TOO_LARGE) from None
        return _line(kind, value)

    def _explanation(self, names: dict[str, Any]) -> bytes:
        for one in self._comparisons:
            if _evaluate(one.whole, names) == ("BOOL", False):
                left, right = (_show(*_evaluate(side, names)) for side in (one.left, one.right))
                return failed_comparison("cel", one.found, left, right)
        return line("false", "cel: returned false")


def _evaluate(expression: cel.Expression, names: dict[str, Any]) -> tuple[str, Any]:
    """Return the type and the value: an error is a value too, a string by its plain value."""
    found = expression.eval(data=names)
    kind = found.type().name().partition("<")[0]  # of `list<dyn>` the list
    return kind, found.plain_value()


def _line(kind: str, value: Any) -> bytes:
    if kind == "BOOL":
        return TRUE if value is True else FALSE
    if kind == "NULL":
        return NONE
    if kind == "ERROR":
        return line("error", f"cel: {_error(value)}")
    return not_boolean("cel", kind.lower(), _show(kind, value) if _is_scalar(value) else "")


def _is_scalar(value: Any) -> bool:
    return isinstance(value, bool | int | float | str)


def _show(kind: str, value: Any) -> str:
    """Return a value as CEL would write it, if it is short."""
    if isinstance(value, str):
        return orjson.dumps(value[:80]).decode()
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | dict):
        return f"<{kind.lower()} of {len(value)}>"  # pyright: ignore[reportUnknownArgumentType]  # of anything
    return f"<{kind.lower()}>"


def _error(message: str) -> str:
    missing = _MISSING_KEY.match(message)
    if missing:
        return f"no key '{missing[1]}'"
    return message.partition(": ")[2] or message


def _refusal(message: str) -> str:
    """Return the first error of the compiler, with its place as we write it."""
    place = _PLACE.search(message)
    if place is None:
        return f": {message}"
    return f", line {place[1]}, column {place[2]}: {place[3].removesuffix(' [INVALID_ARGUMENT]')}"
