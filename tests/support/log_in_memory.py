"""A log in memory: what an owner writes to, and how a test waits for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from streams.agents.events.context import Destinations, WorkerContext
from streams.engine.definitions.registry import Definitions
from streams.kafka.rows import Appended, OutRecord, Row
from tests.support.blockable_topics import BlockableTopics
from tests.support.kafka_records import PARTITIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from streams.engine.script_calls import ScriptAnswer, ScriptCall

DESTINATIONS = Destinations("events", "verdicts", "dead-letters", "definitions", "changelog")


class Log(BlockableTopics):
    """Topics in memory."""

    def __init__(self) -> None:
        super().__init__(DESTINATIONS)
        self.written: list[tuple[str, int, OutRecord]] = []
        self.timestamp_ms = 0
        self.committed_offset = 0

    async def append(self, topic: str, partition: int, records: Iterable[Row]) -> Appended | None:
        records = list(records)
        await self.opened(topic)
        if not records:
            return None
        self.written += [(topic, partition, OutRecord(*record)) for record in records]
        async with self.changed:
            self.changed.notify_all()
        return Appended(len(self.of(topic)) - 1, self.timestamp_ms)

    def committed(self, partition: int) -> int:
        return self.committed_offset

    def of(self, topic: str) -> list[OutRecord]:
        return [record for to, _, record in self.written if to == topic]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition that only a write can bring about."""
        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(condition), 10)


class Batch:
    """A fetched batch; tells when it is acknowledged."""

    def __init__(self, *records: Any) -> None:
        self.message = _Message(list(records))
        self.acknowledged = asyncio.Event()

    def ack(self) -> None:
        self.acknowledged.set()

    async def done(self) -> None:
        await asyncio.wait_for(self.acknowledged.wait(), 10)


class _Message:
    def __init__(self, records: list[Any]) -> None:
        self.value = records
        self.partition = records[0].partition


class Neighbours:
    """What an owner needs around it, recorded."""

    def __init__(self, log: Log, definitions: Definitions | None = None) -> None:
        self.log = log
        self.definitions = definitions or Definitions({})
        self.failures: asyncio.Queue[BaseException] = asyncio.Queue()
        self.asked: asyncio.Queue[Sequence[ScriptCall]] = asyncio.Queue()
        self.answers: asyncio.Queue[list[ScriptAnswer]] = asyncio.Queue()
        self.may_open = asyncio.Event()
        self.may_open.set()
        self.opening = asyncio.Event()

    async def wait_until_can_open(self, timestamp_ns: int) -> None:
        self.opening.set()
        await self.may_open.wait()

    def why_waiting(self) -> str | None:
        return None

    async def evaluate(self, calls: Sequence[ScriptCall]) -> list[ScriptAnswer]:
        self.asked.put_nowait(calls)
        return await self.answers.get()

    def context(self) -> WorkerContext:
        return WorkerContext(
            destinations=DESTINATIONS,
            partitions=PARTITIONS,
            log=self.log,
            definitions=self,
            sandbox=self,
            fail=self.failures.put_nowait,
        )
