"""Keeps aiokafka's messages about our connection out of the host's log.

During an outage aiokafka logs an error ten times a second. Ours says it once in a while; the
host's own use of aiokafka, in other threads, goes on logging as it did.
"""

from __future__ import annotations

import logging
import threading

log = logging.getLogger("producer_sdk.kafka")


class _NotFromHere(logging.Filter):
    """Turns messages of one thread away, to our own logger at debug level."""

    def __init__(self, thread_id: int) -> None:
        super().__init__()
        self._thread_id = thread_id

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread != self._thread_id:
            return True
        log.debug("%s: %s", record.name, record.getMessage())
        return False


def quiet_aiokafka() -> None:
    """Silence aiokafka's loggers for the calling thread; call it once aiokafka is loaded."""
    here = _NotFromHere(threading.get_ident())
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == "aiokafka":
            logger = logging.getLogger(name)
            for old in [item for item in logger.filters if isinstance(item, _NotFromHere)]:
                logger.removeFilter(old)  # of a thread that is gone
            logger.addFilter(here)
