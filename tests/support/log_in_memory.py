"""A log in memory: what an owner writes to, and how a test waits for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from streams.agents.events.context import Destinations, WorkerContext
from streams.engine.definitions.registry import Definitions
from streams.kafka.rows import Appended, OutRecord, Row
from tests.support.kafka_records import PARTITIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from streams.engine.script_calls import ScriptAnswer, ScriptCall

DESTINATIONS = Destinations("events", "verdicts", "dead-letters", "definitions", "changelog")


class Log:
    """Topics in memory; a topic can be blocked, so that its writes wait for their acknowledgement."""

    def __init__(self) -> None:
        self.written: list[tuple[str, int, OutRecord]] = []
        self.timestamp_ms = 0
        self.committed_offset = 0
        self.paused: set[int] = set()
        self._open = {topic: asyncio.Event() for topic in DESTINATIONS}
        for gate in self._open.values():
            gate.set()
        self._changed = asyncio.Condition()

    async def append(self, topic: str, partition: int, records: Iterable[Row]) -> Appended | None:
        records = list(records)
        await self._open[topic].wait()
        if not records:
            return None
        self.written += [(topic, partition, OutRecord(*record)) for record in records]
        async with self._changed:
            self._changed.notify_all()
        return Appended(len(self.of(topic)) - 1, self.timestamp_ms)

    def generation(self) -> int:
        return 7

    def committed(self, partition: int) -> int:
        return self.committed_offset

    def pause(self, partition: int) -> None:
        self.paused.add(partition)

    def resume(self, partition: int) -> None:
        self.paused.discard(partition)

    def block(self, topic: str) -> None:
        self._open[topic].clear()

    def unblock(self, topic: str) -> None:
        self._open[topic].set()

    def of(self, topic: str) -> list[OutRecord]:
        return [record for to, _, record in self.written if to == topic]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition that only a write can bring about."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(condition), 10)


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
