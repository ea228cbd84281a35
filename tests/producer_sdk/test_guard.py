"""The guard: errors of the SDK stay in the SDK, and are seen all the same."""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING, Any

import pytest

import producer_sdk
from producer_sdk import UsageError
from producer_sdk._counters import Counters
from producer_sdk._guard import Guard
from producer_sdk._log_throttle import LogThrottle

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def guard() -> Guard:
    return Guard(Counters())


def broken(guard: Guard) -> Callable[..., Any]:
    @guard(fallback="fallback")
    def function(value: int) -> str:
        return str(1 / value)

    return function


def internal_errors(guard: Guard) -> int:
    return guard.counters.snapshot(0).internal_errors


def test_an_error_is_counted_logged_with_its_traceback_and_replaced(
    guard: Guard, caplog: pytest.LogCaptureFixture
) -> None:
    assert broken(guard)(0) == "fallback"
    assert internal_errors(guard) == 1
    assert "function() failed inside the SDK; the host is not affected" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_a_strict_guard_raises(guard: Guard) -> None:
    guard.strict = True
    with pytest.raises(ZeroDivisionError):
        broken(guard)(0)
    with pytest.raises(UsageError) as error:
        guard.report("refused_invalid", "data", "wrong")
    assert (error.value.about, error.value.message) == ("data", "wrong")


def test_arguments_that_do_not_fit_are_the_callers_mistake(guard: Guard) -> None:
    assert broken(guard)(1, 2) == "fallback"
    stats = guard.counters.snapshot(0)
    assert (stats.refused_invalid, stats.internal_errors) == (1, 0)


def test_a_type_error_inside_is_our_mistake(guard: Guard) -> None:
    assert broken(guard)("text") == "fallback"
    assert internal_errors(guard) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_program_is_not_caught(guard: Guard, error: type[BaseException]) -> None:
    @guard(None)
    def interrupted() -> None:
        raise error

    with pytest.raises(error):
        interrupted()


def test_every_public_function_is_guarded() -> None:
    for name in producer_sdk.__all__:
        public = getattr(producer_sdk, name)
        if inspect.isfunction(public):
            assert public.__code__.co_name == "guarded", name


def test_a_line_that_calls_again_and_again_is_logged_once_for_each_thing(
    guard: Guard, caplog: pytest.LogCaptureFixture
) -> None:
    for about in ["data", "run_id", "data"]:
        guard.report("refused_invalid", about, f"{about} is wrong", count=2)
    assert [message.split(" (")[0] for message in caplog.messages] == [
        "data is wrong",
        "run_id is wrong",
    ]
    assert guard.counters.snapshot(0).refused_invalid == 6


def test_what_is_remembered_of_lines_is_bounded(guard: Guard) -> None:
    logging.getLogger("producer_sdk").disabled = True
    try:
        for number in range(2_500):
            guard.report("refused_invalid", str(number), "wrong")
    finally:
        logging.getLogger("producer_sdk").disabled = False
    assert len(guard._reported) <= 1_000


def test_seldom_lets_one_through_in_its_interval() -> None:
    now = [0.0]
    seldom = LogThrottle(30, lambda: now[0])
    said: list[float] = []
    for now[0] in [0, 1, 29, 30, 31, 100]:
        if seldom():
            said.append(now[0])
    assert said == [0, 30, 100]
