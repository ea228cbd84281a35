"""How the calls of one script share their time, in three steps, each of which may be the last.

A script that is new is tried for a moment on its first call. One that is known runs its calls in
passes: a pass takes them in order and stops at one that goes over its limits. From there on the
script is judged apart: that call is tried alone, with its own budget, unless it has just had that;
then passes go on behind it. So a call that hangs, crashes or eats memory costs itself an answer
and the others nothing but time, which is bounded by what a script may waste in a batch, and from
the next batch on by the bench, where a script waits that did it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.engine.script_calls import ScriptAnswer
from streams.scripts.language import ENDED_LATE, TOO_LARGE, EngineFailed, cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.engine.script_calls import ScriptCall
    from streams.scripts.circuit_breaker import Bench
    from streams.scripts.language import Fault, Pass, Program
    from streams.scripts.limits import Limits


MAX_STRETCH = 4, 16, 64
"""A call that got no CPU is not to blame: it is tried again, for at most so many times its time.

A script can wait for nothing but the CPU, so that one that hangs has soon used what it may.
"""

LEAST_S = 1e-6
"""What a process has used at least, to divide by."""

MAX_TRIES = 2
"""Of a call that was perhaps not to blame: it did not run alone."""

FREE_S = 0.002
"""Time of a call that is charged to nobody: a batch may be large, if its calls are cheap."""

PASS_S = 0.0005
"""Time of a pass for each further call; one that needs more goes on in the next pass.

