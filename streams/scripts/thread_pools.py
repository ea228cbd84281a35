"""Threads that wait for engines: scripts that are new, or went over their limits, do not hold up others."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

from streams.scripts.limits import TRIALS

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.scripts.limits import Limits

_Args = TypeVarTuple("_Args")
_Result = TypeVar("_Result")

REGAINED = 0.2
"""Share of the time that passes which scripts that are judged apart may waste for ever."""


LEAST_WAIT = 2
MOST_WAIT = 4
"""A batch waits for a new script for so many times the time of a call, if others waste time."""


class Patience:
    """Time that partitions wait for scripts of which it may come to nothing.

    Args:
        most_s: how much there is at first, and at most.
        now: seconds on a clock that nobody sets.
    """

    def __init__(self, most_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._most_s = most_s
        self._now = now
        self._left_s = most_s
        self._at_s = now()

    def charge(self, seconds: float) -> None:
        """Take off time that was wasted."""
        self._left_s = max(0.0, self.left_s() - seconds)
        self._at_s = self._now()

    def is_spent(self, own_s: float = 0.0) -> bool:
        """Return whether so much was wasted of late that less than half is left.

        Args:
            own_s: what was wasted by who asks, which does not count.
        """
        return self.left_s() + own_s < self._most_s / 2

    def left_s(self) -> float:
        """Return how much is left."""
        return min(self._most_s, self._left_s + (self._now() - self._at_s) * REGAINED)


class Lanes:
    """Three sets of threads: for known scripts, for new ones, and for those that are judged apart.

    Args:
        limits: how many scripts run at the same time, and what they may waste.
    """

    def __init__(self, limits: Limits) -> None:
        self._known = ThreadPoolExecutor(limits.processes, thread_name_prefix="scripts")
        self._trials = ThreadPoolExecutor(TRIALS, thread_name_prefix="new-scripts")
        self._apart = ThreadPoolExecutor(1, thread_name_prefix="suspect-scripts")
        self._call_s = limits.call_s
        self._patience = Patience(limits.program_s)

    def wait_s(self) -> float:
        """Return how long a batch may wait for a new script, which waits for others itself."""
        least_s, most_s = LEAST_WAIT * self._call_s, MOST_WAIT * self._call_s
        return max(least_s, min(most_s, self._patience.left_s()))

    def is_under_attack(self, own_s: float) -> bool:
        """Return whether scripts wasted so much of late that nobody may wait long for one.

        Args:
            own_s: what that one wasted, which is no reason to answer it less rightly.
        """
        return self._patience.is_spent(own_s)

    async def stop(self) -> None:
        """Wait for what is running."""
        for threads in (self._known, self._trials, self._apart):
            await asyncio.to_thread(threads.shutdown)

    async def known(self, function: Callable[[*_Args], _Result], *args: *_Args) -> _Result:
        """Run a function for a script that has answered before."""
        return await _in_thread(self._known, function, *args)

    async def trial(self, function: Callable[[], float]) -> None:
        """Try a new script.

        Args:
            function: tries it, and returns what it wasted, in seconds.
        """
        await _in_thread(self._trials, self._try, function)

    async def apart(self, function: Callable[[], float]) -> bool:
        """Run a function for a script that went over its limits, in its turn.

        It is turned away at once when much was wasted of late: what such scripts take from others,
        as CPU, is bounded too.

        Args:
            function: runs it, and returns what it wasted, in seconds.

        Returns:
            Whether it was run.
        """
        if self._patience.is_spent():
            return False
        return await _in_thread(self._apart, self._run_apart, function)

    def _try(self, function: Callable[[], float]) -> None:
        self._patience.charge(function())

    def _run_apart(self, function: Callable[[], float]) -> bool:
        if self._patience.is_spent():  # by those that it waited for
            return False
        self._patience.charge(function())
        return True


def _in_thread(
    threads: ThreadPoolExecutor, function: Callable[[*_Args], _Result], *args: *_Args
) -> asyncio.Future[_Result]:
    return asyncio.get_running_loop().run_in_executor(threads, function, *args)
