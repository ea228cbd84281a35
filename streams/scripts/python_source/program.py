"""The two programs that the sandbox runs for a python script, and the lines that they print.

Each takes the texts `[data, ctx, data, ctx, …]` and prints a line for each pair, so that what was
answered before a limit struck is known. A line begins with the mark of its request, which no script
knows, and the number of its pair: whatever else is printed is no answer, and none is another's.

The script stands in `_duly_make`, which is called anew for each pair: a default value or an inner
function never outlives its call.
"""

from __future__ import annotations

import ast
from typing import NamedTuple

from streams.scripts.python_source.cpython_compat import rewrite_differences
from streams.scripts.python_source.parsing import SourceText, read_function
from streams.scripts.python_source.rules import bound_names, check_rules
from streams.scripts.python_source.tracing import TracedComparison, add_tracing

TEXTS = "_duly_texts"
"""The global that holds the texts of data and ctx."""

MARK = "_duly_request"
"""The global that holds the mark of the request."""

TRUE, FALSE, NONE = "1", "0", "n"
"""Lines of plain answers. All others are JSON lists, see `_ANSWER` and `_EXPLAIN`."""


class PythonPrograms(NamedTuple):
    """The programs of a script, and the tables to read what they print."""

    answer: str
    """Prints `1`, `0`, `n`, `["other", type, value]`, `["error", type, message]` or
    `["data", message]`."""

    explain: str
    """Prints `[place, [[comparison, operator, left, right, result], …]]`, the first three as
    numbers."""

    places: list[str]
    comparisons: list[TracedComparison]


def marked_lines(printed: str, mark: str, most: int) -> list[str]:
    """Return the lines that a program printed for the first of `most` pairs, without their marks."""
    lines: list[str] = []
    for line in printed.split("\n")[:-1]:
        if line.startswith(mark):
            if len(lines) == most or not line.startswith(start := f"{mark} {len(lines)} "):
                break
            lines.append(line[len(start) :])
    return lines


def read_script(text: str) -> PythonPrograms:
    """Return the programs of a python script.

    Raises:
        NotCompiled: with line, column and reason.
    """
    source = SourceText(text)
    function = read_function(source)
    check_rules(source, function)
    function = rewrite_differences(source, function)
    twin = add_tracing(source, function)
    return PythonPrograms(
        _program(function, _ANSWER),
        _program(twin.function, _EXPLAIN),
        twin.places,
        twin.comparisons,
    )


def _program(function: ast.FunctionDef, main: str) -> str:
    names = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
    replaced = sorted((names & _REPLACED.keys()) - bound_names(function))
    texts = [text for name, text in _HELPERS.items() if name in names]
    texts += [_REPLACED[name] for name in replaced]
    return "\n".join([_LOAD, *texts, ast.unparse(_made(function, replaced)), main])


def _made(function: ast.FunctionDef, replaced: list[str]) -> ast.FunctionDef:
    """Return the function that makes the script's function, with some builtins replaced in its scope."""
    body: list[ast.stmt] = [
        ast.Assign([ast.Name(name, ast.Store())], ast.Name(f"_duly_{name}", ast.Load()))
        for name in replaced
    ]
    body += [function, ast.Return(ast.Name(function.name, ast.Load()))]
    nothing = ast.arguments([], [], None, [], [], None, [])
    return ast.fix_missing_locations(ast.FunctionDef("_duly_make", nothing, body, []))


_LOAD = """\
import json as _duly_json
_duly_load = _duly_json.loads
_duly_dump = _duly_json.dumps
"""

_HELPERS = {
    "_duly_any": """\
def _duly_any(items, step):
    for item in items:
        for result in step(item):
            if result:
                return True
    return False
""",
    "_duly_all": """\
def _duly_all(items, step):
    for item in items:
        for result in step(item):
            if not result:
                return False
    return True
""",
    "_duly_next": """\
def _duly_next(items, step, *default):
    for item in items:
        for result in step(item):
            return result
    if default:
        return default[0]
    raise StopIteration
""",
    "_duly_first": """\
def _duly_first(items, step):
    for item in items:
        for result in step(item):
            return [result]
    return []
""",
}

_REPLACED = {
    "print": """\
def _duly_print(*values, **options):
    return None
""",
    "round": """\
_duly_round_half = round
def _duly_round(number, ndigits=None):
    if isinstance(number, float) and isinstance(ndigits, int) and ndigits >= 0:
        return float(f"{number:.{ndigits}f}")
    return _duly_round_half(number) if ndigits is None else _duly_round_half(number, ndigits)
""",
}

_ANSWER = """\
def _duly_other(value):
    if isinstance(value, float) or isinstance(value, int) and -(10**40) < value < 10**40:
        return ["other", type(value).__name__, str(value)]
    if isinstance(value, str):
        return ["other", "str", repr(value[:40])]
    return ["other", type(value).__name__, ""]

def _duly_main(texts):
    for at in range(0, len(texts), 2):
        try:
            data = _duly_load(texts[at])
            ctx = _duly_load(texts[at + 1])
        except BaseException as error:
            print(_duly_request, at // 2, _duly_dump(["data", str(error)[:300]]))
            continue
        try:
            value = _duly_make()(data, ctx)
        except BaseException as error:
            name = type(error).__name__
            print(_duly_request, at // 2, _duly_dump(["error", name, str(error)[:300]]))
            continue
        if value is True:
            print(_duly_request, at // 2, 1)
        elif value is False:
            print(_duly_request, at // 2, 0)
        elif value is None:
            print(_duly_request, at // 2, "n")
        else:
            print(_duly_request, at // 2, _duly_dump(_duly_other(value)))

_duly_main(_duly_texts)
"""

_EXPLAIN = """\
_duly_place = [None]
_duly_seen = []

def _duly_mark(place, value):
    _duly_place[0] = place
    return value

def _duly_is_scalar(value):
    return value is None or isinstance(value, (bool, int, float, str))

def _duly_show(value):
    if isinstance(value, str):
        return repr(value[:80])
    if isinstance(value, int) and not -(10**80) < value < 10**80:
        return "<a very large int>"
    if _duly_is_scalar(value):
        return str(value)
    if isinstance(value, (list, tuple, set)) and len(value) <= 10:
        if all([_duly_is_scalar(item) for item in value]):
            return repr(value)[:160]
    if isinstance(value, (list, tuple, set, dict)):
        return f"<{type(value).__name__} of {len(value)}>"
    return f"<{type(value).__name__}>"

def _duly_compare(number, place, sides, operators):
    left = sides[0]()
    for at in range(len(operators)):
        right = sides[at + 1]()
        _duly_place[0] = place
        result = operators[at](left, right)
        if not result or at == len(operators) - 1:
            _duly_seen.append([number, at, _duly_show(left), _duly_show(right), bool(result)])
            return result
        left = right

def _duly_main(texts):
    for at in range(0, len(texts), 2):
        _duly_place[0] = None
        _duly_seen.clear()
        try:
            _duly_make()(_duly_load(texts[at]), _duly_load(texts[at + 1]))
        except BaseException:
            pass
        print(_duly_request, at // 2, _duly_dump([_duly_place[0], _duly_seen]))

_duly_main(_duly_texts)
"""
