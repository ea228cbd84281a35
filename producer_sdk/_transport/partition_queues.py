"""Records on their way, sorted by partition: each run's events stay in order, none waits for another."""

from __future__ import annotations

import functools
from collections import defaultdict, deque
from typing import TYPE_CHECKING, TypeAlias, cast

from aiokafka import partitioner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from producer_sdk._counters import QueueCount
    from producer_sdk._queue import EventQueue, Numbered

Lane: TypeAlias = "deque[Numbered]"
"""The records that go to one partition, the oldest first."""

_WINDOW_EVENTS = 10_000
_WINDOW_BYTES = 8 * 1024 * 1024


# aiokafka's murmur2 is written in Python, and a run has several events.
@functools.lru_cache(maxsize=20_000)
def _hash(key: bytes) -> int:
    murmur2 = cast("Callable[[bytes], int]", partitioner.murmur2)  # pyright: ignore[reportUnknownMemberType]
    return murmur2(key) & 0x7FFFFFFF


class Lanes:
    """One lane for each partition, filled from the queue as far as a window allows.

    The window bounds what a partition that takes nothing can hold up of the others.
    """

    def __init__(self, queue: EventQueue) -> None:
        self._queue = queue
        self._partitions = 0
        self._lanes: defaultdict[int, Lane] = defaultdict(deque)

    def __len__(self) -> int:
        """Return how many records are in all lanes."""
        return sum(len(lane) for lane in self._lanes.values())

    def filled(self) -> Iterator[tuple[int, Lane]]:
        """Return the lanes that are not empty, with their partitions."""
        return ((partition, lane) for partition, lane in self._lanes.items() if lane)

    def set_partitions(self, partitions: int) -> None:
        """Say how many partitions the topic has; sorts anew if it was made anew with others."""
        if partitions == self._partitions:
            return
        self._partitions = partitions
        waiting = sorted(numbered for lane in self._lanes.values() for numbered in lane)
        self._lanes.clear()
        self._sort(waiting)

    def fill(self) -> None:
        """Take from the queue what the window has room for."""
        room = _WINDOW_EVENTS - len(self)
        if room > 0:
            self._sort(self._queue.take(room, _WINDOW_BYTES))

    def settle(self, lane: Lane, count: int, outcome: QueueCount) -> None:
        """Take the first `count` records out of a lane, and tell the queue what became of them."""
        records = [lane.popleft() for _ in range(count)]
        lowest = min((waiting[0][0] for _, waiting in self.filled()), default=None)
        self._queue.settle(records, outcome, lowest)

    def _sort(self, records: Iterable[Numbered]) -> None:
        for numbered in records:
            key = numbered[1][0]
            self._lanes[_hash(key) % self._partitions].append(numbered)
