"""Source of a script: one self-contained `def`, with all that the function reads from outside."""

from __future__ import annotations

import ast
import builtins
import copy
import inspect
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from producer_sdk._capture._literals import HELPER_IMPORTS, literal
from producer_sdk._capture._outside_names import check_imports, import_of, outside_names
from producer_sdk._capture._syntax_tree import function_node
from producer_sdk._errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from producer_sdk._capture._syntax_tree import FunctionNode

T = TypeVar("T")

Scope: TypeAlias = "Mapping[str, object]"
"""Names bound around a definition in the script, with their values."""

MAX_SOURCE_CHARS = 16_384
MAX_FUNCTIONS = 30
_SCRIPT_ARGUMENTS = 2
_LOCAL = object()

_REFUSED: dict[type[ast.AST], str] = {
    ast.ClassDef: "a class",
    ast.Global: "global",
    ast.Nonlocal: "nonlocal",
    ast.Delete: "del",
    ast.Yield: "yield",
    ast.YieldFrom: "yield",
    ast.AsyncFunctionDef: "async def",
}


def source_of(function: object, name: str) -> str:
    """Return the source of a filter or validator as one `def` of two arguments, data and ctx.

    Imports, constants and helper functions that it reads from outside, and the defaults of further
    arguments, are written into its body, because the sandbox does not have the function's module.
    Comments, docstrings and annotations are left out.

    Args:
        function: the caller's function.
        name: the name for a lambda.

    Raises:
        CaptureError: it cannot be sent with the same meaning; the text continues "NAME was not sent:".
    """
    if not isinstance(function, FunctionType):
        raise CaptureError(
            f"it is of type {type(function).__name__}; pass a def or a lambda of (data, ctx)"
        )
    own_name = function.__name__
    if not own_name.isidentifier() or hasattr(builtins, own_name):
        own_name = name
    definition = _ScriptBuilder().define(function, own_name, {own_name: function})
    _take_two_arguments(definition, own_name)
    definition.body[:0] = _imports_of_literals(definition)
    return _unparse(definition)


class _ScriptBuilder:
    """Builds the definitions of one script, up to a maximum number of functions."""

    def __init__(self) -> None:
        self._functions = 0

    def define(self, function: FunctionType, name: str, scope: Scope) -> ast.FunctionDef:
        """Return the definition of `function` as `name`, with its outside names bound in its body."""
        self._functions += 1
        if self._functions > MAX_FUNCTIONS:
            raise CaptureError(f"it needs more than {MAX_FUNCTIONS} functions")
        node = _own_node(function)
        definition = cast("ast.FunctionDef", ast.parse(f"def {name}(): pass").body[0])
        definition.args = node.args
        definition.body = [ast.Return(node.body)] if isinstance(node, ast.Lambda) else node.body
        _fill_defaults(definition.args, function)
        definition.body[:0] = self._bindings(function, scope)
        return definition

    def _bindings(self, function: FunctionType, scope: Scope) -> list[ast.stmt]:
        """Return the statements that bind the names which `function` reads from outside.

        Imports come first, then constants, then helper functions. A name that an outer definition
        binds to the same value is not bound again, so mutual recursion ends.
        """
        outside = outside_names(function)
        if hidden := sorted(outside.builtins.intersection(scope)):
            raise CaptureError(f"uses the builtin {hidden[0]}, whose name another function has")
        code = function.__code__
        local = dict.fromkeys((*code.co_varnames, *code.co_cellvars), _LOCAL)
        inner = {**scope, **local, **outside.values}
        imports: list[ast.stmt] = []
        constants: list[ast.stmt] = []
        helpers: list[ast.stmt] = []
        for name, value in outside.values.items():
            if name in scope and scope[name] is value:
                continue
            imported = _naming(name, lambda n=name, v=value: import_of(n, v))
            if imported is not None:
                imports.append(imported)
            elif isinstance(value, FunctionType):
                helpers.append(self._helper(name, value, inner))
            else:
                constants.append(_assign(name, _value(name, value)))
        return [*imports, *constants, *helpers]

    def _helper(self, name: str, helper: FunctionType, scope: Scope) -> ast.stmt:
        try:
            return self.define(helper, name, scope)
        except CaptureError as error:
            raise CaptureError(f"in the function {name} that it uses: {error}") from error


