"""Captures functions as scripts: source text for the worker, cached by code and closure."""

from __future__ import annotations

import logging
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, cast

import orjson

from producer_sdk._errors import CaptureError
from producer_sdk._parse_lock import parse_lock

if TYPE_CHECKING:
    from collections.abc import Hashable

Kind: TypeAlias = Literal["validator", "filter"]

log = logging.getLogger("producer_sdk")

_NAMES: dict[Kind, str] = {"validator": "validate", "filter": "keep"}
_MAX_FUNCTIONS = 1_000
_MAX_VARIANTS = 64
_MANY_VARIANTS = 16
_MAX_FROZEN = 1_000
_MAX_REASON_CHARS = 300


class Captured(NamedTuple):
    """A script in wire form.

    Attributes:
        json: the script, `{"engine": …, "script": …}`.
        problem: why the function cannot be sent, None if it can.
    """

    json: orjson.Fragment
    problem: str | None


class CapturedScripts:
    """Captures functions and caches the scripts by code and closure.

    A lambda at a call site is a new function at each call, with the same code; its source is found
    once. Values of its module are read then, once. Values of its closure and defaults are part of the
    cache key, so other values make another script.
    """

    def __init__(self) -> None:
        self._known: dict[int, _ScriptVariants] = {}

    def captured(self, function: object, kind: Kind) -> Captured:
        """Return the script of `function`; if it cannot be sent, a script that raises the reason."""
        if not isinstance(function, FunctionType):
            return _capture(function, kind)
        code = function.__code__
        variants = self._known.get(id(code))
        if variants is None:
            if len(self._known) >= _MAX_FUNCTIONS:
                self._known.clear()
            variants = self._known[id(code)] = _ScriptVariants(code)
        return variants.captured(function, kind)


class _ScriptVariants:
    """The scripts of one code object, by the values that it read from outside.

    Keeps the code object alive, because its address is the key in the cache.
    """

    def __init__(self, code: CodeType) -> None:
        self._code = code
        self._scripts: dict[Hashable, Captured] = {}
        self._warned = False

    def captured(self, function: FunctionType, kind: Kind) -> Captured:
        key: Hashable = kind
        if function.__closure__ or function.__defaults__ or function.__kwdefaults__:
            key = (kind, _ClosureKey().frozen(function))
        script = self._scripts.get(key)
        if script is None:
            if len(self._scripts) >= _MAX_VARIANTS:
                self._scripts.clear()
            script = self._scripts[key] = _capture(function, kind)
            self._warn_of_many(kind)
        return script

    def _warn_of_many(self, kind: Kind) -> None:
        if len(self._scripts) < _MANY_VARIANTS or self._warned:
            return
        self._warned = True
        log.warning(
            "the %s at %s:%d has been called with %d different values in its closure; each is a "
            "new definition that the worker learns and compiles: put such values into data",
            kind,
            self._code.co_filename,
            self._code.co_firstlineno,
            len(self._scripts),
        )


class _ClosureKey:
    """Hashable key of a function's code, closure and defaults; equal keys mean equal source."""

    def __init__(self) -> None:
        self._left = _MAX_FROZEN

    def frozen(self, value: Any) -> Hashable:
        kind = cast("type[Any]", type(value))
        self._left -= 1
        if self._left < 0:
            return "more than can be sent"
        if value is None or kind in {bool, int, str, bytes}:
            return (kind, value)
        if kind is FunctionType:
            return self._function(value)
        if kind in {list, tuple, set, frozenset, dict}:
            return (kind, self._items(value))
        # A float by its repr, because -0.0 equals 0.0. For other objects the type is enough: what is
        # not a constant is refused because of its type.
        return (kind, repr(value) if kind.__module__ in _SHOWN_IN_FULL else kind)

    def _items(self, value: Any) -> Hashable:
        if isinstance(value, dict):
            pairs = cast("dict[Any, Any]", value).items()
            return tuple((self.frozen(key), self.frozen(item)) for key, item in pairs)
        items = (self.frozen(item) for item in value)
        return frozenset(items) if isinstance(value, set | frozenset) else tuple(items)

    def _function(self, function: FunctionType) -> Hashable:
        cells = tuple(self._cell(cell) for cell in function.__closure__ or ())
        defaults = (function.__defaults__, function.__kwdefaults__)
        return (function.__code__, cells, self.frozen(defaults))

    def _cell(self, cell: Any) -> Hashable:
        try:
            content = cell.cell_contents
        except ValueError:
            return "empty"
        return self.frozen(content)


_SHOWN_IN_FULL = {"builtins", "decimal", "re"}


def _capture(function: object, kind: Kind) -> Captured:
    # The code that parses and compiles is loaded at the first function, not at import.
    from producer_sdk._capture._script_source import source_of  # noqa: PLC0415 -- see above

    try:
        with parse_lock:
            return Captured(_script(source_of(function, _NAMES[kind])), None)
    except (CaptureError, SystemError) as error:  # see `parse_lock`
        problem = str(error)[:_MAX_REASON_CHARS]
        text = f"{kind} not judged: {problem}"
        return Captured(
            _script(f"def {_NAMES[kind]}(data, ctx):\n    raise RuntimeError({text!r})"), problem
        )


def _script(source: str) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps({"engine": "python", "script": source}))
