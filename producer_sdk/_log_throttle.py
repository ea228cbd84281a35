"""Limits repeated log lines to one in an interval."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class LogThrottle:
    """Allows a log line once in an interval.

    Args:
        interval_s: seconds from one line to the next.
        clock: returns the time in seconds, like `time.monotonic`.
    """

    def __init__(self, interval_s: float, clock: Callable[[], float]) -> None:
        self._interval_s = interval_s
        self._clock = clock
        self._next: float | None = None
        # Reentrant: a signal handler may interrupt the thread that holds it.
        self._lock = threading.RLock()

    def __call__(self) -> bool:
        """Return True if the line may be logged now."""
        with self._lock:
            now = self._clock()
            if self._next is not None and now < self._next:
                return False
            self._next = now + self._interval_s
            return True
