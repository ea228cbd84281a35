"""Timekeeper of one partition: appends a clock record when an instant is due and nothing else is written (R13)."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from schemas.units import NS_PER_MS, NS_PER_S
from streams.agents.events.clock_records import ClockRecords
from streams.kafka.rows import CLOCK_HEADER, OutRecord

if TYPE_CHECKING:
    from streams.agents.events.backlog import FetchedBatch
    from streams.agents.events.context import WorkerContext
    from streams.engine.partition import Partition


class Timekeeper:
    """Lets stream time pass on a partition that nobody writes to.

    Args:
        partition: whose next due instant is looked at.
        context: where clock records go.
    """

    def __init__(self, partition: Partition, context: WorkerContext) -> None:
        self._partition = partition
        self._context = context
        self._clock = ClockRecords()
        self._judged = asyncio.Event()

    def fetched(self, batch: FetchedBatch) -> None:
        """Take in a fetched batch: the broker's clock was at its last record."""
        self._clock.seen(batch.message.value[-1].timestamp * NS_PER_MS, time.time_ns())

    def judged(self) -> None:
        """Look again: the next due instant may be another one now."""
        self._judged.set()

    async def keep(self) -> NoReturn:
        """Append clock records when they are due, for as long as the partition is ours."""
        while True:
            self._judged.clear()
            wait_ns = self._clock.wait_ns(self._partition.next_due_ns(), time.time_ns())
            if wait_ns == 0:
                await self._append_clock_record()
            else:
                timeout_s = None if wait_ns is None else wait_ns / NS_PER_S
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._judged.wait(), timeout_s)

    async def _append_clock_record(self) -> None:
        sent_ns = time.time_ns()
        self._clock.appended(sent_ns)
        self._context.metrics.wrote_clock_record()
        appended = await self._context.log.append(
            self._context.destinations.events,
            self._partition.number,
            [OutRecord(None, None, [CLOCK_HEADER])],
        )
        if appended is not None:
            timestamp_ns = appended.timestamp_ms * NS_PER_MS
            self._clock.acknowledged(timestamp_ns, sent_ns, time.time_ns())
