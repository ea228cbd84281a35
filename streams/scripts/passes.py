"""Passes over the calls of one script: each answers calls in order, up to one that stops it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.engine.script_calls import ScriptAnswer
from streams.scripts.budgets import ScriptBudget
from streams.scripts.call_at_fault import CallAtFault
from streams.scripts.language import EngineFailed, cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.engine.script_calls import ScriptCall
    from streams.scripts.budgets import BatchBudget
    from streams.scripts.language import CallFault, CompiledScript, PassResult
    from streams.scripts.limits import Limits


class ScriptPasses:
    """Calls of one script, their answers so far, and the call at which the last pass stopped.

    Args:
        calls: all of the same script.
        limits: their budgets.
        batch: the budget that the scripts of the batch share.
    """

    def __init__(self, calls: Sequence[ScriptCall], limits: Limits, batch: BatchBudget) -> None:
        self.answers: list[ScriptAnswer] = []
        """Of the first calls, in order."""
        self.budget = ScriptBudget(limits, batch)
        self.stopped = CallAtFault(limits)
        self.is_quarantined = False
        """Whether passes run in the process of quarantined scripts."""
        self._calls = calls
        self._limits = limits

    @property
    def is_done(self) -> bool:
        """Return True if every call is answered."""
        return len(self.answers) == len(self._calls)

    @property
    def rest(self) -> Sequence[ScriptCall]:
        """Calls without an answer."""
        return self._calls[len(self.answers) :]

    def run_next(self, script: CompiledScript) -> None:
        """Run the rest, or alone the call at which the last pass stopped, with its own budget (R6)."""
        fault = self.stopped.fault
        if fault is None:
            self.run(script, self.rest, self.budget.seconds_for(len(self.rest)))
        elif self.stopped.is_starved_out:
            self._probe(script)
            self.give_up(fault)
        else:
            self.run(script, self.rest[:1], self._limits.call_s)

    def run(self, script: CompiledScript, calls: Sequence[ScriptCall], budget_s: float) -> None:
        """Run a pass over the first of the calls that have no answer.

        Raises:
            EngineFailed: the engine does not work now; what is answered stays so.
        """
        seconds = budget_s * self.stopped.stretch
        is_alone = len(calls) == 1
        result = script.run(calls, seconds, quarantined=self.is_quarantined)
        fault = result.fault
        if fault is not None and fault.deaths_to_blame and not result.answers:
            self._take_death(script, fault, result.used_s, is_alone=is_alone)
            return
        self.budget.charge(result.used_s, len(result.answers))
        if fault is not None and not result.answers:
            self.budget.wasted_s += min(result.used_s, seconds)  # not the time to end a process
        self._take(result, budget_s, is_alone=is_alone)

    def give_up(self, fault: CallFault) -> None:
        """Answer the call at fault as a limit."""
        allowed = f"{self._limits.call_ms} ms and {self._limits.memory_mb} MiB are allowed"
        message = f"{self._calls[0].engine}: {fault.message} ({allowed})"
        self.answers.append(ScriptAnswer("limit", cut(message)))
        self.stopped.reset()

    def _take(self, result: PassResult, budget_s: float, *, is_alone: bool) -> None:
        self.answers += result.answers
        fault = result.fault
        if self.is_done:  # a fault behind the last call is none of a call
            self.stopped.reset()
        elif fault is not None and fault.outcome == "error":
            detail = cut(f"{self._calls[0].engine}: {fault.message}")
            self.answers.append(ScriptAnswer("error", detail))
            self.stopped.reset()
        else:
            self.stopped.take_result(result, budget_s, is_alone=is_alone)

    def _take_death(
        self, script: CompiledScript, fault: CallFault, used_s: float, *, is_alone: bool
    ) -> None:
        """Count a process that died of the first call of a pass, unless that was the machine's fault.

        Raises:
            EngineFailed: it was.
        """
        self.stopped.take_death(fault)
        if not is_alone:
            return
        self._probe(script)
        self.stopped.count_death(fault, used_s)
        if self.stopped.is_to_blame:
            self.budget.charge_deaths(self.stopped.deaths_s)

    def _probe(self, script: CompiledScript) -> None:
        """Check that the engine works, before a call is blamed for what the machine may have done."""
        try:
            script.probe_engine(quarantined=self.is_quarantined)
        except EngineFailed:
            self.stopped.allow_one_more_try()
            raise
