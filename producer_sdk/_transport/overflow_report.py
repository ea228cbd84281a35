"""Reports dropped events on the events topic once an overflow is over.

The report is an event of the flow `duly.sdk` with a literal `filter: false`. The worker learns that
flow's one node, but the event is excluded, so there is never a verdict. Readers of the topic see it.
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


class OverflowReporter:
    """Builds one report for each overflow.

    Args:
        queue: the queue that may overflow.
        client_id: the setting, which names the service.
    """

    def __init__(self, queue: EventQueue, client_id: str) -> None:
        self._queue = queue
        self._client_id = client_id
        self._reported = (0, 0)

    def report(self) -> Record | None:
        """Return an event with the drops since the last report; None if there are none."""
        before, self._reported = self._reported, self._queue.drops.since_start()
        if before == self._reported:
            return None
        ts_ns = time.time_ns()
        host = ascii(socket.gethostname())[1:-1][:_MAX_HOST_CHARS]
        # A run for each report: the number of events of a run is limited.
        run_id = f"{host}-{os.getpid()}-{ts_ns}"
        event = start_event("act", FLOW, NODE, run_id, ts_ns)
        event["filter"] = False
        data = {
            "client_id": self._client_id,
            "dropped_queue_full": self._reported[0] - before[0],
            "dropped_spool_full": self._reported[1] - before[1],
        }
        return run_key(run_id), encode_event(event, data, lambda _texts: None)
