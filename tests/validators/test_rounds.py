"""How calls of one script share their time, on a script whose passes end as told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streams.engine.scripts import ScriptAnswer, ScriptCall
from streams.validators.bench import MAX_REMEMBERED, Bench
from streams.validators.engine import Fault, Pass
from streams.validators.limits import Limits
from streams.validators.rounds import FREE_S, STARVED_FACTOR, Allowance, Round

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TRUE = ScriptAnswer("true")
SLOW = Fault("limit", "took too long")
STARVED = Fault("limit", "took too long", starved=True)


class Passes:
    """A script whose every pass ends as the test says; it notes what it was asked and granted."""

    def __init__(self, end: Callable[[Sequence[ScriptCall], float], Pass]) -> None:
        self._end = end
        self.granted: list[tuple[int, float]] = []

    def run(self, calls: Sequence[ScriptCall], seconds: float) -> Pass:
        self.granted.append((len(calls), seconds))
        return self._end(calls, seconds)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def calls(*names: str) -> list[ScriptCall]:
    return [ScriptCall("python", "x", "validator", name.encode(), b"") for name in names]


def up_to_bad(asked: Sequence[ScriptCall], _seconds: float) -> Pass:
    """Answer up to the first bad call."""
    good = [call.data != b"bad" for call in asked]
    return Pass([TRUE] * len(asked)) if all(good) else Pass([TRUE] * good.index(False), SLOW)


def answer(
    program: Passes,
    asked: list[ScriptCall],
    limits: Limits | None = None,
    bench: Bench | None = None,
) -> list[ScriptAnswer]:
    limits = limits or Limits()
    allowance = Allowance(limits.batch_ms / 1_000)
    return Round(program, asked, limits, bench or Bench(limits), allowance).answer()


def test_a_pass_has_the_time_of_its_calls_but_no_more_than_a_script() -> None:
    few, many = Passes(up_to_bad), Passes(up_to_bad)
    answer(few, calls("good", "good"))
    answer(many, calls(*["good"] * 100))
    assert few.granted == [(2, 0.1)]
    assert many.granted == [(100, 0.25)]


def test_R6_a_call_over_its_limit_is_tried_once_more_alone_then_the_rest_goes_on() -> None:
    program = Passes(up_to_bad)
    found = answer(program, calls("good", "bad", "good", "good"))
    assert [one.outcome for one in found] == ["true", "limit", "true", "true"]
    assert [count for count, _ in program.granted] == [4, 1, 2]
    assert program.granted[1] == (1, 0.05)


def test_R6_a_second_try_that_succeeds_counts() -> None:
    ends = iter([Pass([], SLOW), Pass([TRUE])])
    bench = Bench(Limits(strikes=1))
    assert answer(Passes(lambda _calls, _seconds: next(ends)), calls("once slow"), bench=bench) == [
        TRUE
    ]
    assert bench.benched_total == 0


def test_a_call_that_got_no_cpu_gets_more_time() -> None:
    ends = iter([Pass([], STARVED), Pass([], STARVED), Pass([TRUE])])
    program = Passes(lambda _calls, _seconds: next(ends))
    assert answer(program, calls("starved")) == [TRUE]
    assert program.granted[-1] == (1, 0.05 * STARVED_FACTOR)


def test_an_error_of_the_sandbox_is_not_tried_again() -> None:
    program = Passes(lambda _calls, _seconds: Pass([], Fault("error", "odd exception")))
    assert answer(program, calls("odd")) == [("error", "python: odd exception")]
    assert len(program.granted) == 1


def test_a_sandbox_that_fails_behind_the_last_answer_costs_nothing() -> None:
    assert (
        answer(Passes(lambda asked, _: Pass([TRUE] * len(asked), SLOW)), calls("a", "b"))
        == [TRUE] * 2
    )


def test_a_pass_may_end_early_without_a_fault() -> None:
    program = Passes(lambda asked, _: Pass([TRUE] * min(2, len(asked))))
    assert answer(program, calls(*"abcde")) == [TRUE] * 5


def test_a_script_that_wasted_the_time_of_a_batch_gets_one_more_pass() -> None:
    limits = Limits(batch_ms=100, strikes=100)
    program = Passes(lambda asked, _: Pass([TRUE] * min(1, len(asked)), used_s=0.2))
    found = answer(program, calls("a", "b", "c", "d"), limits)
    assert [one.outcome for one in found] == ["true", "true", "limit", "limit"]
    assert "used up the 100 ms that a batch may waste" in found[2].detail


def test_a_cheap_script_is_not_refused_for_what_others_wasted() -> None:
    limits = Limits()
    spent = Allowance(0)
    program = Passes(lambda asked, _: Pass([TRUE] * min(1, len(asked)), used_s=0.001))
    found = Round(program, calls(*"abcde"), limits, Bench(limits), spent).answer()
    assert found == [TRUE] * 5


def test_strikes_bench_a_script_from_the_next_batch_on() -> None:
    clock = Clock()
    limits = Limits(strikes=2, bench_ms=60_000)
    bench = Bench(limits, clock)
    found = answer(Passes(up_to_bad), calls("bad", "bad", "good"), limits, bench)
    assert [one.outcome for one in found] == ["limit", "limit", "true"]
    (benched,) = answer(Passes(up_to_bad), calls("good"), limits, bench)
    assert benched.outcome == "limit"
    assert "benched for another 60 s" in benched.detail
    clock.now += 61
    assert answer(Passes(up_to_bad), calls("good"), limits, bench) == [TRUE]
    assert bench.benched_total == 1


def test_a_script_that_comes_back_and_goes_on_is_benched_at_once_and_for_longer() -> None:
    clock = Clock()
    bench = Bench(Limits(strikes=2, bench_ms=60_000), clock)
    bench.strike("python", "x")
    bench.strike("python", "x")
    left: list[float] = []
    for _ in range(8):
        left.append(bench.seconds_left("python", "x"))
        clock.now += left[-1] + 1
        bench.strike("python", "x")
    assert left == [60, 120, 240, 480, 960, 1920, 3840, 3840]


def test_old_strikes_are_forgotten() -> None:
    clock = Clock()
    bench = Bench(Limits(strikes=2, bench_ms=60_000), clock)
    bench.strike("python", "x")
    assert bench.is_suspect("python", "x")
    clock.now += 61
    bench.strike("python", "x")
    assert bench.seconds_left("python", "x") == 0
    clock.now += 601
    assert not bench.is_suspect("python", "x")


def test_the_bench_remembers_a_bounded_number_of_scripts() -> None:
    bench = Bench(Limits())
    for number in range(MAX_REMEMBERED + 10):
        bench.strike("python", str(number))
    assert not bench.is_suspect("python", "0")
    assert bench.is_suspect("python", str(MAX_REMEMBERED))


def test_cheap_calls_are_charged_to_nobody() -> None:
    allowance = Allowance(1)
    assert allowance.charge(1.9, 1_000) == 0
    assert not allowance.is_spent()


def test_dear_calls_are_charged_beyond_their_free_time() -> None:
    allowance = Allowance(1)
    assert allowance.charge(0.5 + 10 * FREE_S, 10) == pytest.approx(0.5)
    assert not allowance.is_spent()
    allowance.charge(0.5, 0)
    assert allowance.is_spent()