def _own_node(function: FunctionType) -> FunctionNode:
    """Return a copy of the function's syntax tree; refuse what a script cannot have."""
    flags = function.__code__.co_flags
    if flags & (inspect.CO_COROUTINE | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR):
        raise CaptureError("it is async or a generator; a script must return its answer at once")
    node = copy.deepcopy(function_node(function))
    if isinstance(node, ast.FunctionDef):
        node.decorator_list = []  # the function given is already the one that runs
    for part in ast.walk(node):
        if refused := _REFUSED.get(type(part)):
            raise CaptureError(f"it has {refused}, which a script cannot have")
    check_imports(node)
    return _Cleaner().visit(node)


def _fill_defaults(arguments: ast.arguments, function: FunctionType) -> None:
    """Replace default expressions by their values, because the expressions read outside names."""
    arguments.defaults = [_value("a default", item) for item in function.__defaults__ or ()]
    named: Mapping[str, Any] = function.__kwdefaults__ or {}
    arguments.kw_defaults = [
        _value(item.arg, named[item.arg]) if item.arg in named else None
        for item in arguments.kwonlyargs
    ]


def _take_two_arguments(definition: ast.FunctionDef, name: str) -> None:
    """Keep two arguments; turn further ones into constants in the body."""
    arguments = definition.args
    positional = [*arguments.posonlyargs, *arguments.args]
    missing = len(positional) - len(arguments.defaults)
    defaults = [*[None] * missing, *arguments.defaults]
    further = [
        *zip(positional[_SCRIPT_ARGUMENTS:], defaults[_SCRIPT_ARGUMENTS:], strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    constants = [_assign(item.arg, value) for item, value in further if value is not None]
    variadic = arguments.vararg or arguments.kwarg
    if len(positional) < _SCRIPT_ARGUMENTS or len(constants) < len(further) or variadic:
        raise CaptureError(
            f"{name} must take two arguments, data and ctx, and further ones only with a default"
        )
    definition.args = ast.arguments([], positional[:_SCRIPT_ARGUMENTS], None, [], [], None, [])
    definition.body[:0] = constants


def _imports_of_literals(definition: ast.FunctionDef) -> list[ast.stmt]:
    used = {part.id for part in ast.walk(definition) if isinstance(part, ast.Name)}
    return [statement for name, statement in HELPER_IMPORTS.items() if name in used]


def _unparse(definition: ast.FunctionDef) -> str:
    source = ast.unparse(ast.fix_missing_locations(definition))
    if len(source) > MAX_SOURCE_CHARS:
        raise CaptureError(f"its source has more than {MAX_SOURCE_CHARS} characters")
    if ast.dump(ast.parse(source).body[0]) != ast.dump(definition):
        raise CaptureError("its source cannot be written so that it reads the same")
    return source


def _value(name: str, value: object) -> ast.expr:
    return _naming(name, lambda: literal(value))


def _naming(name: str, attempt: Callable[[], T]) -> T:
    """Call `attempt`; put `name` in front of the text of its CaptureError."""
    try:
        return attempt()
    except CaptureError as error:
        raise CaptureError(f"it uses {name}, which {error}") from error


def _assign(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], value)


class _Cleaner(ast.NodeTransformer):
    """Removes docstrings and annotations, and rewrites f-strings as calls of `str.format`.

    An f-string with nested quotes is valid in some versions of Python only.
    """

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        """Rewrite an f-string as a call of `str.format`."""
        values: list[ast.expr] = []
        template = "".join(self._template(part, values) for part in node.values)
        method = ast.Attribute(ast.Constant(template), "format", ast.Load())
        return ast.Call(method, values, [])

    def _template(self, part: ast.expr, values: list[ast.expr]) -> str:
        """Return the template of one part of an f-string; add its value to `values`."""
        if isinstance(part, ast.FormattedValue):
            values.append(self.visit(part.value))
            conversion = f"!{chr(part.conversion)}" if part.conversion > 0 else ""
            spec = self._spec(part.format_spec, values)
            return f"{{{conversion}{spec}}}"
        text = str(cast("ast.Constant", part).value)
        return text.replace("{", "{{").replace("}", "}}")

    def _spec(self, spec: ast.expr | None, values: list[ast.expr]) -> str:
        if not isinstance(spec, ast.JoinedStr):
            return ""
        text = "".join(self._template(part, values) for part in spec.values)
        if "{{" in text or "}}" in text:
            raise CaptureError("it has a brace in the format of an f-string")
        return f":{text}"

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Remove the docstring and the return annotation."""
        self.generic_visit(node)
        node.returns = None
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Remove the annotation of an argument."""
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Remove the annotation of a variable."""
        self.generic_visit(node)
        return ast.Pass() if node.value is None else ast.Assign([node.target], node.value)
