"""Wakes one waiting thread, safely from a signal handler."""

from __future__ import annotations

import threading


class WakeSignal:
    """A flag that one thread waits for and any thread sets.

    A binary semaphore: released is set. An Event has a lock inside, in which a signal handler that
    records an event could wait for the thread that it interrupts.

    Attributes:
        is_clear: returns True if the flag is not set.
    """

    def __init__(self) -> None:
        self._semaphore = threading.Lock()
        self._semaphore.acquire()
        self.is_clear = self._semaphore.locked

    def set(self) -> None:
        """Let `wait` return."""
        try:
            self._semaphore.release()
        except RuntimeError:
            """It is set already."""

    def wait(self, timeout_s: float = -1) -> None:
        """Wait until the flag is set, and clear it.

        Args:
            timeout_s: seconds to wait at most; -1 is for ever.
        """
        self._semaphore.acquire(timeout=timeout_s)
