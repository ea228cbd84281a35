"""Backlog of one partition: its batches between fetch and commit; pauses fetching when they are too many."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from streams.agents.events.mailbox import Mailbox

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.agents.events.context import EventsLog

MOST_RECORDS = 20_000
"""Records between fetch and commit at which a partition is no longer fetched from."""

MOST_BATCHES = 64
"""The same in batches: one holds about 1 MiB at most, a single larger record apart."""

JUDGED_AT_ONCE = 8_000
"""Records that are judged together where batches have gathered: a run's state is written once for
all of them. More would keep the other partitions waiting for longer than a deadline may be late."""


class FetchedBatch(Protocol):
    """A fetched batch, as Faust delivers it (`faust.Event`)."""

    message: Any
    """`message.value` is the list of records, each with offset, timestamp, key, value and headers."""

    def ack(self) -> Any:
        """Release its offset for the next commit."""
        ...


class Backlog:
    """Batches that were fetched and are not committed; those that nobody has taken yet, oldest first.

    Args:
        number: the partition's.
        log: paused and resumed, as far as this partition goes.
    """

    def __init__(self, number: int, log: EventsLog) -> None:
        self._number = number
        self._log = log
        self._waiting: Mailbox[FetchedBatch] = Mailbox()
        self._batches = 0
        self._is_paused = False
        self._drained = asyncio.Event()
        self._drained.set()
        self.records = 0
        """Records between fetch and commit."""

    @property
    def is_drained(self) -> bool:
        """True if no batch is between fetch and commit."""
        return self._drained.is_set()

    def put(self, batch: FetchedBatch) -> None:
        """Add the next batch of the log; pauses the partition when there are enough."""
        self.records += len(batch.message.value)
        self._batches += 1
        self._drained.clear()
        self._waiting.put(batch)
        if self._has_enough() and not self._is_paused:
            self._is_paused = True
            self._log.pause(self._number)

    async def take(self) -> list[FetchedBatch]:
        """Return the next batches of the log, as many as are judged together."""
        batches = [await self._waiting.take()]
        records = len(batches[0].message.value)
        while records < JUDGED_AT_ONCE and (batch := self._waiting.take_now()) is not None:
            batches.append(batch)
            records += len(batch.message.value)
        return batches

    def remove(self, batches: Iterable[FetchedBatch]) -> None:
        """Take out batches that are durable or given up; resumes the partition when there is room."""
        for batch in batches:
            self.records -= len(batch.message.value)
            self._batches -= 1
        if not self._batches:
            self._drained.set()
        if self._is_paused and self._has_room():
            self._is_paused = False
            self._log.resume(self._number)

    def drop_waiting(self) -> None:
        """Give up what nobody has taken yet; it will be read again."""
        self.remove(self._waiting.clear())

    async def wait_drained(self) -> None:
        """Return when no batch is between fetch and commit."""
        await self._drained.wait()

    def _has_enough(self) -> bool:
        return self.records >= MOST_RECORDS or self._batches >= MOST_BATCHES

    def _has_room(self) -> bool:
        return self.records <= MOST_RECORDS // 2 and self._batches <= MOST_BATCHES // 2
