"""Retries of the call at which a pass stopped, and whether script or machine is to blame for it.

A call may stop a pass because it goes over its limits, because the machine gives it no CPU, or
because its process died. The first is its own fault. For the second it gets more time. For the
third a trivial script is run in between: only if that works is the death counted against the call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.scripts.language import ENDED_LATE, TOO_LARGE

if TYPE_CHECKING:
    from streams.scripts.language import CallFault, PassResult
    from streams.scripts.limits import Limits

MAX_STRETCH = 4, 16, 64
"""A call that got no CPU is not to blame: it is tried again, for at most so many times its time.

A script can wait for nothing but the CPU, so that one that hangs has soon used what it may.
"""

LEAST_S = 1e-6
"""Least CPU time of a process, to divide by."""

MAX_TRIES = 2
"""Tries of a call that was perhaps not to blame: it did not run alone."""


class CallAtFault:
    """The first call of a script that has no answer, if a pass stopped there.

    Args:
        limits: the budget of a call.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.fault: CallFault | None = None
        """Why the last pass stopped at it; None if none did, or the call is answered."""
        self.stretch = 1.0
        """Factor of the time of its next try, since it got so little CPU in the last."""
        self.is_dying = False
        """Whether its process died, so that call or machine may be to blame."""
        self.is_to_blame = False
        """Whether a try proves that it goes over its limits, whatever ran beside it."""
        self.deaths_s = 0.0
        """CPU time of the processes that died of it."""
        self._is_cut = False
        """Whether the pass answered calls before it stopped."""
        self._tries = 0
        """Passes that it began with its whole budget, and without an answer."""
        self._starved = 0
        """Tries in a row in which it did not get half the CPU that it may use."""
        self._deaths = 0
        """Processes that died of it alone, while the engine worked for a trivial script."""

    @property
    def is_stuck(self) -> bool:
        """Return True if it went over its limits alone, so that other scripts must not wait for it."""
        is_machine = self._starved or self.is_dying
        return self.fault is not None and not self._is_cut and not is_machine

    @property
    def is_given_up(self) -> bool:
        """Return True if it is a limit now: it is to blame, or was tried often enough."""
        return self.fault is not None and (self.is_to_blame or self._tries >= MAX_TRIES)

    @property
    def is_starved_out(self) -> bool:
        """Return True if it got too little CPU even in its longest try."""
        return self._starved > len(MAX_STRETCH)

    @property
    def gets_another_moment(self) -> bool:
        """Return True if the first try of a new script is repeated: the machine may be to blame."""
        return self.is_dying or self._starved == 1

    def reset(self) -> None:
        """Start anew with the next call: this one is answered."""
        self.fault = None
        self.stretch = 1.0
        self.is_dying = self.is_to_blame = False
        self.deaths_s = 0.0
        self._tries = self._starved = self._deaths = 0

    def take_result(self, result: PassResult, budget_s: float, *, is_alone: bool) -> None:
        """Note the end of a pass which did not kill its process, or answered calls before.

        Args:
            result: of the pass.
            budget_s: the time of the call in it, not stretched.
            is_alone: whether the pass had no other call.
        """
        if result.answers:
            self.reset()
        self.is_dying = False
        self._is_cut = bool(result.answers)
        self.fault = fault = result.fault
        if fault is None or self._is_cut:
            return
        if fault.is_starved(result.used_s, min(budget_s, self._limits.call_s)):
            self._wait_longer(budget_s * self.stretch / max(result.used_s, LEAST_S))
            return
        has_time = max(budget_s, result.used_s) >= self._limits.call_s
        self._starved = 0
        self._tries += has_time
        self.is_to_blame = _is_proof(fault, is_alone=is_alone, has_time=has_time)

    def take_death(self, fault: CallFault) -> None:
        """Note that the process died of it or of a call behind it: whose fault is not known yet."""
        self.fault = fault
        self.is_dying = True
        self._is_cut = False
        self._starved = 0

    def count_death(self, fault: CallFault, used_s: float) -> None:
        """Count a death of it alone, while the engine works; it is to blame after some of them."""
        self._deaths += 1
        self.deaths_s += used_s
        if self._deaths >= fault.deaths_to_blame:
            self.is_dying = False
            self.is_to_blame = True

    def allow_one_more_try(self) -> None:
        """Let a starved call be tried once more: the engine does not work at all now."""
        self._starved = min(self._starved, len(MAX_STRETCH))

    def _wait_longer(self, slowdown: float) -> None:
        """Give it more time: the machine was so many times slower than it should be."""
        self._starved += 1
        self.stretch = min(slowdown, MAX_STRETCH[min(self._starved, len(MAX_STRETCH)) - 1])


def _is_proof(fault: CallFault, *, is_alone: bool, has_time: bool) -> bool:
    """Return True if a call that ran first in its pass is to blame for its fault.

    With a process that had to be ended, answers before may be lost. Memory is that of a call,
    however short the pass.
    """
    if fault.message == ENDED_LATE and not is_alone:
        return False
    return has_time or fault.message == TOO_LARGE
