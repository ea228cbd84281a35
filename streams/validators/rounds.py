"""How the calls of one script share their time.

A pass takes the calls in order. If it stops at one, that call is tried once more, alone, with its
own budget; then the next pass goes on behind it. So a call that hangs, crashes or eats memory
costs itself an answer and the others nothing but time. That is bounded, too: by what a batch may
waste, and from the next batch on by the bench, where a script waits that did it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.engine.scripts import ScriptAnswer
from streams.validators.engine import cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.engine.scripts import ScriptCall
    from streams.validators.bench import Bench
    from streams.validators.engine import Fault, Pass, Program
    from streams.validators.limits import Limits


STARVED_FACTOR = 4
"""A call that got no CPU in its time, twice, gets this many times as much: it is not to blame."""

FREE_S = 0.002
"""Time of a call that is charged to nobody: a batch may be large, if its calls are cheap."""


class Allowance:
    """Time that a batch may spend on what goes over its limits, or nearly does.

    Not its whole time: a large batch of cheap calls is work, and no call of it may be refused.
    """

    def __init__(self, seconds: float) -> None:
        self._left_s = seconds

    def charge(self, seconds: float, answered: int) -> float:
        """Take off what `seconds` are more than the free time of `answered` calls; return it."""
        cost_s = max(0.0, seconds - answered * FREE_S)
        self._left_s -= cost_s  # from threads: one charge may be lost, which only is generous
        return cost_s

    def is_spent(self) -> bool:
        """Return whether nothing is left."""
        return self._left_s <= 0


class Round:
    """The calls of one script within one batch.

    Args:
        program: the compiled script.
        calls: all of the same script.
        limits: their budgets.
        bench: where calls over their budget are noted.
        allowance: of the batch, shared by its scripts.
    """

    def __init__(
        self,
        program: Program,
        calls: Sequence[ScriptCall],
        limits: Limits,
        bench: Bench,
        allowance: Allowance,
    ) -> None:
        self._program = program
        self._calls = calls
        self._limits = limits
        self._bench = bench
        self._allowance = allowance
        self._left_s = limits.program_ms / 1_000
        self._charged_s = 0.0
        self._is_last_pass = False

    def answer(self) -> list[ScriptAnswer]:
        """Return one answer a call, in order."""
        engine, source = self._calls[0].engine, self._calls[0].source
        seconds = self._bench.seconds_left(engine, source)
        if seconds:
            reason = "the script kept going over its limits and is benched for another"
            return [_limit(engine, f"it was not run: {reason} {seconds:.0f} s")] * len(self._calls)
        answers: list[ScriptAnswer] = []
        while len(answers) < len(self._calls) and self._may_go_on():
            rest = self._calls[len(answers) :]
            result = self._run(rest, self._granted_s(len(rest)))
            answers += result.answers
            behind = rest[len(result.answers) :]
            if result.fault is not None and behind:
                answers.append(self._second_try(behind[0], result.fault))
        reason = f"calls before it used up the {self._limits.batch_ms} ms that a batch may waste"
        unrun = _limit(engine, f"it was not run: {reason}")
        return answers + [unrun] * (len(self._calls) - len(answers))

    def _may_go_on(self) -> bool:
        """Return whether another pass is allowed: one more when the allowance is spent.

        It is not refused to a script that spent none of it, but waited for others.
        """
        is_cheap = self._charged_s <= self._limits.call_s
        if is_cheap or not self._allowance.is_spent():
            return True
        if self._is_last_pass:
            return False
        self._is_last_pass = True
        self._left_s = self._limits.program_ms / 1_000
        return True

    def _granted_s(self, calls: int) -> float:
        """Return the time of a pass: that of its calls, within what is left to the script."""
        return max(self._limits.call_s, min(calls * self._limits.call_s, self._left_s))

    def _run(self, calls: Sequence[ScriptCall], seconds: float) -> Pass:
        result = self._program.run(calls, seconds)
        cost_s = self._allowance.charge(result.used_s, len(result.answers))
        self._left_s -= cost_s
        self._charged_s += cost_s
        return result

    def _second_try(self, call: ScriptCall, fault: Fault) -> ScriptAnswer:
        """Run alone the call at which a pass stopped (R6)."""
        for seconds in (self._limits.call_s, self._limits.call_s * STARVED_FACTOR):
            if fault.outcome == "error":
                break
            result = self._run([call], seconds)
            if result.answers or result.fault is None:
                return result.answers[0]
            fault = result.fault
            if not fault.starved:
                break
        if fault.outcome == "error":
            return ScriptAnswer("error", cut(f"{call.engine}: {fault.message}"))
        self._bench.strike(call.engine, call.source)
        allowed = f"{self._limits.call_ms} ms and {self._limits.memory_mb} MiB are allowed"
        return _limit(call.engine, f"{fault.message}, twice ({allowed})")


def _limit(engine: str, message: str) -> ScriptAnswer:
    return ScriptAnswer("limit", cut(f"{engine}: {message}"))
