"""Values and failures of CEL scripts become answers (R4, R6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.scripts.conftest import call, outcomes

if TYPE_CHECKING:
    from streams.engine.script_calls import ScriptAnswer
    from tests.scripts.conftest import Asker

EQUAL = "data.amount == ctx.data.total"


def cel(ask: Asker, source: str, data: Any = None, ctx: Any = None) -> ScriptAnswer:
    """Return the answer of a CEL validator."""
    return ask(source, data, ctx, engine="cel")


@pytest.fixture(scope="module", autouse=True)
def started(ask: Asker) -> None:
    """Start the process, so that it counts for no single test."""
    assert cel(ask, "true").outcome == "true"


@pytest.mark.parametrize(
    ("source", "outcome", "words"),
    [
        ("true", "true", ""),
        ("false", "false", "cel: returned false"),
        ("null", "none", ""),
        ("1", "other", "cel: returned 1 (int), not true or false"),
        ("1.5", "other", "returned 1.5 (double)"),
        ('"true"', "other", 'returned "true" (string)'),
        ("[true]", "other", "returned a value of type list"),
        ("{}", "other", "returned a value of type map"),
        ('timestamp("2026-01-01T00:00:00Z")', "other", "a value of type timestamp"),
    ],
)
def test_R6_only_the_boolean_true_is_true(
    ask: Asker, source: str, outcome: str, words: str
) -> None:
    answer = cel(ask, source)
    assert answer.outcome == outcome
    assert words in answer.detail


@pytest.mark.parametrize(
    ("source", "data", "detail"),
    [
        ("data.amount == 5", {}, "cel: no key 'amount'"),
        ("data.a.b == 5", {"a": {}}, "cel: no key 'b'"),
        ("data['no such'] == 5", {}, "cel: no key 'no such'"),
        ("data.amount > 3", {"amount": "5"}, "cel: No matching overloads found"),
        ("data.items[5] == 1", {"items": []}, "cel: Index error"),
        ("1 / data.n == 1", {"n": 0}, "cel: divide by zero"),
        ("data.n > 5", {"n": 10**19}, ""),
        ("data.items.all(i, i.qty > 0)", {"items": [{"qty": 1}, {}]}, "cel: no key 'qty'"),
        ("data.flag ? true : false", {"flag": 1}, "cel: No matching overloads"),
    ],
)
def test_R6_an_error_value_is_an_error_and_names_its_reason(
    ask: Asker, source: str, data: Any, detail: str
) -> None:
    answer = cel(ask, source, data)
    assert answer.outcome == ("true" if data == {"n": 10**19} else "error")
    assert detail in answer.detail


def test_an_integer_beyond_its_types_is_an_error(ask: Asker) -> None:
    answer = cel(ask, "data.n > 5", b'{"n": 123456789012345678901234567890}')
    assert answer.outcome in {"true", "error"}
    assert cel(ask, "data.n == 9007199254740993", {"n": 9007199254740993}) == ("true", "")


@pytest.mark.parametrize(
    ("source", "data", "detail"),
    [
        (EQUAL, {"amount": 6}, f"cel, line 1, column 1: {EQUAL} → 6 == 5"),
        ("data.s in ['a', 'b']", {"s": "c"}, '→ "c" in <list of 2>'),
        (
            "data.a > 0 &&\n  data.b > 1.5",
            {"a": 1, "b": 0.5},
            "line 2, column 3: data.b > 1.5 → 0.5 > 1.5",
        ),
        ("size(data.items) == 2", {"items": [1]}, "size(data.items) == 2 → 1 == 2"),
        ("data.items.all(i, i > 1)", {"items": [1]}, "cel: returned false"),
        ("data.a == 1 || data.a == 2", {"a": 3}, "cel: returned false"),
        ("data.a != null", {"a": None}, "→ null != null"),
        ("data.ok == true", {"ok": False}, "→ false == true"),
        ("data.m == {'a': 1}", {"m": {}}, "→ <map of 0> == <map of 1>"),
    ],
)
def test_a_failed_comparison_shows_both_sides(
    ask: Asker, source: str, data: Any, detail: str
) -> None:
    answer = cel(ask, source, data, {"data": {"total": 5}})
    assert answer.outcome == "false"
    assert detail in answer.detail


def test_R4_a_filter_that_excludes_needs_no_explanation(ask: Asker) -> None:
    found = ask(EQUAL, {"amount": 6}, {"data": {"total": 5}}, engine="cel", kind="filter")
    assert found == ("false", "")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "cel, line 1, column 1: Syntax error"),
        ("data.a ==", "cel, line 1, column 10: Syntax error"),
        ("true &&\n  foo == 1", "cel, line 2, column 3: undeclared reference to 'foo'"),
        ("'x' + 1 == 'x1'", "cel, line 1, column 5: found no matching overload"),
        ("now() > 1", "cel, line 1, column 4: undeclared reference to 'now'"),
        ("(" * 100 + "true" + ")" * 100, "recursion limit"),
        ("true && " * 5_000 + "true", "the script has 40,004 characters, at most 32,768"),
    ],
)
def test_R18_what_is_no_cel_is_refused_with_its_place(
    ask: Asker, source: str, message: str
) -> None:
    assert message in (ask.refusal(source, "cel") or "")
    assert cel(ask, source).outcome == "not_compiled"


@pytest.mark.parametrize("data", [b'{"text": "\\ud800"}', b"{", b'{"a": "\xff"}', b"[" * 2_000])
def test_data_that_cannot_be_read_are_an_error_of_their_own_call_only(
    ask: Asker, data: bytes
) -> None:
    good = call("data.n == 1", {"n": 1}, engine="cel")
    answers = ask.all([good, call("data.n == 1", data, engine="cel"), good])
    assert outcomes(answers) == ["true", "error", "true"]
    assert "cel: the data cannot be read" in answers[1].detail


def test_a_long_batch_is_answered_in_its_order(ask: Asker) -> None:
    calls = [call("data.n % 3 == 0", {"n": n}, engine="cel") for n in range(3_000)]
    expected = ["true" if n % 3 == 0 else "false" for n in range(3_000)]
    assert outcomes(ask.all(calls)) == expected
