"""No script waits long for another that wastes time, and no good one pays for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psutil

from streams.scripts.budgets import WasteBudget
from streams.scripts.limits import Limits
from streams.scripts.sandbox import create_sandbox
from streams.scripts.thread_pools import ThreadPools
from tests.scripts.conftest import call, outcomes

if TYPE_CHECKING:
    from streams.engine.script_calls import ScriptAnswer, ScriptCall

HANGS = {"python": "sum(range(10**10)) > {n}", "js": "(() => {{ while ({n} < 99) {{}} }})()"}
GOOD = {"python": "data['n'] > {n}", "cel": "data.n > {n}", "js": "data.n > {n}"}


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_the_waste_budget_is_regained_with_time() -> None:
    clock = Clock()
    waste = WasteBudget(0.25, clock)
    assert not waste.is_spent()
    waste.charge(1.0)
    assert waste.is_spent()
    assert waste.left_s() == 0
    clock.now += 2
    assert not waste.is_spent()
    clock.now += 60
    assert waste.left_s() == 0.25


def test_scripts_that_went_over_their_limits_are_turned_away_when_much_was_wasted() -> None:
    async def ask() -> list[bool]:
        pools = ThreadPools(Limits())
        found = [await pools.run_quarantined(lambda: 1.0), await pools.run_quarantined(lambda: 0.0)]
        await pools.stop()
        return found

    assert asyncio.run(ask()) == [True, False]


MOST_RUN = 10
"""Of many calls that hang, so few may be run until they are over their limit."""


def storm(calls: list[ScriptCall], *, known: list[ScriptCall]) -> list[ScriptAnswer]:
    """Return the answers to one batch, of a sandbox that knows some scripts."""

    async def ask() -> list[ScriptAnswer]:
        sandbox = create_sandbox(Limits(), is_warm=True)
        await sandbox.start()
        await sandbox.evaluate(known)
        answers = await sandbox.evaluate(calls)
        await sandbox.stop()
        return answers

    return asyncio.run(ask())


def run_to_the_limit(answers: list[ScriptAnswer]) -> int:
    """Return how many of these limits are of calls that had all their time."""
    assert set(outcomes(answers)) == {"limit"}
    return sum("it was not run:" not in answer.detail for answer in answers)


def test_good_scripts_are_answered_beside_many_that_hang() -> None:
    """Those that are known, and a few that are as new as the bad ones, in every language."""
    good = [
        call(GOOD[engine].format(n=n), {"n": value}, engine=engine)
        for engine in GOOD
        for n in (0, 1)
        for value in (2, -1)
    ]
    known = [one for one in good if one.source.endswith("0")]
    bad = [
        call(HANGS[engine].format(n=n), {}, engine=engine) for engine in HANGS for n in range(20)
    ]
    answers = storm([*good, *bad], known=known)
    assert outcomes(answers[: len(good)]) == ["true", "false"] * 6
    assert run_to_the_limit(answers[len(good) :]) <= MOST_RUN


def test_a_batch_spends_a_few_budgets_on_scripts_that_hang() -> None:
    """Not one on each of 100."""
    good = call("data['n'] > 0", {"n": 1})
    bad = [call(HANGS["python"].format(n=n)) for n in range(100)]
    answers = storm([good, *bad], known=[good])
    assert outcomes(answers[:1]) == ["true"]
    assert run_to_the_limit(answers[1:]) <= MOST_RUN


def test_a_script_that_hung_in_one_batch_is_suspended_in_the_next() -> None:
    async def ask() -> tuple[list[str], ScriptAnswer]:
        suspended: list[str] = []
        sandbox = create_sandbox(Limits(), on_suspended=suspended.append)
        await sandbox.start()
        hanging = call(HANGS["js"].format(n=1), engine="js")
        await sandbox.evaluate([hanging])
        (answer,) = await sandbox.evaluate([hanging])
        await sandbox.stop()
        return suspended, answer

    suspended, answer = asyncio.run(ask())
    assert suspended == ["js"]
    assert answer.outcome == "limit"
    assert "suspended for another" in answer.detail


def test_a_sandbox_that_stops_while_its_engines_start_leaves_none_of_their_processes() -> None:
    """Nobody waits for engines that are warmed; they are ended all the same."""
    ours = psutil.Process()
    before = set(ours.children(recursive=True))

    async def start_and_stop() -> None:
        sandbox = create_sandbox(Limits(), is_warm=True)
        await sandbox.start()
        await sandbox.stop()

    asyncio.run(start_and_stop())
    _, alive = psutil.wait_procs(set(ours.children(recursive=True)) - before, timeout=5)
    assert alive == []
