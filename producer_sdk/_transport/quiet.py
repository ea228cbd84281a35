"""Keeps aiokafka's messages about our connection out of the host's log.

During an outage aiokafka logs an error ten times a second. Ours says it once in a while, in the
words of the last of them; the host's own use of aiokafka, in other threads, logs as it did.
"""

from __future__ import annotations

import logging
import threading

log = logging.getLogger("producer_sdk.kafka")


class AiokafkaLog(logging.Filter):
    """Turns the messages of the thread that made it away, to our own logger at debug level."""

    def __init__(self) -> None:
        super().__init__()
        self._thread_id = threading.get_ident()
        self._complaint = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether the host's log gets a message."""
        if record.thread != self._thread_id:
            return True
        log.debug("%s: %s", record.name, record.getMessage())
        if record.levelno >= logging.WARNING:
            self._complaint = record.getMessage()
        return False

    def last_complaint(self) -> str:
        """Return the last warning or error since this was asked before, empty if there is none."""
        complaint, self._complaint = self._complaint, ""
        return complaint


def quiet_aiokafka() -> AiokafkaLog:
    """Silence aiokafka's loggers for the calling thread; call it once aiokafka is loaded."""
    here = AiokafkaLog()
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == "aiokafka":
            logger = logging.getLogger(name)
            for old in [item for item in logger.filters if isinstance(item, AiokafkaLog)]:
                logger.removeFilter(old)  # of a thread that is gone
            logger.addFilter(here)
    return here
