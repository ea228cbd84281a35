"""Log lines and `on_error` calls about the spool."""

from __future__ import annotations

import logging
import time

from producer_sdk._guard import guard
from producer_sdk._log_throttle import LogThrottle

log = logging.getLogger("producer_sdk")

_LOG_INTERVAL_S = 30.0


class SpoolLog:
    """Reports on the spool of one process.

    Args:
        folder: `spool_dir`, for the messages.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._may_log_full = LogThrottle(_LOG_INTERVAL_S, time.monotonic)
        self._may_log_disk = LogThrottle(_LOG_INTERVAL_S, time.monotonic)

    def found(self, events: int) -> None:
        """Report events that processes which have ended had left."""
        log.warning("%d events were left in %s, and are sent now", events, self._folder)

    def left(self, events: int) -> None:
        """Report events that the next process has to send."""
        log.warning("%d events are left in %s to the next process", events, self._folder)

    def unreadable(self, lines: int) -> None:
        """Report lines that are not events."""
        log.warning("%d lines in %s are not events, and are lost", lines, self._folder)
        guard.on_error("dropped_unreadable", "lines of the spool are not events", lines)

    def full(self, dropped: int, dropped_so_far: int) -> None:
        """Report events dropped because the spool was full."""
        if self._may_log_full():
            log.warning(
                "the spool in %s is full: the oldest events are dropped, %d so far; "
                "is the broker reachable, and spool_max_bytes enough?",
                self._folder,
                dropped_so_far,
            )
        guard.on_error("dropped_spool_full", "the spool is full", dropped)

    def not_written(self, error: OSError, waiting: int) -> None:
        """Report that the disk takes nothing; no event is lost yet."""
        if self._may_log_disk():
            log.error(
                "events cannot be written to %s: %s; they wait in memory", self._folder, error
            )
            guard.on_error("not_spooled", f"{self._folder}: {error}", waiting)
