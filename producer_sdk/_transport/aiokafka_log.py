"""Keeps aiokafka's messages about the SDK's connection out of the host's log.

During an outage aiokafka logs an error ten times a second. The SDK logs the last of them every 30 s.
The host's own use of aiokafka, in other threads, logs as before.
"""

from __future__ import annotations

import logging
import threading

log = logging.getLogger("producer_sdk.kafka")


class AiokafkaLog(logging.Filter):
    """Redirects messages of the thread that created it to the SDK's logger, at debug level.

    A thread-local mark identifies the thread: its id could be reused by a thread of the host.
    """

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.local()
        self._thread.is_ours = True
        self._complaint = ""
        self._loggers = [
            logging.getLogger(name)
            for name in list(logging.root.manager.loggerDict)
            if name.partition(".")[0] == "aiokafka"
        ]
        for logger in self._loggers:
            logger.addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True if the host's log gets the message; called by the thread that logs it."""
        if not getattr(self._thread, "is_ours", False):
            return True
        log.debug("%s: %s", record.name, record.getMessage())
        if record.levelno >= logging.WARNING:
            self._complaint = record.getMessage()
        return False

    def last_complaint(self) -> str:
        """Return the last warning or error since the previous call, empty if there is none."""
        complaint, self._complaint = self._complaint, ""
        return complaint

    def close(self) -> None:
        """Remove the filter from all loggers."""
        for logger in self._loggers:
            logger.removeFilter(self)
