"""Python scripts with forbidden content are refused with place and reason (R6, R18)."""

from __future__ import annotations

import pytest

from streams.scripts.language import NotCompiled
from streams.scripts.python_source.program import read_script


def refusal(source: str) -> str:
    """Return why a script is refused; it is no error of this test only if it is."""
    with pytest.raises(NotCompiled) as refused:
        read_script(source)
    return str(refused.value)


def in_def(statements: str, value: str = "True") -> str:
    """Return a def with `statements` before it returns `value`."""
    lines = [f"    {line}" for line in statements.splitlines()]
    return "\n".join(["def check(data, ctx):", *lines, f"    return {value}"])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "the script is empty"),
        (" \n\n", "the script is empty"),
        ('data["a"] ==', "python, line 1, column 13: invalid syntax"),
        (
            "def check(data, ctx):\n    return data[",
            "python, line 2, column 16: '[' was never closed",
        ),
        ("def check(data, ctx):\nreturn True", "line 2, column 1: expected an indented block"),
        ("return True", "written without return, or as a whole def"),
        ("x = 1", "line 1, column 1: a script is one expression"),
        ("import json\ndata['a']", "line 2, column 1: a script is one expression"),
        ("def a(d, c): return 1\ndef b(d, c): return 2", "this has 2 statements"),
        ("# nothing but a comment", "line 1, column 1: a script is one expression"),
        ("async def check(data, ctx): return True", "a script is one expression"),
        (
            "@cached\ndef check(data, ctx): return True",
            "line 1, column 2: a script takes no decorator",
        ),
        ("lambda data: True", "must take two arguments"),
        ("lambda data, ctx, more: True", "must take two arguments"),
        ("lambda data, ctx, *, more: True", "must take two arguments"),
        ("def check(): return True", "must take two arguments"),
        ('"\ud800" == 1', "surrogates not allowed"),
        ("a\0b", "null bytes"),
        ("1" * 5_000, "Exceeds the limit"),
        ("True and " * 5_000 + "True", "the script has 45,004 characters, at most 32,768"),
        ("not " * 8_000 + "True", "nested too deeply"),
        ("1" + "+1" * 15_000, "nested too deeply"),
        ("data" + "[0]" * 10_000, "nested too deeply"),
        ("(" * 300 + "1" + ")" * 300, "too many nested parentheses"),
    ],
)
def test_R18_what_is_no_script_is_refused_with_its_place(source: str, message: str) -> None:
    assert message in refusal(source)


@pytest.mark.parametrize(
    "source",
    [
        "lambda d, c, limit=5: True",
        "lambda *both: True",
        "lambda d, /, c: True",
        "lambda d, *c: True",
    ],
)
def test_a_function_that_can_take_two_arguments_will_do(source: str) -> None:
    read_script(source)


@pytest.mark.parametrize(
    ("statements", "place"),
    [
        ("import time", "line 2, column 5: module 'time'"),
        ("import json, random", "line 2, column 5: module 'random'"),
        ("from uuid import uuid4", "module 'uuid'"),
        ("import secrets as s", "module 'secrets'"),
        ("import datetime as dt\nx = dt.datetime.now()", "line 3, column 9: 'now'"),
        ("from datetime import date\nx = date.today()", "line 3, column 9: 'today'"),
        ("from datetime import datetime\nx = datetime.utcnow()", "'utcnow'"),
    ],
)
def test_R6_scripts_have_no_clock_and_no_randomness(statements: str, place: str) -> None:
    message = refusal(in_def(statements))
    assert place in message
    assert "no clock and no randomness" in message


@pytest.mark.parametrize("name", ["id", "hash"])
def test_R6_what_differs_from_process_to_process_is_refused(name: str) -> None:
    assert "differs from process to process" in refusal(f"{name}(data) > 0")


@pytest.mark.parametrize(
    "statements",
    [
        "global seen\nseen = 1",
        "import decimal\ndecimal.getcontext().prec = 3",
        "from decimal import setcontext",
    ],
)
def test_R6_nothing_lasts_from_one_call_to_the_next(statements: str) -> None:
    assert "keep nothing from one call to the next" in refusal(in_def(statements))


@pytest.mark.parametrize(
    "module", ["os", "sys", "subprocess", "socket", "pathlib", "asyncio", "csv"]
)
def test_other_modules_are_refused_and_the_allowed_ones_named(module: str) -> None:
    message = refusal(in_def(f"import {module}"))
    assert (
        f"line 2, column 5: module '{module}' is not available: scripts may import base64"
        in message
    )


@pytest.mark.parametrize(
    "statements",
    ["from . import x", "from .. import os", "from json import *", "import json.decoder"],
)
def test_odd_imports_are_refused(statements: str) -> None:
    assert "line 2, column 5" in refusal(in_def(statements))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("data.__class__", "line 1, column 1: '__class__' is not available"),
        ("__import__('os')", "'__import__' is not available"),
        ("eval(data['x'])", "'eval' is not available: a script sees its own names only"),
        ("open('/etc/passwd')", "'open' is not available: scripts have no files"),
        ("getattr(data, 'x')", "use isinstance, `in` or .get()"),
        (in_def("match data:\n    case object(__class__=c):\n        pass"), "'__class__' is not"),
        (in_def("eval = 5"), "the name 'eval' is reserved"),
        (in_def("import json as exec"), "the name 'exec' is reserved"),
        (in_def("_duly_texts = 5"), "the name '_duly_texts' is reserved"),
        ("_duly_texts", "the name '_duly_texts' is not defined"),
        (in_def("def inner(_duly_load): pass"), "is reserved"),
        (in_def("try:\n    pass\nexcept ValueError as __x__:\n    pass"), "is reserved"),
        (in_def("match data:\n    case {**vars}:\n        pass"), "'vars' is reserved"),
    ],
)
def test_a_script_cannot_name_what_is_around_it(source: str, message: str) -> None:
    assert message in refusal(source)


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("data['a'] == true", "the name 'true' is not defined; did you mean 'True'?"),
        ("dta['a'] == 1", "the name 'dta' is not defined; did you mean 'data'?"),
        ("requests", "the name 'requests' is not defined"),
        (in_def("total = 1", "totl"), "line 3, column 12: the name 'totl' is not defined"),
    ],
)
def test_an_unknown_name_is_refused_with_a_hint(source: str, hint: str) -> None:
    assert hint in refusal(source)


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        ("del data['a']", "no del statement"),
        ("x = [(yield 1)]", "no generators"),
        ("yield from data", "no generators"),
        ("class A(dict):\n    pass", "a class in a script cannot inherit"),
        ("async def inner():\n    pass", "nothing in it is async"),
    ],
)
def test_what_the_sandbox_lacks_is_refused_in_words(statements: str, message: str) -> None:
    assert message in refusal(in_def(statements))


@pytest.mark.parametrize(
    "source",
    [
        in_def(
            "import re, math\nfrom decimal import Decimal as D\nfrom collections import Counter"
        ),
        in_def("id = data['id']\nopen = data['open']", "id == open"),
        in_def("class Line:\n    price = 5\nlines = [Line() for _ in data]"),
        in_def("def inner(x):\n    return x['now']\n[first, *rest] = data['list']"),
        in_def("total = 0\nfor n, (a, b) in data['rows']:\n    total += a * b"),
    ],
)
def test_ordinary_python_is_not_refused(source: str) -> None:
    read_script(source)