So a call that hangs is found out soon, however many are behind it.
"""


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
        calls: all of the same script.
        limits: their budgets.
        bench: where calls over their budget are noted.
        allowance: of the batch, shared by its scripts.
    """

    def __init__(
        self, calls: Sequence[ScriptCall], limits: Limits, bench: Bench, allowance: Allowance
    ) -> None:
        self._calls = calls
        self._limits = limits
        self._bench = bench
        self._allowance = allowance
        self._is_suspect = bench.is_suspect(self.engine, self.source)
        self.is_new = not bench.is_known(self.engine, self.source)
        """Whether it must be tried first."""
        self._answers: list[ScriptAnswer] = []
        self._fault: Fault | None = None
        """Of the call behind the last answer, which is to be tried alone."""
        self._tries = 0
        """How often that call began a pass, with its whole budget, and was not answered."""
        self._starved = 0
        """How often in turn it did not get half the CPU that it may use."""
        self._stretch = 1.0
        """How many times its time it gets, since it got so little CPU of the last."""
        self._deaths = 0
        """How many processes died of that call alone, while the engine worked for a trivial script."""
        self._is_dying = False
        """Whether its process died, so that call or machine may be to blame."""
        self._unproven_s = 0.0
        """CPU time of these processes, which is charged to the script once it is to blame."""
        self._is_to_blame = False
        """Whether such a try proves that the call goes over its limits, whatever ran beside it."""
        self._is_cut = False
        """Whether the last pass answered calls before it stopped."""
        self._is_apart = False
        self._strikes = 0
        self._left_s = limits.program_s
        self._charged_s = 0.0
        self._is_last_pass = False
        self.wasted_s = 0.0
        """CPU time of what ended without an answer."""

    @property
    def engine(self) -> str:
        """The language of the script."""
        return self._calls[0].engine

    @property
    def source(self) -> str:
        """The script."""
        return self._calls[0].source

    @property
    def is_done(self) -> bool:
        """Whether every call is answered."""
        return len(self._answers) == len(self._calls)

    @property
    def is_doubtful(self) -> bool:
        """Whether it must go apart: it went over its limits, now or not long ago."""
        return self._is_suspect or self.is_stuck

    @property
    def is_stuck(self) -> bool:
        """Whether a call went over its limits alone, so that other scripts must not wait for it."""
        is_machine = self._starved or self._is_dying
        return self._fault is not None and not self._is_cut and not is_machine

    @property
    def answered(self) -> int:
        """How many calls are answered."""
        return len(self._answers)

    def try_first(self, program: Program) -> None:
        """Run the first call for a moment: enough for a script that is meant well.

        One that is dear to stop gets the whole time of a call, and no second try if it needs more.
        """
        seconds = self._limits.trial_s if program.is_cheap_to_stop else self._limits.call_s
        self._run(program, self._calls[:1], seconds)
        while self._is_dying or self._starved == 1:
            self._run(program, self._calls[:1], seconds)
        self.is_new = False
        if self._fault is None:
            return
        self._is_suspect = True  # also if it is starved: nothing is known of it
        if self._is_to_blame:
            self._strike(self._fault)

    def run_on(self, program: Program) -> None:
        """Run calls up to one that goes over its limits."""
        while not self.is_done and not self.is_stuck and self._may_go_on():
            self._go_on(program)

    def run_apart(self, program: Program) -> None:
        """Run calls as far as what the script may waste allows."""
        self._is_apart = True
        while not self.is_done:
            if self._fault is not None and (self._is_to_blame or self._tries >= MAX_TRIES):
                self._strike(self._fault)
            elif self.wasted_s < self._limits.program_s and self._may_go_on():
                self._go_on(program)
            else:
                return

    def refuse(self, reason: str) -> None:
        """Answer the rest as limits: the calls are not run, for this reason."""
        self.fail(self._unrun(reason))

    def fail(self, answer: ScriptAnswer, wasted_s: float = 0.0) -> None:
        """Answer the rest alike: the script cannot be run, and found that out in `wasted_s`."""
        self.wasted_s += wasted_s
        self._answers += [answer] * len(self._rest)
        self._fault = None

    def so_far(self) -> list[ScriptAnswer]:
        """Return one answer a call while calls still run, in another thread: those as limits."""
        answers = self._answers.copy()
        reason = "it took long, while other scripts went over their limits"
        return answers + [self._unrun(reason)] * (len(self._calls) - len(answers))

    def conclude(self) -> list[ScriptAnswer]:
        """Return one answer a call, in order, and note how the script behaved."""
        if any(answer.outcome != "limit" for answer in self._answers):
            self._bench.know(self.engine, self.source)
        for _ in range(self._strikes):
            self._bench.strike(self.engine, self.source)
        if not self._strikes and self.wasted_s:
            self._bench.note_waste(self.engine, self.source, self.wasted_s)
        allowed_ms = self._limits.program_ms if self._strikes else self._limits.batch_ms
        self.refuse(f"calls before it used up the {allowed_ms:,} ms that may be wasted in a batch")
        return self._answers

    @property
    def _rest(self) -> Sequence[ScriptCall]:
        return self._calls[len(self._answers) :]

    def _unrun(self, reason: str) -> ScriptAnswer:
        return ScriptAnswer("limit", cut(f"{self.engine}: it was not run: {reason}"))

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
        self._left_s = self._limits.program_s
        return True

    def _go_on(self, program: Program) -> None:
        """Run a pass, or the call at which the last one stopped with its own budget (R6)."""
        call_s = self._limits.call_s
        if self._fault is None:
            calls = self._rest
            wanted_s = call_s + (len(calls) - 1) * PASS_S
            self._run(program, calls, max(call_s, min(wanted_s, self._left_s)))
        elif self._starved > len(MAX_STRETCH):
            self._probe(program)
            self._give_up(self._fault)
        else:
            self._run(program, self._rest[:1], call_s)

    def _run(self, program: Program, calls: Sequence[ScriptCall], budget_s: float) -> None:
        seconds = budget_s * self._stretch
        result = program.run(calls, seconds, apart=self._is_apart)
        if result.fault is not None and result.fault.deaths_to_blame and not result.answers:
            self._take_death(program, result.fault, result.used_s, is_alone=len(calls) == 1)
            return
        self._is_dying = False
        cost_s = self._allowance.charge(result.used_s, len(result.answers))
        self._left_s -= cost_s
        self._charged_s += cost_s
        if result.fault is not None and not result.answers:
            self.wasted_s += min(result.used_s, seconds)  # the end of a process is not its own
        self._take(result, budget_s, is_alone=len(calls) == 1)

    def _take(self, result: Pass, budget_s: float, *, is_alone: bool) -> None:
        if result.answers:
            self._answers += result.answers
            self._begin_anew()
        self._is_cut = bool(result.answers)
        self._fault = fault = None if self.is_done else result.fault
        if fault is not None and fault.outcome == "error":
            self._answers.append(ScriptAnswer("error", cut(f"{self.engine}: {fault.message}")))
            self._fault = None
        elif fault is not None and not self._is_cut:
            if fault.is_starved(result.used_s, min(budget_s, self._limits.call_s)):
                self._wait_longer(budget_s * self._stretch / max(result.used_s, LEAST_S))
            else:
                has_time = max(budget_s, result.used_s) >= self._limits.call_s
                self._starved = 0
                self._tries += has_time
                self._is_to_blame = _is_proof(fault, is_alone=is_alone, has_time=has_time)

    def _take_death(self, program: Program, fault: Fault, used_s: float, *, is_alone: bool) -> None:
        """Count a process that died of the first call of a pass, if that was not the machine's fault.

        Raises:
            EngineFailed: it was.
        """
        self._fault = fault
        self._is_dying = True
        self._is_cut = False
        self._starved = 0
        if not is_alone:
            return
        self._probe(program)
        self._deaths += 1
        self._unproven_s += used_s
        if self._deaths >= fault.deaths_to_blame:
            self._is_dying = False
            self._is_to_blame = True
            self._charged_s += self._allowance.charge(self._unproven_s, 0)
            self.wasted_s += self._unproven_s

    def _probe(self, program: Program) -> None:
        """Check that the engine works, before a call is blamed for what the machine may have done."""
        try:
            program.probe_engine(apart=self._is_apart)
        except EngineFailed:
            self._starved = min(self._starved, len(MAX_STRETCH))  # it is tried once more
            raise

    def _wait_longer(self, slowdown: float) -> None:
        """Give the call at fault more time: the machine was so many times slower than it should be."""
        self._starved += 1
        self._stretch = min(slowdown, MAX_STRETCH[min(self._starved, len(MAX_STRETCH)) - 1])

    def _begin_anew(self) -> None:
        """Forget how the call at fault was tried: it is answered."""
        self._tries = self._starved = self._deaths = 0
        self._unproven_s = 0.0
        self._is_dying = False
        self._stretch = 1.0
        self._is_to_blame = False

    def _strike(self, fault: Fault) -> None:
        self._strikes += 1
        self._give_up(fault)

    def _give_up(self, fault: Fault) -> None:
        """Answer the call at fault as a limit."""
        allowed = f"{self._limits.call_ms} ms and {self._limits.memory_mb} MiB are allowed"
        message = f"{self.engine}: {fault.message} ({allowed})"
        self._answers.append(ScriptAnswer("limit", cut(message)))
        self._fault = None
        self._begin_anew()


def _is_proof(fault: Fault, *, is_alone: bool, has_time: bool) -> bool:
    """Return whether a call that ran first in its pass is to blame for its fault.

    With a process that had to be ended, answers before may be lost. Memory is that of a call,
    however short the pass.
    """
    if fault.message == ENDED_LATE and not is_alone:
        return False
    return has_time or fault.message == TOO_LARGE
