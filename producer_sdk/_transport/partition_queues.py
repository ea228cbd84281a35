"""One queue of records per partition: keeps each run in order, and partitions independent."""

from __future__ import annotations

import functools
from collections import defaultdict, deque
from typing import TYPE_CHECKING, TypeAlias, cast

from aiokafka import partitioner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from producer_sdk._counters import QueueCount
    from producer_sdk._queue import EventQueue, Numbered

PartitionQueue: TypeAlias = "deque[Numbered]"
"""The records for one partition, the oldest first."""

_WINDOW_EVENTS = 10_000
_WINDOW_BYTES = 8 * 1024 * 1024


# aiokafka's murmur2 is written in Python, and a run has several events.
@functools.lru_cache(maxsize=20_000)
def _hash(key: bytes) -> int:
    murmur2 = cast("Callable[[bytes], int]", partitioner.murmur2)  # pyright: ignore[reportUnknownMemberType]
    return murmur2(key) & 0x7FFFFFFF


class PartitionQueues:
    """The queues of all partitions, filled from the event queue up to a window.

    The window bounds how far a partition that accepts nothing can delay the others.
    """

    def __init__(self, queue: EventQueue) -> None:
        self._queue = queue
        self._partitions = 0
        self._queues: defaultdict[int, PartitionQueue] = defaultdict(deque)

    def __len__(self) -> int:
        """Return how many records are in all queues."""
        return sum(len(queue) for queue in self._queues.values())

    def filled(self) -> Iterator[tuple[int, PartitionQueue]]:
        """Return the partitions with records, and their queues."""
        return ((partition, queue) for partition, queue in self._queues.items() if queue)

    def set_partitions(self, partitions: int) -> None:
        """Set the number of partitions; sort again if the topic was created again with another one."""
        if partitions == self._partitions:
            return
        self._partitions = partitions
        waiting = sorted(numbered for queue in self._queues.values() for numbered in queue)
        self._queues.clear()
        self._sort(waiting)

    def fill(self) -> None:
        """Take from the event queue what the window has room for."""
        room = _WINDOW_EVENTS - len(self)
        if room > 0:
            self._sort(self._queue.take(room, _WINDOW_BYTES))

    def settle(self, queue: PartitionQueue, count: int, outcome: QueueCount) -> None:
        """Remove the first `count` records of a queue, and settle them in the event queue."""
        records = [queue.popleft() for _ in range(count)]
        lowest = min((waiting[0][0] for _, waiting in self.filled()), default=None)
        self._queue.settle(records, outcome, lowest)

    def _sort(self, records: Iterable[Numbered]) -> None:
        for numbered in records:
            key = numbered[1][0]
            self._queues[_hash(key) % self._partitions].append(numbered)
