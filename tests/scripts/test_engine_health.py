"""An engine that does not work is waited for and named; a script that crashes its engine is found out."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from streams.errors import EXIT_INTERNAL, EngineUnavailable
from streams.scripts import process_start
from streams.scripts.engine_health import EngineHealth
from streams.scripts.language import EngineFailed
from streams.scripts.limits import Limits
from streams.scripts.sandbox import create_sandbox
from tests.scripts.conftest import call, outcomes
from tests.scripts.dying_child import boot

if TYPE_CHECKING:
    from collections.abc import Iterable


class Clock:
    """A clock that goes on by a second with each look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def attempts(health: EngineHealth, ends: Iterable[str | None]) -> list[str | None]:
    """Make an attempt that fails for each reason until one is None; return what was said before each."""
    said: list[str | None] = []
    left = iter(ends)

    async def attempt() -> None:
        said.append(health.why_waiting())
        reason = next(left)
        if reason is not None:
            raise EngineFailed(reason)

    asyncio.run(health.retry("js", attempt))
    return said


def test_an_engine_that_does_not_work_is_waited_for_and_named() -> None:
    health = EngineHealth(60)
    said = attempts(health, ["no descriptors", "no memory", None])
    assert said[0] is None
    assert said[1:] == [
        f"the script engine js has not worked for 0 s, what needs it waits ({reason})"
        for reason in ("no descriptors", "no memory")
    ]
    assert health.why_waiting() is None, "nobody waits for it any more"


def test_an_engine_that_does_not_work_for_too_long_ends_the_worker_and_says_what_to_do() -> None:
    with pytest.raises(EngineUnavailable) as raised:
        attempts(EngineHealth(5, Clock()), ["no descriptors"] * 100)
    message = str(raised.value)
    assert raised.value.exit_code == EXIT_INTERNAL
    assert message.startswith("the script engine js has not worked for 5 s (no descriptors)")
    assert "file descriptors, memory and processes" in message


def test_time_counts_from_the_last_good_answer() -> None:
    """As long as an engine answers somebody, the others wait on."""
    health = EngineHealth(3, Clock())
    failures = 0

    async def attempt() -> None:
        nonlocal failures
        failures += 1
        health.works("js")
        if failures < 8:
            raise EngineFailed("it dies now and then")

    asyncio.run(health.retry("js", attempt))
    assert failures == 8


def test_nobody_waits_for_an_engine_of_a_sandbox_that_stops() -> None:
    health = EngineHealth(1_000)
    health.stop()
    with pytest.raises(EngineUnavailable, match="the sandbox stops"):
        attempts(health, ["no descriptors"])


def test_an_engine_that_does_not_work_is_logged_once_and_then_seldom(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    health = EngineHealth(1_000, clock)

    async def attempt() -> None:
        if clock.now < 35:
            raise EngineFailed("no descriptors")
        health.works("js")

    monkeypatch.setattr("streams.scripts.engine_health.RETRY_S", 0)
    with capture_logs() as lines:
        asyncio.run(health.retry("js", attempt))
    events = [(line["event"], line["log_level"]) for line in lines]
    assert events == [
        *[("script engine does not work", "warning")] * 4,
        ("script engine works again", "info"),
    ]


@pytest.mark.parametrize("engine", ["cel", "js"])
def test_a_script_that_crashes_its_engine_is_found_out_and_harms_nobody_else(
    monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    """It is a limit and suspended; the engine counts as well, and the worker as ready, all the time."""
    monkeypatch.setattr(process_start, "BOOT", boot("", "SIGKILL"))
    suspended: list[str] = []
    said: set[str | None] = set()

    async def ask() -> list[list[str]]:
        sandbox = create_sandbox(Limits(), on_suspended=suspended.append, engine_timeout_s=0)
        await sandbox.start()

        async def look() -> None:
            while True:
                said.add(sandbox.why_waiting())
                await asyncio.sleep(0)

        looking = asyncio.create_task(look())
        found: list[list[str]] = []
        for number in range(3):
            bad = [call(f"data.n == {number + 5}", {"n": "crash"}, engine=engine)] * 2
            good = [call("data.n == 1", {"n": n}, engine=engine) for n in (0, 1)]
            found.append(outcomes(await sandbox.evaluate([good[0], *bad, good[1]])))
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
        await sandbox.stop()
        return found

    assert asyncio.run(ask()) == [["false", "limit", "limit", "true"]] * 3
    assert said == {None}
    assert suspended == [engine] * 3
