"""Names that a function reads from its globals, closure and builtins, with their values."""

from __future__ import annotations

import ast
import builtins
import dis
import sys
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from producer_sdk._errors import CaptureError

SANDBOX_MODULES = (
    "base64",
    "binascii",
    "bisect",
    "collections",
    "copy",
    "dataclasses",
    "datetime",
    "decimal",
    "functools",
    "hashlib",
    "itertools",
    "json",
    "math",
    "re",
    "typing",
    "unicodedata",
)
"""Modules in the worker's sandbox; a contract test compares this with the sandbox's own list."""

SANDBOX_BUILTINS = frozenset(
    (
        *("False", "None", "True", "Ellipsis", "NotImplemented"),
        *("abs", "all", "any", "bin", "bool", "bytes", "chr", "complex", "dict", "divmod"),
        *("enumerate", "filter", "float", "format", "frozenset", "hex", "int", "isinstance"),
        *("iter", "len", "list", "map", "max", "min", "next", "oct", "ord", "pow", "print"),
        *("range", "repr", "reversed", "round", "set", "slice", "sorted", "str", "sum", "tuple"),
        *("type", "zip"),
        *("ArithmeticError", "AssertionError", "AttributeError", "BaseException", "Exception"),
        *("ImportError", "IndexError", "KeyError", "LookupError", "NameError"),
        *("NotImplementedError", "OverflowError", "RecursionError", "RuntimeError"),
        *("StopIteration", "TimeoutError", "TypeError", "UnicodeDecodeError"),
        *("UnicodeEncodeError", "ValueError", "ZeroDivisionError"),
    )
)
"""Builtins in the worker's sandbox; compared in the same way."""


class OutsideNames(NamedTuple):
    """Names that a function reads and does not bind itself.

    Attributes:
        values: names of its closure and its module, with their current values.
        builtins: names of builtins.
    """

    values: dict[str, Any]
    builtins: set[str]


def outside_names(function: FunctionType) -> OutsideNames:
    """Return the outside names of `function` and of the functions in it.

    Raises:
        CaptureError: a name has no value, or the sandbox does not have a builtin.
    """
    found = OutsideNames({}, set())
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found.values[name] = cell.cell_contents
        except ValueError:
            raise CaptureError(f"it uses {name}, which has no value yet") from None
    for name in _global_names(function.__code__):
        if name in function.__globals__:
            found.values[name] = function.__globals__[name]
        elif name in SANDBOX_BUILTINS:
            found.builtins.add(name)
        elif hasattr(builtins, name):
            raise CaptureError(f"it uses the builtin {name}, which the sandbox does not have")
        else:
            raise CaptureError(f"it uses {name}, which is not defined")
    return found


def import_of(name: str, value: Any) -> ast.stmt | None:
    """Return the import that binds `name` to `value`; None if no module of the sandbox has it.

    Raises:
        CaptureError: a module that the sandbox does not have; the text continues "uses NAME, which …".
    """
    if isinstance(value, ModuleType):
        if value.__name__ not in SANDBOX_MODULES:
            raise CaptureError(
                f"is the module {value.__name__}; the sandbox has {', '.join(SANDBOX_MODULES)}"
            )
        return ast.Import([_alias(value.__name__, name)])
    if not isinstance(value, type | FunctionType | BuiltinFunctionType):
        return None
    for attribute in (value.__name__, name):
        for module in SANDBOX_MODULES:
            if getattr(sys.modules.get(module), attribute, None) is value:
                return ast.ImportFrom(module, [_alias(attribute, name)], 0)
    return None


def check_imports(node: ast.AST) -> None:
    """Refuse an import inside the function of a module that the sandbox does not have."""
    for part in ast.walk(node):
        if isinstance(part, ast.Import):
            modules = [item.name for item in part.names]
        elif isinstance(part, ast.ImportFrom):
            modules = [part.module or "."]
        else:
            continue
        for module in modules:
            if module not in SANDBOX_MODULES:
                raise CaptureError(
                    f"it imports {module}; the sandbox has {', '.join(SANDBOX_MODULES)}"
                )


def _alias(name: str, bound: str) -> ast.alias:
    return ast.alias(name, None if name == bound else bound)


def _global_names(code: CodeType) -> dict[str, None]:
    """Return the globals that `code` and the code in it read, in order."""
    names: dict[str, None] = {}
    for instruction in dis.get_instructions(code):
        if instruction.opname in {"STORE_GLOBAL", "DELETE_GLOBAL"}:
            raise CaptureError(f"it changes the global {instruction.argval}")
        if instruction.opname in {"LOAD_GLOBAL", "LOAD_NAME"}:
            names[instruction.argval] = None
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _global_names(constant)
    return names
