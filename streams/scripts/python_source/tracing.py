"""Adds tracing to a script: which expression raised, and what the deciding comparisons compared.

The traced twin is run only for the calls that failed, on the same data. Before each step it notes
the step's place, by a call around the operand that is evaluated last, so that an exception leaves
the place of the very expression that raised it. Comparisons that decide an answer note both sides.
"""

from __future__ import annotations

import ast
import copy
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from streams.scripts.python_source.parsing import Placed, SourceText


class TracedComparison(NamedTuple):
    """A comparison in a script, as `0 < data["qty"] <= 9`."""

    place: str
    text: str
    operators: list[str]
    """`<`, `<=`, …, in order."""


class TracedScript(NamedTuple):
    """The traced twin of a script, and what the numbers that it notes mean."""

    function: ast.FunctionDef
    places: list[str]
    """`line 2, column 5`, by number."""

    comparisons: list[TracedComparison]
    """By number."""


_SYMBOLS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}


_OPERANDS: dict[type[ast.AST], str] = {
    ast.Attribute: "value",
    ast.BinOp: "right",
    ast.UnaryOp: "operand",
    ast.Assign: "value",
    ast.AugAssign: "value",
    ast.Raise: "exc",
    ast.Assert: "test",
}
"""Nodes that can raise, and the operand that each evaluates last: it notes the place of the node."""

_SOURCES: dict[type[ast.AST], str] = {
    ast.FormattedValue: "value",
    ast.comprehension: "iter",
    ast.For: "iter",
}
"""Nodes that can raise, and the operand that each works on: it notes its own place."""


def add_tracing(source: SourceText, function: ast.FunctionDef) -> TracedScript:
    """Return the traced twin of a rewritten script, which is left as it is."""
    tracer = _Tracer(source)
    twin = copy.deepcopy(function)
    twin.body = [tracer.visit(statement) for statement in twin.body]
    ast.fix_missing_locations(twin)
    return TracedScript(twin, list(tracer.places.numbers), tracer.comparisons)


class _Places:
    """Numbers the places of a script, and makes operands note them."""

    def __init__(self, source: SourceText) -> None:
        self._source = source
        self.numbers: dict[str, int] = {}

    def text(self, node: Placed) -> str:
        """Return the place of a node, as `line 2, column 5`."""
        return self._source.place(node.lineno, node.col_offset)

    def number(self, node: Placed) -> int:
        """Return the number of the place of a node."""
        return self.numbers.setdefault(self.text(node), len(self.numbers))

    def mark(self, node: Placed, last: ast.expr) -> ast.expr:
        """Return `last`, evaluated last before `node` acts, so that it notes the place first."""
        place = ast.Constant(self.number(node))
        return ast.copy_location(_call("_duly_mark", place, last), last)


class _Tracer(ast.NodeTransformer):
    def __init__(self, source: SourceText) -> None:
        self._source = source
        self.places = _Places(source)
        self.comparisons: list[TracedComparison] = []
        self._nested = 0

    # --- expressions and statements that can raise

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if name := _OPERANDS.get(type(node)) or _SOURCES.get(type(node)):
            operand: ast.expr | None = getattr(node, name)
            if operand is not None:  # a raise may have none
                place: Any = node if type(node) in _OPERANDS else operand
                setattr(node, name, self.places.mark(place, operand))
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.Subscript:
        self.generic_visit(node)
        if isinstance(node.slice, ast.Slice):
            node.value = self.places.mark(node, node.value)
        else:
            node.slice = self.places.mark(node, node.slice)
        return node

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id.startswith("_duly_"):
            return node
        if node.keywords:
            node.keywords[-1].value = self.places.mark(node, node.keywords[-1].value)
        elif node.args:
            node.args[-1] = self._mark_argument(node, node.args[-1])
        elif isinstance(node.func, ast.Attribute):
            node.func.value = self.places.mark(node, node.func.value)
        return node

    def _mark_argument(self, node: ast.Call, argument: ast.expr) -> ast.expr:
        if isinstance(argument, ast.Starred):
            argument.value = self.places.mark(node, argument.value)
            return argument
        return self.places.mark(node, argument)

    def visit_Compare(self, node: ast.Compare) -> ast.Compare:
        self.generic_visit(node)
        node.comparators[-1] = self.places.mark(node, node.comparators[-1])
        return node

    # --- what decides the answer

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self._nested += 1
        self.generic_visit(node)
        self._nested -= 1
        return node

    def visit_Return(self, node: ast.Return) -> ast.Return:
        if node.value is not None:
            value = self.visit(node.value) if self._nested else self._truth(node.value)
            node.value = self.places.mark(node, value)
        return node

    def _truth(self, node: ast.expr) -> ast.expr:
        """Return an expression whose truth is the answer, its comparisons noted."""
        match node:
            case ast.BoolOp():
                node.values = [self._truth(value) for value in node.values]
                return node
            case ast.UnaryOp(op=ast.Not()):
                node.operand = self._truth(node.operand)
                return node
            case ast.IfExp():
                node.test = self.visit(node.test)
                node.body, node.orelse = self._truth(node.body), self._truth(node.orelse)
                return node
            case ast.Compare() if not _assigns(node):
                return self._comparison(node)
            case _:
                return self.visit(node)

    def _comparison(self, node: ast.Compare) -> ast.expr:
        number, place = len(self.comparisons), self.places.number(node)
        operators = [_SYMBOLS[type(operator)] for operator in node.ops]
        self.comparisons.append(
            TracedComparison(self.places.text(node), self._source.segment(node), operators)
        )
        sides = [self.visit(side) for side in (node.left, *node.comparators)]
        return ast.copy_location(
            _call(
                "_duly_compare",
                ast.Constant(number),
                ast.Constant(place),
                _list([_lambda([], side) for side in sides]),
                _list([_comparing(operator) for operator in node.ops]),
            ),
            node,
        )


def _assigns(node: ast.expr) -> bool:
    """Return True if `:=` is inside, which would lose its scope in a lambda."""
    return any(isinstance(inner, ast.NamedExpr) for inner in ast.walk(node))


def _comparing(operator: ast.cmpop) -> ast.Lambda:
    left, right = ast.Name("_duly_l", ast.Load()), ast.Name("_duly_r", ast.Load())
    return _lambda(["_duly_l", "_duly_r"], ast.Compare(left, [operator], [right]))


def _lambda(names: list[str], body: ast.expr) -> ast.Lambda:
    arguments = ast.arguments([], [ast.arg(name) for name in names], None, [], [], None, [])
    return ast.Lambda(arguments, body)


def _list(items: list[ast.Lambda]) -> ast.List:
    return ast.List([*items], ast.Load())


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])
