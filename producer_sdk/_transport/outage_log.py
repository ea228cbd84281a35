"""Logs an outage of the broker or server: its start, every 30 s, and its end."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from producer_sdk._guard import guard
from producer_sdk._log_throttle import LogThrottle

if TYPE_CHECKING:
    from producer_sdk._config import Config
    from producer_sdk._queue import EventQueue

log = logging.getLogger("producer_sdk")

_LOG_INTERVAL_S = 30.0


class OutageLog:
    """Logs when deliveries fail, and when they succeed again."""

    def __init__(self, config: Config, queue: EventQueue) -> None:
        self._where = config.destination
        self._queue = queue
        self._failing_since: float | None = None
        self._may_log = LogThrottle(_LOG_INTERVAL_S, time.monotonic)

    def failed(self, reason: str) -> None:
        """Note that an attempt failed."""
        self._queue.set_broker_away(is_away=True)
        if self._failing_since is None:
            self._failing_since = time.monotonic()
        if self._may_log():
            log.warning(
                "events are not delivered to %s: %s; %d wait, trying again",
                self._where,
                reason,
                len(self._queue),
            )
            guard.on_error("not_delivered", f"{self._where}: {reason}", len(self._queue))

    def delivered(self) -> None:
        """Note that an attempt succeeded."""
        if self._failing_since is None:
            return
        self._queue.set_broker_away(is_away=False)
        log.warning(
            "events are delivered to %s again, after %.1f s; %d wait",
            self._where,
            time.monotonic() - self._failing_since,
            len(self._queue),
        )
        self._failing_since = None
