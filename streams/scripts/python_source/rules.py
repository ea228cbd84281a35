"""Rules for python scripts: refuses state, clocks, randomness and access to the outside when published.

There are two reasons. A script must give the same answer when history is replayed: so no clock, no
randomness, nothing that lasts from one call to the next. And it must not reach the program around
it: so no name that it did not make itself, but for the functions listed here, and no names of
Python's inside. The sandbox would contain all this; a clear message beats a strange verdict.
"""

from __future__ import annotations

import ast
import difflib
from typing import TYPE_CHECKING

from streams.scripts.python_source.parsing import START, refuse

if TYPE_CHECKING:
    from streams.scripts.python_source.parsing import Placed, SourceText


def words(text: str) -> frozenset[str]:
    """Return the words of `text`: the readable way to write a long set of names."""
    return frozenset(text.split())


OWN_PREFIX = "_duly"
"""Names of the program around the script begin so."""

MODULES = words(
    "base64 binascii bisect collections copy dataclasses datetime decimal functools hashlib "
    "itertools json math re typing unicodedata"
)

BUILTINS = words(
    "abs all any bin bool bytes chr complex dict divmod enumerate filter float format frozenset "
    "hex int isinstance iter len list map max min next oct ord pow print range repr reversed round "
    "set slice sorted str sum tuple type zip "
    "ArithmeticError AssertionError AttributeError BaseException Exception ImportError IndexError "
    "KeyError LookupError NameError NotImplementedError OverflowError RecursionError RuntimeError "
    "StopIteration TimeoutError TypeError UnicodeDecodeError UnicodeEncodeError ValueError "
    "ZeroDivisionError NotImplemented Ellipsis"
)

UNTOUCHABLE = words("compile dir eval exec globals locals vars")
"""No scope of a script may bind these: known in one, they would be reached in another."""

_NO_TIME = (
    "scripts have no clock and no randomness, so that a replay gives the same answer; "
    "use instants and values from data or ctx"
)
_NO_STATE = "scripts keep nothing from one call to the next"
_NO_INTERNALS = "scripts see no names of python's inside"

_MODULE_REASONS: dict[str, str] = dict.fromkeys(words("time random secrets uuid"), _NO_TIME)
_NAME_REASONS: dict[str, str] = {
    **dict.fromkeys(UNTOUCHABLE, "a script sees its own names only, and runs no other code"),
    **dict.fromkeys(words("open input breakpoint"), "scripts have no files, input or output"),
    **dict.fromkeys(
        words("id hash"), "its value differs from process to process, and so would the verdict"
    ),
    **dict.fromkeys(
        words("getattr setattr hasattr delattr"),
        "the sandbox answers it otherwise than python does; use isinstance, `in` or .get()",
    ),
}
_ATTRIBUTE_REASONS: dict[str, str] = {
    **dict.fromkeys(words("now utcnow today"), _NO_TIME),
    **dict.fromkeys(
        words("getcontext setcontext DefaultContext BasicContext ExtendedContext"), _NO_STATE
    ),
}


def check_rules(source: SourceText, function: ast.FunctionDef) -> None:
    """Check that a script contains nothing that is refused.

    Raises:
        NotCompiled: it does; with the place and the reason.
    """
    bound = bound_names(function)
    for name in bound:
        if name in UNTOUCHABLE or name.startswith((OWN_PREFIX, "__")):
            refuse(source, START, f"the name {name!r} is reserved")
    _RuleChecker(source, bound).visit(function)


def bound_names(tree: ast.AST) -> frozenset[str]:
    """Return every name that is given a value anywhere in `tree`, whatever its scope."""
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.arg(arg=name):
                names.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.alias(name=name, asname=other):
                names.add(other or name.partition(".")[0])
            case ast.ExceptHandler(name=str(name)):
                names.add(name)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                names.add(name)
            case ast.MatchMapping(rest=str(name)):
                names.add(name)
            case _:
                pass
    return frozenset(names)


class _RuleChecker(ast.NodeVisitor):
    def __init__(self, source: SourceText, bound: frozenset[str]) -> None:
        self._source = source
        self._known = bound | BUILTINS

    def visit_Name(self, node: ast.Name) -> None:
        if node.id not in self._known:
            self._refuse(node, _unknown_name(node.id, self._known))

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and not node.value.isascii():
            try:
                node.value.encode()
            except UnicodeEncodeError:
                self._refuse(node, "half a character (a lone surrogate) is no text")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._refuse(node, _bad_attribute(node.attr))
        self.generic_visit(node)

    def visit_MatchClass(self, node: ast.MatchClass) -> None:
        for name in node.kwd_attrs:
            self._refuse(node, _bad_attribute(name))
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._refuse(node, _bad_module(alias.name))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self._refuse(node, _bad_module("." * node.level + (node.module or "")))
        for alias in node.names:
            if alias.name == "*":
                self._refuse(node, "name what you import instead of *")
            self._refuse(node, _bad_attribute(alias.name))

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        if node.bases or node.keywords:
            self._refuse(node, "a class in a script cannot inherit")
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> None:
        self._refuse(node, _NO_STATE)

    def visit_Delete(self, node: ast.Delete) -> None:
        self._refuse(node, "the sandbox has no del statement; use .pop()")

    def visit_Yield(self, node: ast.Yield | ast.YieldFrom) -> None:
        self._refuse(node, "the sandbox has no generators; build a list")

    visit_YieldFrom = visit_Yield  # noqa: N815  # a name of ast

    def visit_Await(
        self, node: ast.Await | ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith
    ) -> None:
        self._refuse(node, "a script cannot wait: nothing in it is async")

    visit_AsyncFunctionDef = visit_Await  # noqa: N815  # a name of ast
    visit_AsyncFor = visit_Await  # noqa: N815  # a name of ast
    visit_AsyncWith = visit_Await  # noqa: N815  # a name of ast

    def _refuse(self, node: Placed, reason: str | None) -> None:
        """Refuse the script if there is a reason."""
        if reason is not None:
            refuse(self._source, node, reason)


def _bad_module(name: str) -> str | None:
    """Return why a module may not be imported; None if it may."""
    if name in MODULES:
        return None
    reason = _MODULE_REASONS.get(name, f"scripts may import {', '.join(sorted(MODULES))}")
    return f"module {name!r} is not available: {reason}"


def _bad_attribute(name: str) -> str | None:
    """Return why an attribute may not be used; None if it may."""
    if name in _ATTRIBUTE_REASONS:
        return f"{name!r} is not available: {_ATTRIBUTE_REASONS[name]}"
    if name.startswith("__"):
        return f"{name!r} is not available: {_NO_INTERNALS}"
    return None


def _unknown_name(name: str, known: frozenset[str]) -> str:
    if name in _NAME_REASONS:
        return f"{name!r} is not available: {_NAME_REASONS[name]}"
    if name.startswith("__"):
        return f"{name!r} is not available: {_NO_INTERNALS}"
    close = difflib.get_close_matches(name, known | {"True", "False", "None"}, 1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"the name {name!r} is not defined{hint}"
