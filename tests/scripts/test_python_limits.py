"""A script that hangs, eats memory or crashes its process costs itself an answer, and no other (R6)."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
import pytest

from streams.scripts.limits import Limits
from streams.scripts.sandbox import create_sandbox
from tests.scripts.conftest import call, outcomes

if TYPE_CHECKING:
    from streams.engine.script_calls import ScriptCall
    from tests.scripts.conftest import Asker

GOOD = 'data["n"] > 0'

SLOW = "len([0 for _ in range(data['n'])]) == data['n']"
"""Takes a millisecond for some ten thousand."""

TOO_LONG = "sum(range(10**10)) > 0"
"""Goes on in steps, between which the interpreter can end it."""

STUCK = (
    "def check(data, ctx):\n    a = b = ()\n    for _ in range(40):\n        a, b = [a, a], [b, b]\n"
    "    return a == b"
)
"""Compares for ever in one step, so that only the end of the process ends it."""

TOO_MUCH = "len('x' * 10**9) > 0"
FILLING = (
    "def check(data, ctx):\n    all = []\n    while True:\n        all.append('x' * 40_000_000)"
)
UNCATCHABLE = (
    "def check(data, ctx):\n    while True:\n        try:\n            while True:\n                pass\n"
    "        except BaseException:\n            pass"
)


def bad_at_zero(source: str) -> str:
    """Return a script that does something bad if `n` is 0, and is as good as `GOOD` else."""
    if source.startswith("def "):
        bad = "\n".join(f"    {line}" for line in source.splitlines())
        return f"def choose(data, ctx):\n{bad}\n    return {GOOD} or check(data, ctx)"
    return f"{GOOD} or ({source})"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (TOO_LONG, "took too long"),
        (UNCATCHABLE, "took too long"),
        (STUCK, "took too long and its sandbox process was ended"),
        ("10**10**7 > 0", "took too long and its sandbox process was ended"),
        (TOO_MUCH, "used too much memory"),
        ("'a'.ljust(10**10) > ''", "used too much memory"),
    ],
)
def test_R6_over_a_limit_is_a_limit(fresh_ask: Asker, source: str, message: str) -> None:
    answer = fresh_ask(source)
    assert answer.outcome == "limit"
    # On a busy machine the sandbox may have to end its process before the script gives up.
    assert answer.detail.startswith(f"python: {message}")
    assert answer.detail.endswith(" (50 ms and 64 MiB are allowed)")
    assert fresh_ask(GOOD, {"n": 1}).outcome == "true"


def test_R6_memory_that_is_filled_bit_by_bit_is_a_limit(fresh_ask: Asker) -> None:
    """Of memory or of time: whichever a busy machine reaches first."""
    answer = fresh_ask(FILLING)
    assert answer.outcome == "limit"
    assert "50 ms and 64 MiB are allowed" in answer.detail


@pytest.mark.parametrize("bad", [TOO_LONG, STUCK, TOO_MUCH, UNCATCHABLE])
def test_the_others_of_a_batch_are_answered(patient_ask: Asker, bad: str) -> None:
    """Those of the same script, before and behind, and those of another."""
    ns = [1, 1, 0, 1, -1] if bad.startswith("def") else [1, 1, 0, 1, 1]
    calls = [call(bad_at_zero(bad), {"n": n}) for n in ns[:4]]
    calls += [call(GOOD, {"n": n}) for n in (1, 0)]
    assert outcomes(patient_ask.all(calls)) == ["true", "true", "limit", "true", "true", "false"]


def test_a_batch_of_slow_calls_within_their_own_limit_is_answered(fresh_ask: Asker) -> None:
    """Together they need more than the time of a script in one pass."""
    calls = [call(SLOW, {"n": 60_000}) for _ in range(200)]
    started_s = time.perf_counter()
    answers = fresh_ask.all(calls)
    assert outcomes(answers) == ["true"] * len(calls)
    assert time.perf_counter() - started_s > 0.25


def test_what_a_batch_has_no_time_for_is_a_limit() -> None:
    limits = Limits(call_ms=200, program_ms=200, batch_ms=200, strikes=1_000)

    async def ask() -> list[str]:
        sandbox = create_sandbox(limits)
        await sandbox.start()
        answers = await sandbox.evaluate([call(SLOW, {"n": 600_000}) for _ in range(100)])
        await sandbox.stop()
        assert "used up the 200 ms that may be wasted in a batch" in answers[-1].detail
        return outcomes(answers)

    found = asyncio.run(ask())
    assert found[0] == "true"
    assert found[-1] == "limit"
    assert found == sorted(found, reverse=True)


def test_a_script_that_goes_over_its_limits_again_is_suspended(fresh_ask: Asker) -> None:
    """From the next batch on: in its own the calls beside the bad ones are answered, too."""
    batch = [call(bad_at_zero(TOO_MUCH), {"n": n}) for n in (0, 1, 0, 1, 0, 1)]
    answers = fresh_ask.all([*batch, call(GOOD, {"n": 1})])
    assert outcomes(answers) == ["limit", "true"] * 3 + ["true"]
    answers = fresh_ask.all([*batch, call(GOOD, {"n": 1})])
    assert outcomes(answers) == ["limit"] * 6 + ["true"]
    assert "suspended for another" in answers[1].detail


def test_a_killed_process_is_replaced_and_its_calls_are_answered(fresh_ask: Asker) -> None:
    for process in psutil.Process().children():
        os.kill(process.pid, signal.SIGKILL)
    calls = [call(GOOD, {"n": n}) for n in (1, 0)]
    assert outcomes(fresh_ask.all(calls)) == ["true", "false"]


def test_processes_killed_all_the_time_are_no_fault_of_a_script(fresh_ask: Asker) -> None:
    """Each batch is answered, and rightly."""

    async def batches() -> list[list[str]]:
        killer = asyncio.create_task(_kill_children(100))
        answers = [
            outcomes(
                await fresh_ask.sandbox.evaluate(
                    [call(f"{GOOD} and {n % 3} < 3", {"n": k % 2}) for k in range(50)]
                )
            )
            for n in range(60)
        ]
        await killer
        return answers

    assert asyncio.run(batches()) == [["false", "true"] * 25] * 60
    assert fresh_ask(GOOD + " and 9 > 8", {"n": 1}).outcome == "true"


async def _kill_children(times: int) -> None:
    for _ in range(times):
        for process in psutil.Process().children():
            with suppress(psutil.NoSuchProcess):  # the pool has just replaced it
                process.kill()
        await asyncio.sleep(0.02)


def test_a_machine_that_has_no_cpu_for_a_script_is_no_fault_of_the_script(
    fresh_ask: Asker,
) -> None:
    """Its processes stand still for longer than a call may take, again and again."""

    async def batches() -> set[str]:
        stopped = asyncio.Event()
        freezer = asyncio.create_task(_freeze_children(stopped))
        calls = [call(SLOW, {"n": 20_000})] * 20
        found: set[str] = set()
        until = time.monotonic() + 3
        while time.monotonic() < until:
            found |= set(outcomes(await fresh_ask.sandbox.evaluate(calls)))
        stopped.set()
        await freezer
        return found

    assert asyncio.run(batches()) == {"true"}


async def _freeze_children(stopped: asyncio.Event) -> None:
    while not stopped.is_set():
        until = time.monotonic() + 0.4
        while time.monotonic() < until:
            _signal_children(signal.SIGSTOP)  # also those that are new
            await asyncio.sleep(0)
        _signal_children(signal.SIGCONT)
        await asyncio.sleep(0.1)


def _signal_children(number: signal.Signals) -> None:
    for process in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def test_evaluations_run_side_by_side(fresh_ask: Asker) -> None:
    """Each gets its own answers, a hanging one as well."""

    async def many() -> list[list[str]]:
        good = [[call(GOOD, {"n": n % 3}) for _ in range(n + 1)] for n in range(20)]
        bad: list[list[ScriptCall]] = [[call(TOO_LONG)]]
        answers = await asyncio.gather(*map(fresh_ask.sandbox.evaluate, [*bad, *good]))
        return [outcomes(one) for one in answers]

    bad, *good = asyncio.run(many())
    assert bad == ["limit"]
    assert good == [["false" if n % 3 == 0 else "true"] * (n + 1) for n in range(20)]


def test_a_cancelled_evaluation_leaves_the_sandbox_usable(fresh_ask: Asker) -> None:
    async def cancel() -> None:
        task = asyncio.create_task(fresh_ask.sandbox.evaluate([call(TOO_LONG)]))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()

    asyncio.run(cancel())
    assert fresh_ask(GOOD, {"n": 1}).outcome == "true"
