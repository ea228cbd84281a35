"""Values and failures of python scripts become answers (R4, R6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.scripts.conftest import call, outcomes

if TYPE_CHECKING:
    from tests.scripts.conftest import Asker

EQUAL = 'data["amount"] == ctx["data"]["total"]'

SAME_TEST_IN_EVERY_FORM = [
    EQUAL,
    f"lambda data, ctx: {EQUAL}",
    'lambda event, context: event["amount"] == context["data"]["total"]',
    f"def validate(data, ctx):\n    return {EQUAL}",
    (
        'def validate(event, context, tolerance=0):\n    wanted = context["data"]["total"]\n'
        '    return abs(event["amount"] - wanted) <= tolerance'
    ),
    (
        'def validate(data: dict[str, Any], ctx: "Context") -> bool:\n    """Compare."""\n'
        '    wanted: Money = ctx["data"]["total"]\n    return data["amount"] == wanted'
    ),
    'data["amount"]\n  == ctx["data"]["total"]\n  and True  # on several lines, without brackets',
    f"    {EQUAL}\n",
]


@pytest.mark.parametrize("source", SAME_TEST_IN_EVERY_FORM)
def test_R6_every_form_of_a_script_is_run(ask: Asker, source: str) -> None:
    ctx = {"data": {"total": 5}}
    assert ask(source, {"amount": 5}, ctx).outcome == "true"
    assert ask(source, {"amount": 6}, ctx).outcome == "false"


@pytest.mark.parametrize(
    ("value", "outcome", "words"),
    [
        ("True", "true", ""),
        ("False", "false", "returned False"),
        ("None", "none", "returned None"),
        ("1", "other", "returned 1 (int), not True or False"),
        ("0", "other", "returned 0 (int)"),
        ("1.0", "other", "returned 1.0 (float)"),
        ("'True'", "other", "returned 'True' (str)"),
        ("[True]", "other", "returned a value of type list"),
        ("{}", "other", "returned a value of type dict"),
        ("10**100", "other", "returned a value of type int"),
        ("lambda: True", "other", "returned a value of type function"),
        ("(lambda x: x) and all", "other", "returned a value of type"),
    ],
)
def test_R6_only_the_boolean_True_is_true(ask: Asker, value: str, outcome: str, words: str) -> None:
    answer = ask(f"lambda data, ctx: ({value})")
    assert answer.outcome == outcome
    assert words in answer.detail


def test_R4_a_filter_that_excludes_needs_no_explanation(ask: Asker) -> None:
    excluded = ask(EQUAL, {"amount": 6}, {"data": {"total": 5}}, kind="filter")
    assert excluded == ("false", "")
    assert ask("lambda data, ctx: None", kind="filter") == ("none", "")


@pytest.mark.parametrize(
    ("source", "data", "detail"),
    [
        (EQUAL, {}, "python, line 1, column 1: KeyError: no key 'amount'"),
        (
            (
                'def check(data, ctx):\n    total = 0\n    for item in data["items"]:\n'
                '        total += item["price"] * item["qty"]\n    return total > 0\n'
            ),
            {"items": [{"price": 2, "qty": 1}, {"price": 3}]},
            "python, line 4, column 34: KeyError: no key 'qty'",
        ),
        (
            'data["a"] > 0\nand data["b"] > 0',
            {"a": 1, "b": "x"},
            (
                "python, line 2, column 5: TypeError: "
                "'>' not supported between instances of 'str' and 'int'"
            ),
        ),
        (
            'data["items"][3]',
            {"items": []},
            "python, line 1, column 1: IndexError: list index out of range",
        ),
        ('"é" in data["été"]', {"été": 5}, "python, line 1, column 1: TypeError"),
        (
            "data.amount == 5",
            {"amount": 5},
            "AttributeError: 'dict' object has no attribute 'amount'",
        ),
        ('1 / data["n"] > 0', {"n": 0}, "ZeroDivisionError: division by zero"),
        (
            'def check(data, ctx):\n    if data["n"] < 0:\n        raise ValueError("negative")\n    return True',
            {"n": -1},
            "python, line 3, column 9: ValueError: negative",
        ),
        (
            'def check(data, ctx):\n    assert data["n"] > 0, "must be positive"\n    return True',
            {"n": -1},
            "python, line 2, column 5: AssertionError: must be positive",
        ),
        (
            'def check(data, ctx):\n    def inner(x):\n        return x["y"]\n    return inner(data)',
            {},
            "python, line 3, column 16: KeyError: no key 'y'",
        ),
        (
            "def check(data, ctx):\n    def again(n):\n        return again(n + 1)\n    return again(0)",
            {},
            "RecursionError",
        ),
        ("f\"{data['a']:>{data['w']}}\" == \"x\"", {"a": 1}, "KeyError: no key 'w'"),
    ],
)
def test_R6_an_error_names_engine_line_and_message(
    ask: Asker, source: str, data: Any, detail: str
) -> None:
    answer = ask(source, data, {"data": {"total": 5}})
    assert answer.outcome == "error"
    assert detail in answer.detail


@pytest.mark.parametrize(
    ("source", "data", "detail"),
    [
        (EQUAL, {"amount": 6}, f"python, line 1, column 1: {EQUAL} → 6 == 5"),
        ('0 < data["n"] <= 9', {"n": 12}, '0 < data["n"] <= 9 → 12 <= 9'),
        ('data["s"] in ("a", "b")', {"s": "c"}, "→ 'c' in ('a', 'b')"),
        (
            'data["a"] == 1 and data["b"] == 2',
            {"a": 1, "b": 3},
            'column 20: data["b"] == 2 → 3 == 2',
        ),
        ('data["a"] == 1 or data["b"] == 2', {"a": 5, "b": 3}, "→ 5 == 1; line 1, column 19:"),
        ('not data["a"] == 1', {"a": 1}, "→ 1 == 1"),
        ('data["a"] is None if data["x"] else data["b"] > 1', {"a": 1, "b": 0, "x": 0}, "→ 0 > 1"),
        ('data["m"] == {"a": 1}', {"m": {}}, "→ <dict of 0> == <dict of 1>"),
        ('len(data["items"]) == 2', {"items": [1]}, 'len(data["items"]) == 2 → 1 == 2'),
        (
            (
                'def check(data, ctx):\n    if data["kind"] == "free":\n        return data["price"] == 0\n'
                "    return True"
            ),
            {"kind": "free", "price": 3},
            'python, line 3, column 16: data["price"] == 0 → 3 == 0',
        ),
        (
            "def check(data, ctx):\n    ok = False\n    return ok",
            {},
            "python, line 3, column 5: returned False",
        ),
        ('(n := data["n"]) > 3', {"n": 2}, "returned False"),
    ],
)
def test_a_failed_comparison_shows_both_sides(
    ask: Asker, source: str, data: Any, detail: str
) -> None:
    answer = ask(source, data, {"data": {"total": 5}})
    assert answer.outcome == "false"
    assert detail in answer.detail


def test_a_detail_is_cut_at_500_characters(ask: Asker) -> None:
    answer = ask("lambda data, ctx: data[ctx['key']]", {}, {"key": "k" * 10_000})
    assert answer.outcome == "error"
    assert 200 < len(answer.detail) <= 500


def test_numbers_and_text_arrive_as_they_were_sent(ask: Asker) -> None:
    data = (
        b'{"big": 123456789012345678901234567890, "beyond": 9007199254740993, '
        b'"decimal": "10.10", "text": "\xe6\x97\xa5\xe6\x9c\xac\xf0\x9f\x98\x80", "float": 0.1, "zero": -0.0}'
    )
    source = (
        "def check(data, ctx):\n    from decimal import Decimal\n    return (\n"
        '        data["big"] == 123456789012345678901234567890\n'
        '        and data["beyond"] == 2**53 + 1\n'
        '        and Decimal(data["decimal"]) * 2 == Decimal("20.20")\n'
        '        and data["text"] == "日本😀" and len(data["text"]) == 3\n'
        '        and data["float"] + 0.2 == 0.30000000000000004\n'
        '        and str(data["zero"]) == "-0.0"\n    )'
    )
    assert ask(source, data) == ("true", "")


@pytest.mark.parametrize(
    "data", [b'{"text": "\\ud800"}', b"{", b"[" * 500 + b"]" * 500, b'{"a": "\xff"}']
)
def test_data_that_cannot_be_read_are_an_error_of_their_own_call_only(
    ask: Asker, data: bytes
) -> None:
    good = call(EQUAL, {"amount": 5}, {"data": {"total": 5}})
    answers = ask.all([good, call(EQUAL, data, {"data": {"total": 5}}), good])
    assert outcomes(answers) == ["true", "error", "true"]
    assert "python: the data cannot be read" in answers[1].detail


def test_the_batch_is_answered_in_its_order(ask: Asker) -> None:
    """Whatever the number of scripts, and beyond what one pass takes."""
    sources = [f'data["n"] % {divisor} == 0' for divisor in (2, 3, 5)]
    calls = [call(sources[n % 3], {"n": n // 3}) for n in range(4_000)]
    expected = ["true" if n // 3 % (2, 3, 5)[n % 3] == 0 else "false" for n in range(4_000)]
    assert outcomes(ask.all(calls)) == expected


def test_an_empty_batch_has_no_answers(ask: Asker) -> None:
    assert ask.all([]) == []


def test_print_does_nothing(ask: Asker, capfd: pytest.CaptureFixture[str]) -> None:
    source = 'def check(data, ctx):\n    print("1", data, sep="\\n")\n    return False'
    assert ask(source).outcome == "false"
    assert capfd.readouterr() == ("", "")


def test_an_unknown_engine_is_named(ask: Asker) -> None:
    assert ask("true", engine="lua").outcome == "not_compiled"
    assert "no script engine 'lua'" in (ask.refusal("true", "lua") or "")
