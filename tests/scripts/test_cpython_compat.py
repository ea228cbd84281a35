"""The sandbox answers as CPython does, or the script is refused."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from streams.scripts.language import NotCompiled
from streams.scripts.python_source.program import read_script
from tests.scripts.corpus import CORPUS, EVENTS

if TYPE_CHECKING:
    from tests.scripts.conftest import Asker


def in_cpython(source: str, data: Any, ctx: Any) -> tuple[str, str]:
    """Return the outcome of a script in CPython, and the name of its exception."""
    try:
        if source.startswith("def "):
            names: dict[str, Any] = {}
            exec(source, names)  # our own corpus
            function = names[source.removeprefix("def ").partition("(")[0]]
        elif source.startswith("lambda"):
            function = eval(source)  # our own corpus
        else:
            function = eval(f"lambda data, ctx: ({source}\n)")  # our own corpus
        value = function(copy.deepcopy(data), copy.deepcopy(ctx))
    except Exception as error:  # noqa: BLE001  # whatever CPython says
        return "error", type(error).__name__
    return {True: "true", False: "false", None: "none"}[value], ""


@pytest.mark.parametrize("name", CORPUS)
def test_the_corpus_is_answered_as_by_cpython(ask: Asker, name: str) -> None:
    for data, ctx in EVENTS:
        outcome, error = in_cpython(CORPUS[name], data, ctx)
        answer = ask(CORPUS[name], data, ctx)
        assert answer.outcome == outcome, answer.detail
        assert error in answer.detail


def test_the_corpus_holds_every_outcome() -> None:
    """Else its answers would prove little."""
    found = {in_cpython(source, *event)[0] for source in CORPUS.values() for event in EVENTS}
    assert found == {"true", "false", "error"}


PLANS: dict[str, Any] = {
    "deps": [{"data": {"plan": "pro"}}, {"data": {}}, {"data": {"plan": "free"}}]
}

SHORT_CIRCUITS = [
    'any(d["data"]["plan"] == "pro" for d in ctx["deps"])',
    'any(d["data"]["plan"] == "free" for d in ctx["deps"])',
    'any(d["data"]["plan"] == "free" for d in ctx["deps"] if "plan" in d["data"])',
    'not all(d["data"]["plan"] != "pro" for d in ctx["deps"])',
    'all(d["data"]["plan"] == "pro" for d in ctx["deps"])',
    'next(d["data"]["plan"] for d in ctx["deps"]) == "pro"',
    'next((d for d in ctx["deps"] if d["data"]["plan"] == "free"), None) is None',
    'next((d for d in ctx["deps"] if d["data"].get("plan") == "free"), None) is not None',
    'next((d for d in ctx["deps"] if d["data"].get("plan") == "x"), None) is None',
    'next(d for d in ctx["deps"] if d["data"].get("plan") == "x")',
    'any(1 / (k - 2) > 0 for d in ctx["deps"] for k in range(4) if d["data"])',
    'all(k / (k - 2) <= 0 for d in ctx["deps"] if d["data"] for k in range(3))',
    "next(a + b for a in range(3) for b in range(3) if a * b == 2) == 3",
    "next((10 // b for a in range(2) for b in range(a, 2) if b), 0) == 10",
    'any(k == "plan" and v == "pro" for d in ctx["deps"] for k, v in d["data"].items())',
    "any(b == 3 and rest == [4] for a, (b, *rest) in [(1, (2,)), (1, (3, 4)), 5])",
    'any(map(lambda d: d["data"]["plan"] == "pro", ctx["deps"]))',
    'all(map(lambda d: d["data"]["plan"] == "pro", ctx["deps"]))',
    'next(filter(lambda d: d["data"]["plan"] == "pro", ctx["deps"])) is not None',
    "any(filter(None, [0, 0, 5])) is True",
    "any(map(str.isdigit, ['a', '5', 6]))",
    "any([]) is False and all([]) is True and any(x for x in []) is False",
    "any([0, 1]) and not all(d for d in [1, 0, 1])",
    "sum(1 for d in ctx['deps'] if any(k == 'plan' for k in d['data'])) == 2",
    "any(all(x > 0 for x in row) for row in [[1, 0], [1, 2], 5])",
    "next(iter(ctx['deps']))['data']['plan'] == 'pro'",
    "next(reversed(ctx['deps']))['data']['plan'] == 'free'",
    "next(zip([1], [2])) == (1, 2) and next(enumerate('ab')) == (0, 'a')",
    "all(a == b for a, b in zip([1, 2], [1, 2])) and any(i == 1 for i, _ in enumerate('abc'))",
    "max(x for x in [1, 3, 2]) == 3 and sorted(-x for x in [1, 2])[0] == -2",
    "','.join(str(x) for x in [1, 2]) == '1,2' and set(x for x in [1, 1]) == {1}",
    "dict((k, v) for k, v in zip('ab', [1, 2])) == {'a': 1, 'b': 2}",
    "[*map(int, ['1', '2'])] == [1, 2] and sum(filter(None, [1, None, 2])) == 3",
    "def check(data, ctx):\n    a, b = map(int, ['1', '2'])\n    return a < b",
    (
        "def check(data, ctx):\n    for i, d in enumerate(ctx['deps']):\n        if i == 1:\n"
        "            return d['data'] == {}\n    return False"
    ),
    (
        "def check(data, ctx):\n    found = []\n    for x in map(int, ['1', '2']):\n"
        "        found.append(x)\n    return found == [1, 2]"
    ),
    "def check(data, ctx):\n    any = lambda xs: 'mine'\n    return any([]) == 'mine'",
    "round(2.675, 2) == 2.67 and round(0.5) == 0 and round(1.5) == 2 and round(-2.5) == -2",
    "round(1.005, 2) == 1.0 and round(1234, -2) == 1200 and round(5, 2) == 5 and round(2.5, 0) == 2.0",
    "sorted(['b', 'A'], key=str.lower) == ['A', 'b'] and list(map(str.strip, [' a '])) == ['a']",
    "dict.fromkeys(['a']) == {'a': None} and dict.fromkeys('ab', 1)['b'] == 1",
]


@pytest.mark.parametrize("source", SHORT_CIRCUITS)
def test_generators_stop_where_they_stop_in_cpython(ask: Asker, source: str) -> None:
    outcome, error = in_cpython(source, {}, PLANS)
    answer = ask(source, {}, PLANS)
    assert answer.outcome == outcome, answer.detail
    assert error in answer.detail


@pytest.mark.parametrize(
    "source",
    [
        "(x for x in data) is None",
        '5 in (x["a"] for x in data)',
        "lambda data, ctx: [g := (x for x in data), any(g)][1]",
        "def check(data, ctx):\n    pairs = zip(data, data)\n    return next(pairs) == 1",
        "def check(data, ctx):\n    plans = (d['plan'] for d in data)\n    return 'pro' in plans",
        "def check(data, ctx):\n    for x in map(int, data):\n        if x:\n            return True\n    return False",
        "def check(data, ctx):\n    for x in (int(d) for d in data):\n        break\n    return False",
        "any(x > 1 for x in map(int, data))",
        "any(x > 1 for x in (int(d) for d in data))",
        "def check(data, ctx):\n    return helper(x for x in data)\n".replace("helper", "len"),
        "any((y := x) > 1 for x in data)",
        "next(map(int, data, data))",
    ],
)
def test_a_lazy_value_whose_laziness_could_show_is_refused(source: str) -> None:
    with pytest.raises(NotCompiled, match=r"python, line \d+, column \d+: "):
        read_script(source)
