"""Log lines that would come again and again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Seldom:
    """Lets a log line through once in an interval.

    Args:
        interval_s: seconds from one line to the next.
        clock: tells the time in seconds, as `time.monotonic` does.
    """

    def __init__(self, interval_s: float, clock: Callable[[], float]) -> None:
        self._interval_s = interval_s
        self._clock = clock
        self._next: float | None = None
        # May be taken again by its own thread, which a signal handler interrupts anywhere.
        self._lock = threading.RLock()

    def __call__(self) -> bool:
        """Say whether it is time for the line."""
        with self._lock:
            now = self._clock()
            if self._next is not None and now < self._next:
                return False
            self._next = now + self._interval_s
            return True
