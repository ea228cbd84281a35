"""Counters of calls and events, for `stats()`."""

from __future__ import annotations

import threading
from typing import Literal, TypeAlias, get_args

from producer_sdk._types import Stats

Loss: TypeAlias = Literal[
    "refused_invalid",
    "refused_too_big",
    "ignored_not_initialized",
    "ignored_disabled",
    "fields_left_out",
    "values_made_strings",
    "scripts_not_sent",
    "internal_errors",
]
"""Counts of losses before an event is in the queue."""

QueueCount: TypeAlias = Literal[
    "delivered",
    "dropped_queue_full",
    "dropped_too_big",
    "dropped_refused",
    "dropped_excluded",
    "dropped_at_shutdown",
    "dropped_spool_full",
    "dropped_unreadable",
    "left_in_spool",
]
"""Counts of what happened to events in the queue."""


class Counters:
    """The counts of this process.

    Losses are added under a lock of their own; the counts of the queue are added by the queue, under
    its lock. The lock is reentrant: a signal handler may interrupt the thread that holds it.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._losses: dict[Loss, int] = dict.fromkeys(get_args(Loss), 0)
        self.queue: dict[QueueCount, int] = dict.fromkeys(get_args(QueueCount), 0)
        self.found_in_spool = 0

    def add(self, loss: Loss, count: int = 1) -> None:
        """Add `count` to a loss."""
        with self._lock:
            self._losses[loss] += count

    def reset(self) -> None:
        """Start afresh in a forked child: the lock may be held by a thread that does not exist there."""
        self.__init__()

    def snapshot(self, waiting: int) -> Stats:
        """Return all counts, with the number of events that wait."""
        queue = dict(self.queue)
        return Stats(
            recorded=waiting + sum(queue.values()),
            waiting=waiting,
            found_in_spool=self.found_in_spool,
            **queue,
            **self._losses,
        )
