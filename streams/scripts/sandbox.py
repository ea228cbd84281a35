"""The sandbox: evaluates filters and validators in every language, batch by batch."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Protocol

from streams.scripts.budgets import BatchBudget
from streams.scripts.circuit_breaker import CircuitBreaker
from streams.scripts.engine_health import ENGINE_TIMEOUT_S, EngineHealth
from streams.scripts.language import NotCompiled, cut
from streams.scripts.scheduling import ScriptRun
from streams.scripts.script_cache import LANGUAGES, ScriptCache
from streams.scripts.script_runner import ScriptRunner
from streams.scripts.thread_pools import ThreadPools

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.engine.script_calls import ScriptAnswer, ScriptCall
    from streams.scripts.limits import Limits


class Sandbox(Protocol):
    """Runs scripts where they can neither escape nor stall."""

    async def start(self) -> None:
        """Get ready; must be called before anything else."""
        ...

    async def stop(self) -> None:
        """End every process of the sandbox, once the calls under way are answered."""
        ...

    async def evaluate(self, calls: Sequence[ScriptCall]) -> list[ScriptAnswer]:
        """Return the answers to `calls`, in their order; nothing that a script does raises.

        Calls wait for an engine that does not work.

        Raises:
            EngineUnavailable: it did not for too long.
        """
        ...

    async def check(self, engine: str, source: str, kind: str) -> str | None:
        """Return why a script is refused, for people, with its line; None if it is not.

        Raises:
            EngineUnavailable: its engine does not work, so that nobody can say.
        """
        ...

    def why_waiting(self) -> str | None:
        """Return which engines do not work and are waited for, and why; None if there are none."""
        ...


def create_sandbox(
    limits: Limits,
    *,
    on_suspended: Callable[[str], None] | None = None,
    is_warm: bool = False,
    engine_timeout_s: float = ENGINE_TIMEOUT_S,
) -> Sandbox:
    """Return a sandbox for all engines.

    Args:
        limits: budgets of scripts.
        on_suspended: called with the engine of each script that is suspended, from any thread.
        is_warm: start the installed engines at once, not with their first scripts.
        engine_timeout_s: time for which calls wait for an engine that does not work.
    """
    return ScriptSandbox(
        limits, on_suspended=on_suspended, is_warm=is_warm, engine_timeout_s=engine_timeout_s
    )


class ScriptSandbox:
    """The sandbox of a worker: engines in processes, waited for in threads.

    Args:
        limits: budgets of scripts.
        on_suspended: called with the engine of each script that is suspended, from any thread.
        is_warm: start the installed engines at once, not with their first scripts.
        engine_timeout_s: time for which calls wait for an engine that does not work.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        on_suspended: Callable[[str], None] | None = None,
        is_warm: bool = False,
        engine_timeout_s: float = ENGINE_TIMEOUT_S,
    ) -> None:
        self._is_warm = is_warm
        self._limits = limits
        self._scripts = ScriptCache(limits)
        self._breaker = CircuitBreaker(limits, on_suspended=on_suspended)
        self._health = EngineHealth(engine_timeout_s)
        self.why_waiting = self._health.why_waiting
        self._pools: ThreadPools | None = None
        self._warm: set[str] = set()
        """Engines that were started, for which nobody has to wait any more."""
        self._tasks: set[asyncio.Task[list[ScriptAnswer]]] = set()
        """Scripts under way; some go on while their batches do not wait for them any more."""
        self._warming: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """See `Sandbox`."""
        self._pools = ThreadPools(self._limits)
        if self._is_warm:
            self._warming = asyncio.create_task(self._warm_all(), name="warm-scripts")

    async def stop(self) -> None:
        """See `Sandbox`."""
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.wait([self._warming])
        self._health.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        pools, self._pools = self._pools, None
        if pools is not None:
            await pools.stop()
            await asyncio.to_thread(self._scripts.stop)

    async def check(self, engine: str, source: str, kind: str) -> str | None:  # noqa: ARG002  # filters and validators are written alike
        """See `Sandbox`."""
        pools = self._started
        return await self._health.retry(
            engine, lambda: pools.run_known(self._refusal, engine, source)
        )

    async def evaluate(self, calls: Sequence[ScriptCall]) -> list[ScriptAnswer]:
        """See `Sandbox`."""
        groups: dict[tuple[str, str], list[int]] = {}
        for number, call in enumerate(calls):
            groups.setdefault((call.engine, call.source), []).append(number)
        budget = BatchBudget(self._limits.batch_ms / 1_000)
        runs = [
            ScriptRun([calls[number] for number in numbers], self._limits, self._breaker, budget)
            for numbers in groups.values()
        ]
        await self._warm_up({call.engine for call in calls})
        found = await self._gather(runs)
        answers: dict[int, ScriptAnswer] = {}
        for numbers, some in zip(groups.values(), found, strict=True):
            answers.update(zip(numbers, some, strict=True))
        return [answers[number] for number in range(len(calls))]

    @property
    def _started(self) -> ThreadPools:
        if self._pools is None:
            raise RuntimeError("the sandbox is not started")
        return self._pools

    async def _warm_all(self) -> None:
        """Start the engines in the background, one by one: a restarted worker has runs to judge.

        A script whose engine is still cold waits for that engine alone.
        """
        for engine in LANGUAGES:
            await self._warm_up({engine})

    async def _warm_up(self, engines: set[str]) -> None:
        """Start engines before the time of a script is counted."""
        cold = engines - self._warm
        await asyncio.gather(*(self._started.run_known(self._scripts.warm, one) for one in cold))
        self._warm |= cold

    def _refusal(self, engine: str, source: str) -> str | None:
        try:
            self._scripts.get(engine, source)
        except NotCompiled as refusal:
            return cut(str(refusal))
        return None

    async def _gather(self, runs: Sequence[ScriptRun]) -> list[list[ScriptAnswer]]:
        """Return the answers of each script; of a late one, those that are there when time is up.

        While scripts waste time, the batch waits for one that went over its limits no longer than
        a call may take. For a new one, which has to wait for others, it waits for as long as their
        waste budget lasts, at most four times the time of a call.
        """
        pools = self._started
        runner = ScriptRunner(self._limits, self._scripts, self._breaker, self._health, pools)
        tasks = {asyncio.create_task(runner.answers(run)): run for run in runs}
        for task in tasks:
            self._tasks.add(task)
            task.add_done_callback(self._forget)
        waiting = set(tasks)
        began_s = time.monotonic()
        while waiting:
            _, waiting = await asyncio.wait(waiting, timeout=self._limits.call_s)
            is_up = time.monotonic() - began_s > pools.wait_s()
            waiting -= {task for task in waiting if runner.is_late(tasks[task], is_up=is_up)}
        return [task.result() if task.done() else run.so_far() for task, run in tasks.items()]

    def _forget(self, task: asyncio.Task[list[ScriptAnswer]]) -> None:
        """Drop a task that is over; if no batch waits for it any more, its failure is nobody's."""
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()
