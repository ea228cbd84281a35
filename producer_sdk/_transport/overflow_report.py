"""What an overflow has cost, told on the events topic once it is over.

The report is an event of the flow `duly.sdk` with a literal `filter: false`. The worker learns that
flow's one node, and as the event is excluded it never says anything of a run; who reads the topic
sees it.
"""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

from producer_sdk._wire import encode_event, run_key, start_event

if TYPE_CHECKING:
    from producer_sdk._queue import EventQueue
    from producer_sdk._wire import Record

FLOW, NODE = "duly.sdk", "overflow"
_MAX_HOST_CHARS = 64


class Overflow:
    """Makes one report of each overflow.

    Args:
        queue: the queue that may overflow.
        client_id: the name of the service for the broker.
    """

    def __init__(self, queue: EventQueue, client_id: str) -> None:
        self._queue = queue
        self._client_id = client_id
        self._told = (0, 0)

    def report(self) -> Record | None:
        """Return an event of what was dropped since the last one; None if that is nothing."""
        before, self._told = self._told, self._queue.overflowed()
        if before == self._told:
            return None
        ts_ns = time.time_ns()
        host = ascii(socket.gethostname())[1:-1][:_MAX_HOST_CHARS]
        # A run of its own for each: a run takes a limited number of events.
        run_id = f"{host}-{os.getpid()}-{ts_ns}"
        event = start_event("act", FLOW, NODE, run_id, ts_ns)
        event["filter"] = False
        data = {
            "client_id": self._client_id,
            "dropped_queue_full": self._told[0] - before[0],
            "dropped_spool_full": self._told[1] - before[1],
        }
        return run_key(run_id), encode_event(event, data, lambda _texts: None)
