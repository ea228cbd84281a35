"""Keeps aiokafka's messages about our connection out of the host's log.

During an outage aiokafka logs an error ten times a second. Ours says it once in a while, in the
words of the last of them. The host's own use of aiokafka, in other threads, logs as it did.
"""

from __future__ import annotations

import logging
import threading

log = logging.getLogger("producer_sdk.kafka")


class AiokafkaLog(logging.Filter):
    """Turns the messages of the thread that made it away, to our own logger at debug level.

    It knows that thread by a mark that goes with it: the id of a thread that has ended is given
    to another one, of the host.
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
        """Say whether the host's log gets a message; called by the thread that logs it."""
        if not getattr(self._thread, "is_ours", False):
            return True
        log.debug("%s: %s", record.name, record.getMessage())
        if record.levelno >= logging.WARNING:
            self._complaint = record.getMessage()
        return False

    def last_complaint(self) -> str:
        """Return the last warning or error since this was asked before, empty if there is none."""
        complaint, self._complaint = self._complaint, ""
        return complaint

    def close(self) -> None:
        """Leave the loggers as they were."""
        for logger in self._loggers:
            logger.removeFilter(self)
