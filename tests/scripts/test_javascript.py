"""Values and failures of JavaScript scripts become answers (R4, R6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.scripts.conftest import call, outcomes

if TYPE_CHECKING:
    from streams.engine.script_calls import ScriptAnswer
    from tests.scripts.conftest import Asker

EQUAL = "data.amount === ctx.data.total"


def js(ask: Asker, source: str, data: Any = None, ctx: Any = None) -> ScriptAnswer:
    """Return the answer of a JavaScript validator."""
    return ask(source, data, ctx, engine="js")


@pytest.fixture(scope="module", autouse=True)
def started(ask: Asker) -> None:
    """Start the process, so that it counts for no single test."""
    assert js(ask, "true").outcome == "true"


@pytest.mark.parametrize(
    "source",
    [
        EQUAL,
        f"(data, ctx) => {EQUAL}",
        f"(data, ctx) => {{ return {EQUAL}; }}",
        "(event, context) => event.amount === context.data.total",
        f"function (data, ctx) {{ return {EQUAL}; }}",
        f"function validate(data, ctx) {{\n  return {EQUAL};\n}}",
        f"return {EQUAL};",
        "const wanted = ctx.data.total;\nreturn data.amount === wanted;",
        "if (data.amount < 0) {\n  return false;\n}\nreturn data.amount === ctx.data.total // the end",
        f"({EQUAL}) // a comment at the end",
        f"/* return */ {EQUAL}",
        "({ data, ctx }) => false, (data, ctx) => data.amount === ctx.data.total",
        f"\n\n  {EQUAL}\n",
    ],
)
def test_R6_every_form_of_a_script_is_run(ask: Asker, source: str) -> None:
    ctx = {"data": {"total": 5}}
    assert js(ask, source, {"amount": 5}, ctx).outcome == "true"
    assert js(ask, source, {"amount": 6}, ctx).outcome == "false"


@pytest.mark.parametrize("word", ['data.status === "returned"', "data.returned === undefined"])
def test_the_word_return_in_an_expression_makes_no_body_of_it(ask: Asker, word: str) -> None:
    assert js(ask, word, {"status": "returned"}).outcome == "true"


@pytest.mark.parametrize(
    ("source", "outcome", "words"),
    [
        ("true", "true", ""),
        ("false", "false", "js: returned false"),
        ("null", "none", ""),
        ("undefined", "none", ""),
        ("const x = 1; if (x > 5) { return true }", "none", ""),
        ("1", "other", "js: returned 1 (number), not true or false"),
        ("0", "other", "returned 0 (number)"),
        ('"true"', "other", 'returned "true" (string)'),
        ("[]", "other", "returned a value of type object"),
        ("new Boolean(true)", "other", "returned a value of type object"),
        ("5n", "other", "returned a value of type bigint"),
        ("NaN", "other", "returned NaN (number)"),
        ("Symbol('x')", "other", "returned a value of type symbol"),
        ("async (data, ctx) => true", "other", "returned a value of type object"),
        ("data.items && data.items.length", "none", ""),
    ],
)
def test_R6_only_the_boolean_true_is_true(
    ask: Asker, source: str, outcome: str, words: str
) -> None:
    answer = js(ask, source)
    assert answer.outcome == outcome
    assert words in answer.detail


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        (
            "data.a.b.c === 5",
            "js, line 1, column 1: TypeError: cannot read property 'b' of undefined",
        ),
        ("true &&\n  missing > 1", "js, line 2, column 3: ReferenceError: missing is not defined"),
        (
            "const total = 5;\nif (total > 1) {\n  throw new RangeError('too many');\n}\nreturn true;",
            "js, line 3, column 13: RangeError: too many",
        ),
        ("(() => { throw 'text' })()", "js: text"),
        ("(() => { throw { code: 5 } })()", "js: [object Object]"),
        (
            "(data, ctx) => data.list.map((x) => x.y)",
            "TypeError: cannot read property 'map' of undefined",
        ),
        ("(function again() { return again() })()", "RangeError: Maximum call stack size exceeded"),
        ("undeclared = 5", "ReferenceError: undeclared is not defined"),
    ],
)
def test_R6_an_error_names_engine_line_and_message(ask: Asker, source: str, detail: str) -> None:
    answer = js(ask, source, {})
    assert answer.outcome == "error"
    assert detail in answer.detail


@pytest.mark.parametrize(
    ("source", "data", "detail"),
    [
        (EQUAL, {"amount": 6}, f"js, line 1, column 1: {EQUAL} → 6 === 5"),
        (EQUAL, {}, "→ undefined === 5"),
        (
            f"(data, ctx) => {EQUAL}",
            {"amount": 6},
            "js, line 1, column 16: data.amount === ctx.data.total",
        ),
        (
            "(d, c) =>\n  d.amount < c.data.total",
            {"amount": 6},
            "line 2, column 3: d.amount < c.data.total → 6 < 5",
        ),
        (
            "data.a > 0 &&\n  data.s !== 'x'",
            {"a": 1, "s": "x"},
            'line 2, column 3: data.s !== \'x\' → "x" !== "x"',
        ),
        ("data.list.length == 2", {"list": [1]}, "→ 1 == 2"),
        ("'key' in data", {}, "'key' in data → \"key\" in <object>"),
        ("data.list === null", {"list": [1, 2]}, "→ <array of 2> === null"),
        ("data.a === 1 || data.a === 2", {"a": 3}, "js: returned false"),
        ("return data.a === 1", {"a": 3}, "js: returned false"),
    ],
)
def test_a_failed_comparison_shows_both_sides(
    ask: Asker, source: str, data: Any, detail: str
) -> None:
    answer = js(ask, source, data, {"data": {"total": 5}})
    assert answer.outcome == "false"
    assert detail in answer.detail


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "js: the script is empty"),
        ("data.a ===", "js, line 1, column 11: SyntaxError"),
        ("true &&\n  @", "js, line 2, column 3: SyntaxError"),
        ("const x = 5;", "js, line 1, column 1: SyntaxError"),
        ("const x = ;\nreturn x", "js, line 1, column 11: SyntaxError"),
        ("true) || (true", "js, line 1, column 5: SyntaxError"),
        ("return true } , function () {", "js, line 1, column 15: SyntaxError"),
        ("return true } (0), function () {", "js, line 1, column 15: SyntaxError"),
        ("return true } [x] = function () {", "js, line 1, column 15: SyntaxError"),
        ("return true }); globalThis.x = 1; (function () {", "js, line 1, column 15: SyntaxError"),
        ("!" * 40_000 + "1", "the script has 40,001 characters, at most 32,768"),
        ("(" * 16_000 + "1" + ")" * 16_000, "js"),
    ],
)
def test_R18_what_is_no_script_is_refused_with_its_place(
    ask: Asker, source: str, message: str
) -> None:
    assert message in (ask.refusal(source, "js") or "")
    assert js(ask, source).outcome == "not_compiled"


@pytest.mark.parametrize(
    "source",
    [
        "Math.random() > 0.5",
        "Date.now() > 1",
        "new Date() > 1",
        "true &&\n  Date ( ) > ''",
        "performance.now() > 1",
    ],
)
def test_R6_scripts_have_no_clock_and_no_randomness(ask: Asker, source: str) -> None:
    refusal = ask.refusal(source, "js") or ""
    assert refusal.startswith(f"js, line {source.count(chr(10)) + 1}, column")
    assert "no clock and no randomness" in refusal


@pytest.mark.parametrize(
    "source",
    [
        "Math['random']() > 0.5",
        "new Date > 1",
        "Reflect.construct(Date, []) > 1",
        "new Date(0).constructor.now() > 1",
        "new (new Date(0).constructor)() > 1",
        "((clock) => clock())(Date) > ''",
        "Object.getPrototypeOf(new Date(0)).constructor.now() > 1",
    ],
)
def test_R6_a_clock_that_is_not_seen_raises(ask: Asker, source: str) -> None:
    answer = js(ask, source)
    assert answer.outcome == "error"
    assert "no clock and no randomness" in answer.detail


def test_dates_from_data_can_be_reckoned_with(ask: Asker) -> None:
    source = (
        "new Date(data.shipped) - new Date(data.paid) < 86400000 && Date.UTC(1970, 0) === 0"
        " && new Date(data.paid) instanceof Date && new Date(data.paid).getHours() === 12"
        " && Date.parse(data.paid) > 0 && '// new Date()' !== 'Math.random()'"
    )
    times = {"paid": "2026-01-31T12:00:00Z", "shipped": "2026-01-31T13:00:00Z"}
    assert js(ask, source, times) == ("true", "")


@pytest.mark.parametrize(
    "source",
    [
        "(() => { const was = globalThis.seen; globalThis.seen = 1; return was === undefined })()",
        "(() => { const was = ({}).seen; Object.prototype.seen = 1; return was === undefined })()",
        "(() => { const was = [].push; Array.prototype.push = 1; return typeof was === 'function' })()",
        "(() => { const was = JSON.parse; JSON.parse = 1; return typeof was === 'function' })()",
        (
            "(() => { const was = Error.prepareStackTrace; Error.prepareStackTrace = () => 'x';"
            " return was === undefined })()"
        ),
        "(() => { const was = Error.stackTraceLimit; Error.stackTraceLimit = 3; return was !== 3 })()",
        (
            "(() => { const was = Symbol.for('x').description; const key = Symbol.for('x');"
            " const had = globalThis[key]; globalThis[key] = 1; return was === 'x' && had === undefined })()"
        ),
        (
            "(() => { const tag = (parts) => parts; const site = () => tag`x`;"
            " return site() === site() && data.list.push(1) === 1 })()"
        ),
        "(0, eval)('var seen = globalThis.n; globalThis.n = 1; seen === undefined')",
    ],
)
def test_R6_no_call_sees_anything_of_another(ask: Asker, source: str) -> None:
    """Not in its batch, and not in a later one."""
    for _ in range(2):
        answers = ask.all([call(source, {"list": []}, engine="js") for _ in range(5)])
        assert outcomes(answers) == ["true"] * 5, answers


def test_numbers_are_those_of_javascript(ask: Asker) -> None:
    """Documented: beyond 2**53 they are rounded, in the worker and in a replay alike."""
    assert js(ask, "data.n === 9007199254740992", {"n": 9007199254740993}).outcome == "true"
    assert (
        js(ask, "BigInt(data.n) === 9007199254740993n", {"n": "9007199254740993"}).outcome == "true"
    )
    assert js(ask, 'data.t.length === 4 && data.t === "日本😀"', {"t": "日本😀"}).outcome == "true"


@pytest.mark.parametrize("data", [b"{", b'{"a": "\xff"}', b"[" * 50_000])
def test_data_that_cannot_be_read_are_an_error_of_their_own_call_only(
    ask: Asker, data: bytes
) -> None:
    good = call("data.n === 1", {"n": 1}, engine="js")
    answers = ask.all([good, call("data.n === 1", data, engine="js"), good])
    assert outcomes(answers) == ["true", "error", "true"]
    assert "js: the data cannot be read" in answers[1].detail


def test_a_long_batch_is_answered_in_its_order(ask: Asker) -> None:
    calls = [call("data.n % 3 === 0", {"n": n}, engine="js", kind="filter") for n in range(1_500)]
    expected = ["true" if n % 3 == 0 else "false" for n in range(1_500)]
    assert outcomes(ask.all(calls)) == expected
