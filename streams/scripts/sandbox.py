"""The one door to scripts: calls go in, answers come out, whatever the language."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Protocol

from streams.engine.script_calls import ScriptAnswer
from streams.scripts.circuit_breaker import Bench
from streams.scripts.engine_health import PATIENCE_S, EngineHealth
from streams.scripts.language import EngineFailed, NotCompiled, OverLimits, cut
from streams.scripts.scheduling import Allowance, Round
from streams.scripts.script_cache import ENGINES, CompiledScripts
from streams.scripts.thread_pools import Lanes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.engine.script_calls import ScriptCall
    from streams.scripts.language import Program
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
    benched: Callable[[str], None] | None = None,
    is_warm: bool = False,
    patience_s: float = PATIENCE_S,
) -> Sandbox:
    """Return a sandbox for all engines.

    Args:
        limits: what a script may cost.
        benched: told the engine of each script that is benched, from any thread.
        is_warm: start the engines that are installed at once, not with their first scripts.
        patience_s: time for which calls wait for an engine that does not work.
    """
    return ScriptSandbox(limits, benched=benched, is_warm=is_warm, patience_s=patience_s)


class ScriptSandbox:
    """The sandbox of a worker: engines in processes, waited for in threads.

    Args:
        limits: what a script may cost.
        benched: told the engine of each script that is benched, from any thread.
        is_warm: start the engines that are installed at once, not with their first scripts.
        patience_s: time for which calls wait for an engine that does not work.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        benched: Callable[[str], None] | None = None,
        is_warm: bool = False,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._is_warm = is_warm
        self._limits = limits
        self._scripts = CompiledScripts(limits)
        self._bench = Bench(limits, benched=benched)
        self._health = EngineHealth(patience_s)
        self.why_waiting = self._health.why_waiting
        self._lanes: Lanes | None = None
        self._warm: set[str] = set()
        """Engines that were started, for which nobody has to wait any more."""
        self._tasks: set[asyncio.Task[list[ScriptAnswer]]] = set()
        """Rounds under way; some go on while their batches do not wait for them any more."""
        self._warming: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """See `Sandbox`."""
        self._lanes = Lanes(self._limits)
        if self._is_warm:
            self._warming = asyncio.create_task(self._warm_all(), name="warm-scripts")

    async def stop(self) -> None:
        """See `Sandbox`."""
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.wait([self._warming])
        self._health.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        lanes, self._lanes = self._lanes, None
        if lanes is not None:
            await lanes.stop()
            await asyncio.to_thread(self._scripts.stop)

    async def check(self, engine: str, source: str, kind: str) -> str | None:  # noqa: ARG002  # filters and validators are written alike
        """See `Sandbox`."""
        lanes = self._started
        return await self._health.patiently(
            engine, lambda: lanes.known(self._refusal, engine, source)
        )

    async def evaluate(self, calls: Sequence[ScriptCall]) -> list[ScriptAnswer]:
        """See `Sandbox`."""
        groups: dict[tuple[str, str], list[int]] = {}
        for number, call in enumerate(calls):
            groups.setdefault((call.engine, call.source), []).append(number)
        allowance = Allowance(self._limits.batch_ms / 1_000)
        rounds = [
            Round([calls[number] for number in numbers], self._limits, self._bench, allowance)
            for numbers in groups.values()
        ]
        await self._warm_up({call.engine for call in calls})
        found = await self._gather(rounds)
        answers: dict[int, ScriptAnswer] = {}
        for numbers, some in zip(groups.values(), found, strict=True):
            answers.update(zip(numbers, some, strict=True))
        return [answers[number] for number in range(len(calls))]

    @property
    def _started(self) -> Lanes:
        if self._lanes is None:
            raise RuntimeError("the sandbox is not started")
        return self._lanes

    async def _warm_all(self) -> None:
        """Start the engines beside all else, one by one: a worker that comes back has runs to judge.

        A script of one that is still cold waits for its own engine alone.
        """
        for engine in ENGINES:
            await self._warm_up({engine})

    async def _warm_up(self, engines: set[str]) -> None:
        """Start engines before the time of a script is counted."""
        cold = engines - self._warm
        await asyncio.gather(*(self._started.known(self._scripts.warm, one) for one in cold))
        self._warm |= cold

    def _refusal(self, engine: str, source: str) -> str | None:
        try:
            self._scripts.get(engine, source)
        except NotCompiled as refusal:
            return cut(str(refusal))
        return None

    async def _gather(self, rounds: Sequence[Round]) -> list[list[ScriptAnswer]]:
        """Return the answers of each script; of one that is late, those there are when time is up.

        While scripts waste time, the batch waits for one that went over its limits no longer than
        a call may take, and for a new one, which has to wait for others, as long as there is
        patience, at most four times as long.
        """
        lanes = self._started
        tasks = {asyncio.create_task(self._answers(one, lanes)): one for one in rounds}
        for task in tasks:
            self._tasks.add(task)
            task.add_done_callback(self._let_go)
        waiting = set(tasks)
        began_s = time.monotonic()
        while waiting:
            _, waiting = await asyncio.wait(waiting, timeout=self._limits.call_s)
            is_up = time.monotonic() - began_s > lanes.wait_s()
            waiting -= {task for task in waiting if self._is_late(tasks[task], lanes, is_up=is_up)}
        return [task.result() if task.done() else one.so_far() for task, one in tasks.items()]

    async def _answers(self, round_: Round, lanes: Lanes) -> list[ScriptAnswer]:
        """Answer the calls of one script, and go on where its engine stopped once that works again."""
        attempt = partial(self._go_through_lanes, round_, lanes)
        return await self._health.patiently(round_.engine, attempt)

    async def _go_through_lanes(self, round_: Round, lanes: Lanes) -> list[ScriptAnswer]:
        """Answer the calls of one script, each step in its lane.

        Raises:
            EngineFailed: the engine does not work now; what is answered stays so.
        """
        script = (round_.engine, round_.source)
        if seconds := self._bench.seconds_left(*script):
            reason = "the script kept going over its limits and is benched for another"
            round_.refuse(f"{reason} {seconds:.0f} s")
            return round_.conclude()
        if not round_.is_doubtful:
            if round_.is_new:
                await lanes.trial(self._step(round_, round_.try_first))
            if not (round_.is_done or round_.is_stuck):
                await lanes.known(self._step(round_, round_.run_on))
        if (
            round_.is_doubtful
            and not round_.is_done
            and not await lanes.apart(self._step(round_, round_.run_apart))
        ):
            round_.refuse("it took long, and so did other scripts at the same time")
        return round_.conclude()

    def _step(self, round_: Round, run: Callable[[Program], None]) -> Callable[[], float]:
        """Return what runs calls of a script in a thread, and returns what they wasted."""

        def step() -> float:
            before_s, answered = round_.wasted_s, round_.answered
            try:
                run(self._scripts.get(round_.engine, round_.source))
                self._health.works(round_.engine)
            except EngineFailed:
                if round_.answered > answered:
                    self._health.works(round_.engine)
                raise
            except OverLimits as refusal:  # it is benched in time
                round_.fail(ScriptAnswer("limit", cut(str(refusal))), self._limits.call_s)
            except NotCompiled as refusal:
                round_.fail(ScriptAnswer("not_compiled", cut(str(refusal))))
            return round_.wasted_s - before_s

        return step

    def _is_late(self, round_: Round, lanes: Lanes, *, is_up: bool) -> bool:
        """Return whether a batch goes on without the answers of a script."""
        if self._health.is_troubled(round_.engine):
            return False
        may_be_late = round_.is_doubtful or (round_.is_new and is_up)
        return may_be_late and lanes.is_under_attack(round_.wasted_s)

    def _let_go(self, task: asyncio.Task[list[ScriptAnswer]]) -> None:
        """Forget a round that is over; if nobody waits for it any more, its failure is nobody's."""
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()
