"""Thread pools that wait for script engines: new and quarantined scripts do not hold up known ones."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

from streams.scripts.budgets import WasteBudget
from streams.scripts.limits import TRIALS

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.scripts.limits import Limits

_Args = TypeVarTuple("_Args")
_Result = TypeVar("_Result")

LEAST_WAIT = 2
MOST_WAIT = 4
"""While scripts waste time, a batch waits for a new one for so many times the time of a call."""


class ThreadPools:
    """Three thread pools: for known scripts, for new ones, and for quarantined ones.

    Args:
        limits: how many scripts run at the same time, and what they may waste.
    """

    def __init__(self, limits: Limits) -> None:
        self._known = ThreadPoolExecutor(limits.processes, thread_name_prefix="scripts")
        self._trials = ThreadPoolExecutor(TRIALS, thread_name_prefix="new-scripts")
        self._quarantine = ThreadPoolExecutor(1, thread_name_prefix="quarantined-scripts")
        self._call_s = limits.call_s
        self._waste = WasteBudget(limits.program_s)

    def wait_s(self) -> float:
        """Return how long a batch may wait for a new script, which waits for others itself."""
        least_s, most_s = LEAST_WAIT * self._call_s, MOST_WAIT * self._call_s
        return max(least_s, min(most_s, self._waste.left_s()))

    def is_under_attack(self, own_s: float) -> bool:
        """Return True if scripts wasted so much recently that no batch may wait long for one.

        Args:
            own_s: waste of the script in question, which is no reason to answer it less rightly.
        """
        return self._waste.is_spent(own_s)

    async def stop(self) -> None:
        """Wait for what is running."""
        for threads in (self._known, self._trials, self._quarantine):
            await asyncio.to_thread(threads.shutdown)

    async def run_known(self, function: Callable[[*_Args], _Result], *args: *_Args) -> _Result:
        """Run a function for a script that has answered before."""
        return await _in_thread(self._known, function, *args)

    async def run_trial(self, function: Callable[[], float]) -> None:
        """Try a new script.

        Args:
            function: tries it, and returns the seconds that it wasted.
        """
        await _in_thread(self._trials, self._try, function)

    async def run_quarantined(self, function: Callable[[], float]) -> bool:
        """Run a function for a script that went over its limits, in its turn.

        It is turned away at once when much was wasted recently: what such scripts take from others,
        as CPU, is bounded too.

        Args:
            function: runs it, and returns the seconds that it wasted.

        Returns:
            Whether it was run.
        """
        if self._waste.is_spent():
            return False
        return await _in_thread(self._quarantine, self._run_if_allowed, function)

    def _try(self, function: Callable[[], float]) -> None:
        self._waste.charge(function())

    def _run_if_allowed(self, function: Callable[[], float]) -> bool:
        if self._waste.is_spent():  # by those that it waited for
            return False
        self._waste.charge(function())
        return True


def _in_thread(
    threads: ThreadPoolExecutor, function: Callable[[*_Args], _Result], *args: *_Args
) -> asyncio.Future[_Result]:
    return asyncio.get_running_loop().run_in_executor(threads, function, *args)
