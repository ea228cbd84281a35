"""Comparison of the events on the topic with those that were sent, one by one."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import orjson
from aiokafka import AIOKafkaConsumer

from tests.soak.service import FLOW, RUNS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

_STALL_S = 60.0
_ID_BYTES = 16
_NO_ID = bytes(_ID_BYTES)


@dataclass(slots=True)
class Arrived:
    """What is on the topic.

    Attributes:
        received: different events.
        duplicates: records of an event that is there already, under the same id: a reader drops them.
        renamed: records of an event that is there already under another id: it would count twice.
        out_of_order: events that came after a later one of their run.
    """

    received: int = 0
    duplicates: int = 0
    renamed: int = 0
    out_of_order: int = 0


class Comparison:
    """Takes events in the order of the log, and says what has arrived.

    Args:
        sent: how many events were sent, numbered from 0 on.
    """

    def __init__(self, sent: int) -> None:
        self.arrived = Arrived()
        # Flat, as there are millions: 16 bytes for each event that was sent.
        self._ids = bytearray(sent * _ID_BYTES)
        self._last = [-1] * RUNS

    def take(self, number: int, event_id: str) -> None:
        """Count one record."""
        own = uuid.UUID(event_id).bytes
        place = slice(number * _ID_BYTES, (number + 1) * _ID_BYTES)
        before = bytes(self._ids[place])
        if before == _NO_ID:
            self._take_first(number)
            self._ids[place] = own
        elif before == own:
            self.arrived.duplicates += 1
        else:
            self.arrived.renamed += 1

    def _take_first(self, number: int) -> None:
        run = number % RUNS
        self.arrived.received += 1
        self.arrived.out_of_order += number < self._last[run]
        self._last[run] = max(number, self._last[run])


async def compare(bootstrap: str, topic: str, sent: int) -> Arrived:
    """Read a topic whole and return what is there of the events that were sent.

    Raises:
        TimeoutError: the broker gave nothing for a minute, before the end of the topic.
    """
    comparison = Comparison(sent)
    async for value in _values(bootstrap, topic):
        event: dict[str, Any] = orjson.loads(value)
        if event["flow"] == FLOW:  # the SDK's own reports go there too
            comparison.take(event["data"]["number"], event["event_id"])
    return comparison.arrived


async def _values(bootstrap: str, topic: str) -> AsyncGenerator[bytes]:
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=8 << 20,
    )
    await consumer.start()
    try:
        ends = cast("dict[Any, int]", await consumer.end_offsets(consumer.assignment()))
        read = dict.fromkeys(ends, 0)
        while any(read[partition] < end for partition, end in ends.items()):
            async with asyncio.timeout(_STALL_S):
                fetched = cast("dict[Any, list[Any]]", await consumer.getmany(timeout_ms=60_000))
            for partition, records in fetched.items():
                read[partition] = records[-1].offset + 1
                for record in records:
                    yield record.value
    finally:
        await consumer.stop()
