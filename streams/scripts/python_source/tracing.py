"""The twin of a script that says why: where it stopped, and what it compared.

It is run only for the calls that failed, on the same data. Before each step it notes the step's
place, by a call around the operand that is evaluated last, so that an exception leaves the place
of the very expression that raised it. The comparisons that decide an answer note their two sides.
"""

from __future__ import annotations

import ast
import copy
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from streams.scripts.python_source.parsing import Placed, SourceText


class TracedComparison(NamedTuple):
    """A comparison in a script, as `0 < data["qty"] <= 9`."""

    place: str
    text: str
    operators: list[str]
    """`<`, `<=`, …, in order."""


class TracedScript(NamedTuple):
    """The twin, and what the numbers that it notes mean."""

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


def explain(source: SourceText, function: ast.FunctionDef) -> TracedScript:
    """Return the twin of a rewritten script, which is left as it is."""
    marks = _Marker(source)
    twin = copy.deepcopy(function)
    twin.body = [marks.visit(statement) for statement in twin.body]
    return TracedScript(ast.fix_missing_locations(twin), list(marks.places), marks.comparisons)


class _Marker(ast.NodeTransformer):
    def __init__(self, source: SourceText) -> None:
        self._source = source
        self.places: dict[str, int] = {}
        self.comparisons: list[TracedComparison] = []
        self._nested = 0

    def _mark(self, node: Placed, last: ast.expr) -> ast.expr:
        """Return `last`, evaluated last before `node` acts, so that it notes the place first."""
        place = ast.Constant(self._place(node))
        return ast.copy_location(_call("_duly_mark", place, last), last)

    def _place(self, node: Placed) -> int:
        place = self._source.place(node.lineno, node.col_offset)
        return self.places.setdefault(place, len(self.places))

    # --- expressions that can raise

    def visit_Attribute(self, node: ast.Attribute) -> ast.Attribute:
        self.generic_visit(node)
        node.value = self._mark(node, node.value)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.Subscript:
        self.generic_visit(node)
        if isinstance(node.slice, ast.Slice):
            node.value = self._mark(node, node.value)
        else:
            node.slice = self._mark(node, node.slice)
        return node

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id.startswith("_duly_"):
            return node
        if node.keywords:
            node.keywords[-1].value = self._mark(node, node.keywords[-1].value)
        elif node.args:
            node.args[-1] = self._mark_argument(node, node.args[-1])
        elif isinstance(node.func, ast.Attribute):
            node.func.value = self._mark(node, node.func.value)
        return node

    def _mark_argument(self, node: ast.Call, argument: ast.expr) -> ast.expr:
        if isinstance(argument, ast.Starred):
            argument.value = self._mark(node, argument.value)
            return argument
        return self._mark(node, argument)

    def visit_BinOp(self, node: ast.BinOp) -> ast.BinOp:
        self.generic_visit(node)
        node.right = self._mark(node, node.right)
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.UnaryOp:
        self.generic_visit(node)
        node.operand = self._mark(node, node.operand)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.Compare:
        self.generic_visit(node)
        node.comparators[-1] = self._mark(node, node.comparators[-1])
        return node

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.FormattedValue:
        self.generic_visit(node)
        node.value = self._mark(node.value, node.value)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
        self.generic_visit(node)
        node.iter = self._mark(node.iter, node.iter)
        return node

    # --- statements that can raise

    def visit_Assign(self, node: ast.Assign | ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        node.value = self._mark(node, node.value)
        return node

    visit_AugAssign = visit_Assign  # noqa: N815  # a name of ast

    def visit_For(self, node: ast.For) -> ast.For:
        self.generic_visit(node)
        node.iter = self._mark(node.iter, node.iter)
        return node

    def visit_Raise(self, node: ast.Raise) -> ast.Raise:
        self.generic_visit(node)
        if node.exc is not None:
            node.exc = self._mark(node, node.exc)
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.Assert:
        self.generic_visit(node)
        node.test = self._mark(node, node.test)
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
            node.value = self._mark(node, value)
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
        number, place = len(self.comparisons), self._place(node)
        where = self._source.place(node.lineno, node.col_offset)
        operators = [_SYMBOLS[type(operator)] for operator in node.ops]
        self.comparisons.append(TracedComparison(where, self._source.segment(node), operators))
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
    """Return whether `:=` is inside, which would lose its scope in a lambda."""
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
