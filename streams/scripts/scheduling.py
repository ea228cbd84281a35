"""Runs the calls of one script within a batch: a trial, passes, and passes in quarantine.

A new script is tried for a moment on its first call. A known one runs its calls in passes: a pass
takes them in order and stops at one that goes over its limits. From there on the script is
quarantined: that call is tried alone, with its own budget, unless it has just had that; then passes
go on behind it. So a call that hangs, crashes or eats memory costs itself an answer and the others
nothing but time. That time is bounded by what a script may waste in a batch, and from the next
batch on by the circuit breaker, which suspends a script that did it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.engine.script_calls import ScriptAnswer
from streams.scripts.language import cut
from streams.scripts.passes import ScriptPasses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.engine.script_calls import ScriptCall
    from streams.scripts.budgets import BatchBudget
    from streams.scripts.circuit_breaker import CircuitBreaker
    from streams.scripts.language import CallFault, CompiledScript
    from streams.scripts.limits import Limits


class ScriptRun:
    """The calls of one script within one batch.

    Args:
        calls: all of the same script.
        limits: their budgets.
        breaker: is told of calls over their budget.
        batch: the budget that the scripts of the batch share.
    """

    def __init__(
        self,
        calls: Sequence[ScriptCall],
        limits: Limits,
        breaker: CircuitBreaker,
        batch: BatchBudget,
    ) -> None:
        self.engine = calls[0].engine
        self.source = calls[0].source
        self.is_new = not breaker.is_known(self.engine, self.source)
        """Whether it must be tried first."""
        self._calls = calls
        self._limits = limits
        self._breaker = breaker
        self._is_suspect = breaker.is_suspect(self.engine, self.source)
        self._passes = ScriptPasses(calls, limits, batch)
        self._strikes = 0

    @property
    def wasted_s(self) -> float:
        """CPU time of passes that gave no answer."""
        return self._passes.budget.wasted_s

    @property
    def answered(self) -> int:
        """Number of calls that are answered."""
        return len(self._passes.answers)

    @property
    def is_done(self) -> bool:
        """Return True if every call is answered."""
        return self._passes.is_done

    @property
    def is_stuck(self) -> bool:
        """Return True if a call went over its limits alone, so that other scripts must not wait for it."""
        return self._passes.stopped.is_stuck

    @property
    def is_doubtful(self) -> bool:
        """Return True if it must be quarantined: it went over its limits, now or recently."""
        return self._is_suspect or self.is_stuck

    def try_first(self, script: CompiledScript) -> None:
        """Run the first call for a moment, which is enough for a reasonable script.

        One that is dear to stop gets the whole time of a call, and no second try if it needs more.
        """
        seconds = self._limits.trial_s if script.is_cheap_to_stop else self._limits.call_s
        self._passes.run(script, self._calls[:1], seconds)
        while self._passes.stopped.gets_another_moment:
            self._passes.run(script, self._calls[:1], seconds)
        self.is_new = False
        fault = self._passes.stopped.fault
        if fault is None:
            return
        self._is_suspect = True  # also if it is starved: nothing is known of it
        if self._passes.stopped.is_to_blame:
            self._strike(fault)

    def run_on(self, script: CompiledScript) -> None:
        """Run calls up to one that goes over its limits."""
        while not self.is_done and not self.is_stuck and self._passes.budget.take_pass():
            self._passes.run_next(script)

    def run_quarantined(self, script: CompiledScript) -> None:
        """Run calls as far as what the script may waste allows."""
        self._passes.is_quarantined = True
        while not self.is_done:
            if self._passes.stopped.fault is not None and self._passes.stopped.is_given_up:
                self._strike(self._passes.stopped.fault)
            elif self._passes.budget.may_waste_more() and self._passes.budget.take_pass():
                self._passes.run_next(script)
            else:
                return

    def refuse(self, reason: str) -> None:
        """Answer the rest as limits: the calls are not run, for this reason."""
        self.fail(self._unrun(reason))

    def fail(self, answer: ScriptAnswer, wasted_s: float = 0.0) -> None:
        """Answer the rest alike: the script cannot be run, which took `wasted_s` to find out."""
        self._passes.budget.wasted_s += wasted_s
        self._passes.answers += [answer] * len(self._passes.rest)
        self._passes.stopped.fault = None

    def so_far(self) -> list[ScriptAnswer]:
        """Return one answer a call while another thread still runs calls: those count as limits."""
        answers = self._passes.answers.copy()
        reason = "it took long, while other scripts went over their limits"
        return answers + [self._unrun(reason)] * (len(self._calls) - len(answers))

    def conclude(self) -> list[ScriptAnswer]:
        """Return one answer a call, in order, and tell the circuit breaker how the script did."""
        if any(answer.outcome != "limit" for answer in self._passes.answers):
            self._breaker.mark_known(self.engine, self.source)
        for _ in range(self._strikes):
            self._breaker.strike(self.engine, self.source)
        if not self._strikes and self.wasted_s:
            self._breaker.note_waste(self.engine, self.source, self.wasted_s)
        allowed_ms = self._limits.program_ms if self._strikes else self._limits.batch_ms
        self.refuse(f"calls before it used up the {allowed_ms:,} ms that may be wasted in a batch")
        return self._passes.answers

    def _unrun(self, reason: str) -> ScriptAnswer:
        return ScriptAnswer("limit", cut(f"{self.engine}: it was not run: {reason}"))

    def _strike(self, fault: CallFault) -> None:
        self._strikes += 1
        self._passes.give_up(fault)
