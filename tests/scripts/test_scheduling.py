"""Scheduling of the calls of one script, on a script whose passes end as the test says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streams.engine.script_calls import ScriptAnswer, ScriptCall
from streams.scripts.budgets import FREE_S, PASS_S, BatchBudget
from streams.scripts.call_at_fault import MAX_STRETCH
from streams.scripts.circuit_breaker import MAX_REMEMBERED, CircuitBreaker
from streams.scripts.language import (
    CRASHED,
    DEATHS,
    KILLED,
    TOO_LARGE,
    CallFault,
    EngineFailed,
    PassResult,
)
from streams.scripts.limits import Limits
from streams.scripts.scheduling import ScriptRun

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TRUE = ScriptAnswer("true")
SLOW = CallFault("limit", "took too long")
NO_CPU = PassResult([], CallFault("limit", "took too long"), used_s=0.0)


class Passes:
    """A script whose every pass ends as the test says; it notes what it was asked and granted."""

    is_cheap_to_stop = True

    def __init__(self, end: Callable[[Sequence[ScriptCall], float], PassResult]) -> None:
        self._end = end
        self.granted: list[tuple[int, float]] = []
        self.works = True
        self.probes = 0

    def run(
        self, calls: Sequence[ScriptCall], seconds: float, *, quarantined: bool
    ) -> PassResult:  # all passes are alike here
        self.granted.append((len(calls), seconds))
        result = self._end(calls, seconds)
        return result if result is NO_CPU else result._replace(used_s=result.used_s or seconds)

    def probe_engine(self, *, quarantined: bool) -> None:
        self.probes += 1
        if not self.works:
            raise EngineFailed("a trivial script was not answered")


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def calls(*names: str) -> list[ScriptCall]:
    return [ScriptCall("python", "x", "validator", name.encode(), b"") for name in names]


def up_to_bad(asked: Sequence[ScriptCall], _seconds: float) -> PassResult:
    """Answer up to the first bad call."""
    good = [call.data != b"bad" for call in asked]
    return (
        PassResult([TRUE] * len(asked))
        if all(good)
        else PassResult([TRUE] * good.index(False), SLOW)
    )


def known(limits: Limits, clock: Clock | None = None) -> CircuitBreaker:
    """Return a breaker that knows the script."""
    breaker = CircuitBreaker(limits, clock or Clock())
    breaker.mark_known("python", "x")
    return breaker


def answer(
    script: Passes,
    asked: list[ScriptCall],
    limits: Limits | None = None,
    breaker: CircuitBreaker | None = None,
) -> list[ScriptAnswer]:
    """Take the steps of the sandbox, all at once."""
    limits = limits or Limits()
    budget = BatchBudget(limits.batch_ms / 1_000)
    one = ScriptRun(asked, limits, breaker or known(limits), budget)
    if one.is_new:
        one.try_first(script)
    if not one.is_doubtful:
        one.run_on(script)
    if one.is_doubtful:
        one.run_quarantined(script)
    return one.conclude()


def test_a_pass_has_the_time_of_its_calls_but_no_more_than_a_script() -> None:
    few, many = Passes(up_to_bad), Passes(up_to_bad)
    answer(few, calls("good", "good"))
    answer(many, calls(*["good"] * 1_000))
    assert few.granted == [(2, 0.05 + PASS_S)]
    assert many.granted == [(1_000, 0.25)]


def test_a_new_script_is_tried_for_a_moment_then_all_goes_on() -> None:
    script = Passes(up_to_bad)
    limits = Limits()
    breaker = CircuitBreaker(limits)
    assert answer(script, calls("good", "good", "good"), limits, breaker) == [TRUE] * 3
    assert script.granted == [(1, 0.01), (2, 0.05 + PASS_S)]
    assert breaker.is_known("python", "x")


def test_a_new_script_that_needs_more_than_a_moment_gets_the_time_of_a_call() -> None:
    slow = Passes(
        lambda asked, seconds: PassResult([TRUE]) if seconds > 0.04 else PassResult([], SLOW)
    )
    assert answer(slow, calls("slow"), breaker=CircuitBreaker(Limits())) == [TRUE]
    assert slow.granted == [(1, 0.01), (1, 0.05)]


def test_a_new_script_that_is_dear_to_stop_gets_the_time_of_a_call_at_once() -> None:
    script = Passes(lambda _calls, _seconds: PassResult([], SLOW))
    script.is_cheap_to_stop = False
    (found,) = answer(script, calls("bad"), breaker=CircuitBreaker(Limits()))
    assert found.outcome == "limit"
    assert script.granted == [(1, 0.05)]


def test_R6_a_call_over_its_limit_is_tried_once_more_alone_then_the_rest_goes_on() -> None:
    script = Passes(up_to_bad)
    found = answer(script, calls("good", "bad", "good", "good"))
    assert [one.outcome for one in found] == ["true", "limit", "true", "true"]
    assert [count for count, _ in script.granted] == [4, 1, 2]
    assert script.granted[1] == (1, 0.05)


def test_R6_a_second_try_that_succeeds_counts() -> None:
    ends = iter([PassResult([TRUE], SLOW), PassResult([TRUE])])
    limits = Limits(strikes=1)
    breaker = known(limits)
    script = Passes(lambda _calls, _seconds: next(ends))
    assert answer(script, calls("good", "once slow"), limits, breaker) == [TRUE, TRUE]
    assert not breaker.is_suspect("python", "x")


def test_a_call_that_ran_over_its_time_alone_is_not_tried_again() -> None:
    script = Passes(up_to_bad)
    assert [one.outcome for one in answer(script, calls("bad", "good"))] == ["limit", "true"]
    assert [count for count, _ in script.granted] == [2, 1]


def test_memory_is_that_of_a_call_however_short_its_try() -> None:
    script = Passes(lambda _calls, _seconds: PassResult([], CallFault("limit", TOO_LARGE)))
    (found,) = answer(script, calls("bad"), breaker=CircuitBreaker(Limits()))
    assert found == ("limit", f"python: {TOO_LARGE} (50 ms and 64 MiB are allowed)")
    assert script.granted == [(1, 0.01)]


def test_a_crash_may_come_from_outside_and_is_tried_again() -> None:
    ends = iter([PassResult([], CallFault("limit", CRASHED)), PassResult([TRUE])])
    assert answer(Passes(lambda _calls, _seconds: next(ends)), calls("killed")) == [TRUE]


@pytest.mark.parametrize("message", [CRASHED, KILLED])
@pytest.mark.parametrize("is_known", [True, False])
def test_a_call_of_which_processes_keep_dying_while_the_engine_works_is_to_blame(
    message: str, *, is_known: bool
) -> None:
    """More must die where the signal is one that a kernel without memory sends."""
    limits = Limits(strikes=1)
    breaker = known(limits) if is_known else CircuitBreaker(limits)
    script = Passes(
        lambda asked, _: PassResult([], CallFault("limit", message)) if asked else PassResult([])
    )
    (found,) = answer(script, calls("bad"), limits, breaker)
    assert found == ("limit", f"python: {message} (50 ms and 64 MiB are allowed)")
    assert len(script.granted) == script.probes == DEATHS[message]
    assert breaker.seconds_left("python", "x") > 0


@pytest.mark.parametrize("message", [CRASHED, KILLED])
def test_a_call_whose_process_died_is_not_to_blame_where_a_trivial_script_dies_too(
    message: str,
) -> None:
    """However often: it is answered once the engine works, and its script has no strike."""
    breaker = known(Limits(strikes=1))
    dies = PassResult([], CallFault("limit", message))
    script = Passes(lambda _calls, _seconds: PassResult([TRUE]) if script.works else dies)
    script.works = False
    one = ScriptRun(calls("good"), Limits(strikes=1), breaker, BatchBudget(1))
    for _ in range(10):
        with pytest.raises(EngineFailed):
            one.run_on(script)
        assert not one.is_doubtful
        assert one.wasted_s == 0
    script.works = True
    one.run_on(script)
    assert one.conclude() == [TRUE]
    assert not breaker.is_suspect("python", "x")


def test_a_call_that_gets_no_cpu_is_not_given_up_where_a_trivial_script_gets_none_either() -> None:
    breaker = known(Limits(strikes=1))
    script = Passes(lambda _calls, _seconds: PassResult([TRUE]) if script.works else NO_CPU)
    script.works = False
    one = ScriptRun(calls("starved"), Limits(), breaker, BatchBudget(1))
    for _ in range(3):
        with pytest.raises(EngineFailed):
            one.run_on(script)
    script.works = True
    one.run_on(script)
    assert one.conclude() == [TRUE]


def test_a_call_that_got_no_cpu_gets_more_time() -> None:
    ends = iter([NO_CPU, PassResult([TRUE])])
    script = Passes(lambda _calls, _seconds: next(ends))
    assert answer(script, calls("starved")) == [TRUE]
    assert script.granted[-1] == (1, 0.05 * MAX_STRETCH[0])


def test_a_call_that_gets_no_cpu_for_long_is_given_up_and_its_script_not_blamed() -> None:
    breaker = known(Limits(strikes=1))
    script = Passes(lambda asked, _: NO_CPU if asked[0].data == b"0" else PassResult([TRUE]))
    found = answer(script, calls("0", "1"), breaker=breaker)
    assert [one.outcome for one in found] == ["limit", "true"]
    granted = [seconds for _, seconds in script.granted]
    assert granted[1:-1] == [0.05 * stretch for stretch in MAX_STRETCH]
    assert not breaker.is_suspect("python", "x")


def test_a_call_that_hangs_is_to_blame_as_soon_as_it_gets_cpu() -> None:
    ends = iter([NO_CPU, NO_CPU, PassResult([], SLOW)])
    breaker = known(Limits())
    (found,) = answer(Passes(lambda _calls, _seconds: next(ends)), calls("bad"), breaker=breaker)
    assert found.outcome == "limit"
    assert breaker.is_suspect("python", "x")


def test_a_new_script_that_gets_no_cpu_is_tried_for_longer() -> None:
    ends = iter([NO_CPU, PassResult([TRUE])])
    script = Passes(lambda _calls, _seconds: next(ends))
    assert answer(script, calls("starved"), breaker=CircuitBreaker(Limits())) == [TRUE]
    assert [seconds for _, seconds in script.granted] == [0.01, 0.01 * MAX_STRETCH[0]]


def test_a_call_after_one_that_ended_in_an_error_begins_with_its_own_time() -> None:
    ends = iter([NO_CPU, PassResult([], CallFault("error", "odd exception")), PassResult([TRUE])])
    script = Passes(lambda _calls, _seconds: next(ends))
    found = answer(script, calls("odd", "next"))
    assert [one.outcome for one in found] == ["error", "true"]
    assert script.granted[-1] == (1, 0.05)


def test_an_error_of_the_sandbox_is_not_tried_again() -> None:
    script = Passes(lambda _calls, _seconds: PassResult([], CallFault("error", "odd exception")))
    assert answer(script, calls("odd")) == [("error", "python: odd exception")]
    assert len(script.granted) == 1


def test_a_sandbox_that_fails_behind_the_last_answer_costs_nothing() -> None:
    assert (
        answer(Passes(lambda asked, _: PassResult([TRUE] * len(asked), SLOW)), calls("a", "b"))
        == [TRUE] * 2
    )


def test_a_pass_may_end_early_without_a_fault() -> None:
    script = Passes(lambda asked, _: PassResult([TRUE] * min(2, len(asked))))
    assert answer(script, calls(*"abcde")) == [TRUE] * 5


def test_slow_calls_within_their_limit_are_all_answered() -> None:
    """Each pass is cut; the call at which it was is the first of the next."""
    script = Passes(lambda asked, _: PassResult([TRUE] * min(3, len(asked)), SLOW, used_s=0.06))
    assert answer(script, calls(*["slow"] * 20)) == [TRUE] * 20


def test_a_script_that_wasted_the_time_of_a_batch_gets_one_more_pass() -> None:
    limits = Limits(batch_ms=100, strikes=100)
    script = Passes(lambda asked, _: PassResult([TRUE] * min(1, len(asked)), used_s=0.2))
    found = answer(script, calls("a", "b", "c", "d"), limits)
    assert [one.outcome for one in found] == ["true", "true", "limit", "limit"]
    assert "used up the 100 ms that may be wasted in a batch" in found[2].detail


def test_a_cheap_script_is_not_refused_for_what_others_wasted() -> None:
    limits = Limits()
    script = Passes(lambda asked, _: PassResult([TRUE] * min(1, len(asked)), used_s=0.001))
    one = ScriptRun(calls(*"abcde"), limits, known(limits), BatchBudget(0))
    one.run_on(script)
    assert one.conclude() == [TRUE] * 5


def test_bad_calls_of_one_script_cost_a_batch_no_more_than_a_script_may_waste() -> None:
    hanging = Passes(lambda _asked, seconds: PassResult([], SLOW, used_s=seconds))
    found = answer(hanging, calls(*["bad"] * 50), Limits(strikes=100))
    assert {one.outcome for one in found} == {"limit"}
    assert sum(seconds for _, seconds in hanging.granted) <= 0.25 + 0.05 + 50 * PASS_S
    assert "used up the 250 ms" in found[-1].detail


def test_a_script_that_answers_nothing_is_suspended_by_its_first_strike() -> None:
    breaker = CircuitBreaker(Limits(strikes=2))
    answer(Passes(up_to_bad), calls("bad"), breaker=breaker)
    assert breaker.seconds_left("python", "x") > 0


def test_cpu_time_without_any_answer_is_a_strike_in_the_end() -> None:
    """On a busy machine there may never be a try that has its whole time in one piece."""
    breaker = CircuitBreaker(Limits())
    breaker.note_waste("python", "x", 0.06)
    assert breaker.is_suspect("python", "x")
    assert breaker.seconds_left("python", "x") == 0
    breaker.note_waste("python", "x", 0.06)
    assert breaker.seconds_left("python", "x") > 0


def test_a_script_that_answers_after_all_is_no_suspect() -> None:
    breaker = CircuitBreaker(Limits())
    breaker.note_waste("python", "x", 0.06)
    breaker.mark_known("python", "x")
    assert not breaker.is_suspect("python", "x")


def test_cpu_time_of_a_script_that_answers_is_no_strike() -> None:
    breaker = known(Limits())
    for _ in range(10):
        breaker.note_waste("python", "x", 0.06)
    assert not breaker.is_suspect("python", "x")


def test_what_calls_have_answered_is_known_while_others_run() -> None:
    one = ScriptRun(calls("good", "bad", "good"), Limits(), known(Limits()), BatchBudget(1))
    one.run_on(Passes(up_to_bad))
    assert one.is_doubtful
    assert [found.outcome for found in one.so_far()] == ["true", "limit", "limit"]


def test_strikes_suspend_a_script_from_the_next_batch_on() -> None:
    clock = Clock()
    limits = Limits(strikes=2, suspension_ms=60_000)
    suspended: list[str] = []
    breaker = CircuitBreaker(limits, clock, suspended.append)
    breaker.mark_known("python", "x")
    found = answer(Passes(up_to_bad), calls("bad", "bad", "good"), limits, breaker)
    assert [one.outcome for one in found] == ["limit", "limit", "true"]
    assert breaker.seconds_left("python", "x") == 60
    clock.now += 61
    assert breaker.seconds_left("python", "x") == 0
    assert suspended == ["python"]


def test_a_script_that_comes_back_and_goes_on_is_suspended_at_once_and_for_longer() -> None:
    clock = Clock()
    breaker = known(Limits(strikes=2, suspension_ms=60_000), clock)
    breaker.strike("python", "x")
    breaker.strike("python", "x")
    left: list[float] = []
    for _ in range(8):
        left.append(breaker.seconds_left("python", "x"))
        clock.now += left[-1] + 1
        breaker.strike("python", "x")
    assert left == [60, 120, 240, 480, 960, 1920, 3840, 3840]


def test_old_strikes_are_forgotten() -> None:
    clock = Clock()
    breaker = known(Limits(strikes=2, suspension_ms=60_000), clock)
    breaker.strike("python", "x")
    assert breaker.is_suspect("python", "x")
    clock.now += 61
    breaker.strike("python", "x")
    assert breaker.seconds_left("python", "x") == 0
    clock.now += 601
    assert not breaker.is_suspect("python", "x")


def test_the_circuit_breaker_remembers_a_bounded_number_of_scripts() -> None:
    breaker = CircuitBreaker(Limits())
    for number in range(MAX_REMEMBERED + 10):
        breaker.strike("python", str(number))
    assert not breaker.is_suspect("python", "0")
    assert breaker.is_suspect("python", str(MAX_REMEMBERED))


def test_cheap_calls_are_charged_to_nobody() -> None:
    budget = BatchBudget(1)
    assert budget.charge(1.9, 1_000) == 0
    assert not budget.is_spent()


def test_dear_calls_are_charged_beyond_their_free_time() -> None:
    budget = BatchBudget(1)
    assert budget.charge(0.5 + 10 * FREE_S, 10) == pytest.approx(0.5)
    assert not budget.is_spent()
    budget.charge(0.5, 0)
    assert budget.is_spent()
