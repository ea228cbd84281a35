"""Rewrites what Monty silently evaluates differently from CPython.

Monty 1.4 evaluates generator expressions, `map`, `filter`, `zip`, `enumerate` and `reversed` at
once, to lists. Where all of one is consumed anyway, that makes no difference. `any`, `all` and
`next` stop early in CPython, so `any(d["data"]["plan"] == "pro" for d in deps)` would fail here on
an event behind the one that decides; they are rewritten into loops that stop. Everywhere else a lazy
value is refused: `list(...)` around it says what happens.

Monty also lacks unbound methods (`str.lower` as a key), rounds half the wrong way, and would send
what is printed to us; the first is rewritten here, the others get a function in `program`.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NoReturn, TypeGuard

from streams.scripts.python_source.parsing import refuse
from streams.scripts.python_source.rules import bound_names, words

if TYPE_CHECKING:
    from collections.abc import Collection

    from streams.scripts.python_source.parsing import SourceText

_HARMLESS_LAZY = frozenset(("zip", "enumerate", "reversed"))
_LAZY = _HARMLESS_LAZY | {"map", "filter"}
"""Of these the harmless run no code of the script, so that nobody sees when they are evaluated."""

_CONSUMERS = words("dict frozenset list max min set sorted sum tuple")
_IMPORTED_CONSUMERS = words("Counter OrderedDict deque fsum prod reduce")
_CONSUMING_METHODS = _IMPORTED_CONSUMERS | words(
    "difference extend fromkeys intersection issubset join symmetric_difference union update"
)

_UNBOUND_TYPES = words("bytes dict float frozenset int list set str tuple")
_CLASS_METHODS = words("fromhex fromkeys")

STEPPERS = frozenset(("any", "all", "next"))


def rewrite_differences(source: SourceText, function: ast.FunctionDef) -> ast.FunctionDef:
    """Return the script with the meaning that it has in CPython.

    Raises:
        NotCompiled: it holds a lazy value where the difference would show.
    """
    rewritten = _Rewriter(source, _Builtins(bound_names(function))).visit(function)
    return ast.fix_missing_locations(rewritten)


class _Builtins:
    """Recognizes builtin functions, unless the script has its own of the name.

    Args:
        bound: names that the script binds.
    """

    def __init__(self, bound: Collection[str]) -> None:
        self._bound = bound

    def name_of(self, node: ast.expr) -> str | None:
        """Return the name of the builtin that a node is, None if it is none."""
        return node.id if isinstance(node, ast.Name) and node.id not in self._bound else None

    def is_lazy(self, node: ast.expr, names: Collection[str]) -> TypeGuard[ast.Call]:
        """Return True if a node is a call of one of these builtins."""
        return isinstance(node, ast.Call) and self.name_of(node.func) in names

    def consumes(self, function: ast.expr) -> bool:
        """Return True if a function consumes its arguments to their end at once."""
        if isinstance(function, ast.Attribute):
            return function.attr in _CONSUMING_METHODS
        if self.name_of(function) in _CONSUMERS:
            return True
        return isinstance(function, ast.Name) and function.id in _IMPORTED_CONSUMERS


class _Rewriter(ast.NodeTransformer):
    """Every lazy value is met by the node that takes it; one that is visited itself is refused."""

    def __init__(self, source: SourceText, builtins: _Builtins) -> None:
        self._source = source
        self._builtins = builtins
        self._early_exits = _EarlyExits(self, source, builtins)

    # --- where lazy values are taken

    def visit_Call(self, node: ast.Call) -> ast.expr:
        name = self._builtins.name_of(node.func)
        if name in STEPPERS and node.args:
            return self._early_exits.call(name, node)
        if name in _LAZY:
            self._refuse(node, f"{name}(...)")
        node.func = self.visit(node.func)
        take = self._take_all if self._builtins.consumes(node.func) else self.visit
        node.args = [take(argument) for argument in node.args]
        for keyword in node.keywords:
            keyword.value = self.visit(keyword.value)
        return node

    def visit_Starred(self, node: ast.Starred) -> ast.Starred:
        node.value = self._take_all(node.value)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
        node.iter = self._take_all(node.iter)
        node.target = self.visit(node.target)
        node.ifs = [self.visit(test) for test in node.ifs]
        return node

    def visit_For(self, node: ast.For) -> ast.For:
        take = self.take_some if _may_end_early(node.body) else self._take_all
        node.iter = take(node.iter)
        node.target = self.visit(node.target)
        node.body = [self.visit(statement) for statement in node.body]
        node.orelse = [self.visit(statement) for statement in node.orelse]
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.Assign:
        unpacks = isinstance(node.targets[0], ast.Tuple | ast.List)
        node.value = self._take_all(node.value) if unpacks else self.visit(node.value)
        node.targets = [self.visit(target) for target in node.targets]
        return node

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> NoReturn:
        self._refuse(node, "a generator expression")

    def _take_all(self, node: ast.expr) -> ast.expr:
        """Return a value that is consumed to its end at once, lazy or not."""
        if isinstance(node, ast.GeneratorExp):
            return self.visit(ast.copy_location(ast.ListComp(node.elt, node.generators), node))
        if self._builtins.is_lazy(node, _LAZY):
            node.args = [self._take_all(argument) for argument in node.args]
            return node
        return self.visit(node)

    def take_some(self, node: ast.expr) -> ast.expr:
        """Return a value whose end may not be reached."""
        if self._builtins.is_lazy(node, _HARMLESS_LAZY):
            node.args = [self.take_some(argument) for argument in node.args]
            return node
        return self.visit(node)

    # --- unbound methods

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        is_type = self._builtins.name_of(node.value) in _UNBOUND_TYPES
        if is_type and isinstance(node.ctx, ast.Load) and node.attr not in _CLASS_METHODS:
            return ast.copy_location(_unbound(node.attr), node)
        self.generic_visit(node)
        return node

    def _refuse(self, node: ast.expr, what: str) -> NoReturn:
        reason = (
            f"{what} is evaluated at once by the sandbox, unlike in python; "
            "here the difference could show: put list(...) around it"
        )
        refuse(self._source, node, reason)


class _EarlyExits:
    """Rewrites any, all and next into loops that stop early.

    Args:
        rewriter: of everything inside.
        source: the script.
        builtins: recognizes them.
    """

    def __init__(self, rewriter: _Rewriter, source: SourceText, builtins: _Builtins) -> None:
        self._rewriter = rewriter
        self._source = source
        self._builtins = builtins
        self._depth = 0

    def call(self, name: str, node: ast.Call) -> ast.expr:
        """Return a call of `any`, `all` or `next` that stops where CPython stops."""
        generator = self._as_generator(node.args[0])
        others = [self._rewriter.visit(argument) for argument in node.args[1:]]
        if generator is None:
            return self._eager_call(name, node, others)
        if any(isinstance(inner, ast.NamedExpr) for inner in ast.walk(generator)):
            reason = f"assign before {name}(), as := inside it would be lost"
            refuse(self._source, generator, reason)
        first = self._rewriter.take_some(generator.generators[0].iter)
        step = self._step(name, generator.elt, generator.generators)
        call = ast.Call(_name(f"_duly_{name}"), [first, step, *others], [])
        return ast.copy_location(call, node)

    def _eager_call(self, name: str, node: ast.Call, others: list[ast.expr]) -> ast.Call:
        items = self._rewriter.take_some(node.args[0])
        if name == "next" and self._builtins.is_lazy(items, _HARMLESS_LAZY):
            items = ast.copy_location(ast.Call(_name("iter"), [items], []), items)
        node.args = [items, *others]
        return node

    def _as_generator(self, node: ast.expr) -> ast.GeneratorExp | None:
        """Return a generator expression, and what is short for one: map and filter over one."""
        if isinstance(node, ast.GeneratorExp):
            return node
        if not self._builtins.is_lazy(node, _LAZY - _HARMLESS_LAZY) or len(node.args) != 2:  # noqa: PLR2004  # function, items
            return None
        function, items = node.args
        item = f"_duly_item{self._depth}"
        loop = ast.comprehension(_name(item, ast.Store()), items, [], 0)
        result: ast.expr = _name(item)
        if not (isinstance(function, ast.Constant) and function.value is None):
            result = ast.Call(function, [_name(item)], [])
        if self._builtins.name_of(node.func) == "filter":
            loop.ifs = [result]
            result = _name(item)
        return ast.copy_location(ast.GeneratorExp(result, [loop]), node)

    def _step(self, name: str, elt: ast.expr, loops: list[ast.comprehension]) -> ast.Lambda:
        """Return a function from one item of the first loop to the list of its 0 or 1 results.

        A comprehension over the one item binds any target, as `k, v` or `(a, *b)`, as a loop does.
        """
        loop, *inner = loops
        item = f"_duly_x{self._depth}"
        self._depth += 1
        clauses = [
            ast.comprehension(
                self._rewriter.visit(loop.target),
                ast.List([_name(item)], ast.Load()),
                [self._rewriter.visit(test) for test in loop.ifs],
                0,
            )
        ]
        if not inner:
            result = self._rewriter.visit(elt)
        else:
            items, step = self._rewriter.take_some(inner[0].iter), self._step(name, elt, inner)
            result = ast.Call(_name(f"_duly_{_INNER[name]}"), [items, step], [])
            if name == "next":
                found = f"_duly_found{self._depth}"
                clauses.append(ast.comprehension(_name(found, ast.Store()), result, [], 0))
                result = _name(found)
        self._depth -= 1
        body = ast.ListComp(result, clauses)
        return ast.Lambda(ast.arguments([], [ast.arg(item)], None, [], [], None, []), body)


_INNER = {"any": "any", "all": "all", "next": "first"}


def _name(name: str, ctx: ast.expr_context | None = None) -> ast.Name:
    return ast.Name(name, ctx or ast.Load())


def _unbound(method: str) -> ast.expr:
    """Return what `str.lower` is short for: a function that calls the method of its argument."""
    text = f"lambda _duly_self, *_duly_rest: _duly_self.{method}(*_duly_rest)"
    return ast.parse(text, mode="eval").body


def _may_end_early(statements: list[ast.stmt]) -> bool:
    """Return True if a loop with this body may stop before the last item."""
    early = ast.Break | ast.Return | ast.Raise
    return any(isinstance(node, early) for statement in statements for node in ast.walk(statement))
