"""Time budgets: of one script in a batch, of a whole batch, and of misbehaving scripts in the long run.

A budget bounds what is wasted, not what is worked: cheap calls cost nothing, however many they are.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.scripts.limits import Limits

FREE_S = 0.002
"""CPU time of a call that no budget is charged for: a batch may be large, if its calls are cheap."""

PASS_S = 0.0005
"""Time of a pass for each further call; one that needs more goes on in the next pass.

So a call that hangs is found out soon, however many are behind it.
"""

REGAINED = 0.2
"""Long-run CPU share of quarantined scripts."""


class BatchBudget:
    """Time that a batch may spend on calls that go over their limits, or nearly do.

    Not its whole time: a large batch of cheap calls is work, and no call of it may be refused.

    Args:
        seconds: how much there is.
    """

    def __init__(self, seconds: float) -> None:
        self._left_s = seconds

    def charge(self, seconds: float, answered: int) -> float:
        """Subtract what `seconds` exceed the free time of `answered` calls; return that cost."""
        cost_s = max(0.0, seconds - answered * FREE_S)
        self._left_s -= cost_s  # from threads: one charge may be lost, which only is generous
        return cost_s

    def is_spent(self) -> bool:
        """Return True if nothing is left."""
        return self._left_s <= 0


class ScriptBudget:
    """Time that one script may take and waste within one batch.

    Args:
        limits: the budgets of a call and of a script.
        batch: the budget that it shares with the other scripts of the batch.
    """

    def __init__(self, limits: Limits, batch: BatchBudget) -> None:
        self._limits = limits
        self._batch = batch
        self._left_s = limits.program_s
        self._charged_s = 0.0
        self._is_last_pass = False
        self.wasted_s = 0.0
        """CPU time of passes that gave no answer."""

    def seconds_for(self, calls: int) -> float:
        """Return the time of a pass of so many calls."""
        call_s = self._limits.call_s
        return max(call_s, min(call_s + (calls - 1) * PASS_S, self._left_s))

    def charge(self, used_s: float, answered: int) -> None:
        """Charge a pass that used so much CPU time and answered so many calls."""
        cost_s = self._batch.charge(used_s, answered)
        self._left_s -= cost_s
        self._charged_s += cost_s

    def charge_deaths(self, used_s: float) -> None:
        """Charge the processes that died of a call, once it is proven that the call is to blame."""
        self._charged_s += self._batch.charge(used_s, 0)
        self.wasted_s += used_s

    def may_waste_more(self) -> bool:
        """Return True if the script has not wasted all that it may."""
        return self.wasted_s < self._limits.program_s

    def take_pass(self) -> bool:
        """Return True if another pass is allowed: only one more once the batch budget is spent.

        A script that spent none of that budget, but waited for others, is not refused.
        """
        is_cheap = self._charged_s <= self._limits.call_s
        if is_cheap or not self._batch.is_spent():
            return True
        if self._is_last_pass:
            return False
        self._is_last_pass = True
        self._left_s = self._limits.program_s
        return True


class WasteBudget:
    """Time that new and quarantined scripts of a worker may waste; it refills slowly.

    Args:
        most_s: how much there is at first, and at most.
        now: seconds on a monotonic clock.
    """

    def __init__(self, most_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._most_s = most_s
        self._now = now
        self._left_s = most_s
        self._at_s = now()

    def charge(self, seconds: float) -> None:
        """Subtract time that was wasted."""
        self._left_s = max(0.0, self.left_s() - seconds)
        self._at_s = self._now()

    def is_spent(self, own_s: float = 0.0) -> bool:
        """Return True if so much was wasted recently that less than half is left.

        Args:
            own_s: waste of the script that asks, which does not count.
        """
        return self.left_s() + own_s < self._most_s / 2

    def left_s(self) -> float:
        """Return how much is left."""
        return min(self._most_s, self._left_s + (self._now() - self._at_s) * REGAINED)
