"""Runs the calls of one script through the thread pools, and waits for its engine if that fails."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from streams.engine.script_calls import ScriptAnswer
from streams.scripts.language import EngineFailed, NotCompiled, OverLimits, cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.scripts.circuit_breaker import CircuitBreaker
    from streams.scripts.engine_health import EngineHealth
    from streams.scripts.language import CompiledScript
    from streams.scripts.limits import Limits
    from streams.scripts.scheduling import ScriptRun
    from streams.scripts.script_cache import ScriptCache
    from streams.scripts.thread_pools import ThreadPools


class ScriptRunner:
    """Runs the calls of scripts, each step in the threads for it.

    Args:
        limits: budgets of scripts.
        scripts: compiles them.
        breaker: knows which are suspended.
        health: waits for engines that do not work.
        pools: the threads.
    """

    def __init__(
        self,
        limits: Limits,
        scripts: ScriptCache,
        breaker: CircuitBreaker,
        health: EngineHealth,
        pools: ThreadPools,
    ) -> None:
        self._limits = limits
        self._scripts = scripts
        self._breaker = breaker
        self._health = health
        self._pools = pools

    async def answers(self, run: ScriptRun) -> list[ScriptAnswer]:
        """Answer the calls of a script, and go on where its engine stopped once that works again.

        Raises:
            EngineUnavailable: it did not work for too long.
        """
        return await self._health.retry(run.engine, partial(self._run_steps, run))

    def is_late(self, run: ScriptRun, *, is_up: bool) -> bool:
        """Return True if a batch goes on without the answers of a script.

        Args:
            run: the calls of the script.
            is_up: whether the batch has waited for as long as it may for new scripts.
        """
        if self._health.is_troubled(run.engine):
            return False
        may_be_late = run.is_doubtful or (run.is_new and is_up)
        return may_be_late and self._pools.is_under_attack(run.wasted_s)

    async def _run_steps(self, run: ScriptRun) -> list[ScriptAnswer]:
        """Answer the calls of a script: a trial if it is new, then passes, then the quarantine.

        Raises:
            EngineFailed: the engine does not work now; what is answered stays so.
        """
        if seconds := self._breaker.seconds_left(run.engine, run.source):
            reason = "the script kept going over its limits and is suspended for another"
            run.refuse(f"{reason} {seconds:.0f} s")
            return run.conclude()
        if not run.is_doubtful:
            if run.is_new:
                await self._pools.run_trial(self._step(run, run.try_first))
            if not (run.is_done or run.is_stuck):
                await self._pools.run_known(self._step(run, run.run_on))
        if (
            run.is_doubtful
            and not run.is_done
            and not await self._pools.run_quarantined(self._step(run, run.run_quarantined))
        ):
            run.refuse("it took long, and so did other scripts at the same time")
        return run.conclude()

    def _step(
        self, run: ScriptRun, run_calls: Callable[[CompiledScript], None]
    ) -> Callable[[], float]:
        """Return a function that runs calls of a script in a thread, and returns what they wasted."""

        def step() -> float:
            before_s, answered = run.wasted_s, run.answered
            try:
                run_calls(self._scripts.get(run.engine, run.source))
                self._health.works(run.engine)
            except EngineFailed:
                if run.answered > answered:
                    self._health.works(run.engine)
                raise
            except OverLimits as refusal:  # strikes will suspend it
                run.fail(ScriptAnswer("limit", cut(str(refusal))), self._limits.call_s)
            except NotCompiled as refusal:
                run.fail(ScriptAnswer("not_compiled", cut(str(refusal))))
            return run.wasted_s - before_s

        return step
