"""Logs and reports events that a full queue has dropped."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from producer_sdk._guard import guard
from producer_sdk._log_throttle import LogThrottle

if TYPE_CHECKING:
    from producer_sdk._counters import Counters

log = logging.getLogger("producer_sdk")

_LOG_INTERVAL_S = 30.0


class DropLog:
    """The drops of one queue: logged at most once in an interval, counted since the queue was made.

    Args:
        max_events: the bound of the queue, for the message.
        max_bytes: the same in bytes.
        counters: the counts of the process.
    """

    def __init__(self, max_events: int, max_bytes: int, counters: Counters) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._counts = counters.queue
        self._at_start = self._totals()
        self._reported = 0
        self._may_log = LogThrottle(_LOG_INTERVAL_S, time.monotonic)

    def since_start(self) -> tuple[int, int]:
        """Return how many events were dropped because the queue, and because its spool, was full."""
        queue, spool = self._at_start
        queue_now, spool_now = self._totals()
        return queue_now - queue, spool_now - spool

    def log(self) -> None:
        """Log the drops, and call `on_error`, unless that was done a moment ago."""
        if not self._may_log():
            return
        dropped, _ = self._totals()
        log.warning(
            "the event queue is full (%d events or %d MiB): the oldest are dropped, %d so far; "
            "is the broker reachable, and fast enough?",
            self._max_events,
            self._max_bytes >> 20,
            dropped,
        )
        reported, self._reported = self._reported, dropped
        guard.on_error("dropped_queue_full", "the event queue is full", dropped - reported)

    def _totals(self) -> tuple[int, int]:
        return self._counts["dropped_queue_full"], self._counts["dropped_spool_full"]
