"""A log on Apache Kafka, with the ways of `log_in_memory.Log`: what an owner writes to, and what it is fetched."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import faust
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.agents.events.context import Destinations
from streams.faust_batches.lease import Lease
from streams.faust_batches.transport import batch_producer, use_batch_transport
from streams.kafka.rows import OutRecord
from streams.kafka.topics import ensure_topics
from tests.support.blockable_topics import BlockableTopics
from tests.support.log_in_memory import Batch

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from streams.kafka.rows import Appended, Row
    from streams.settings.kafka import KafkaSettings

PATIENCE_S = 20.0
LEASE_MS = 60_000


class LogOnKafka(BlockableTopics):
    """Topics on a broker, written by the worker's own producer; a topic can be blocked as in memory.

    Args:
        settings: name the broker and the topics.
        producer: a started `BatchProducer`.
        consumer: a started `AIOKafkaConsumer`, assigned to nothing.
    """

    def __init__(self, settings: KafkaSettings, producer: Any, consumer: Any) -> None:
        self.destinations = Destinations.of(settings)
        super().__init__(self.destinations)
        self._producer = producer
        self._consumer = consumer
        self._acknowledged: Counter[str] = Counter()
        self._fetched_to = 0

    async def append(self, topic: str, partition: int, records: Iterable[Row]) -> Appended | None:
        records = list(records)
        await self.opened(topic)
        appended = await self._producer.append(topic, partition, records)
        async with self.changed:
            self._acknowledged[topic] += len(records)
            self.changed.notify_all()
        return appended

    def committed(self, _partition: int) -> int:
        return 0

    async def until_written(self, topic: str, count: int = 1) -> None:
        """Wait until so many records of a topic are acknowledged."""
        async with self.changed, asyncio.timeout(PATIENCE_S):
            await self.changed.wait_for(lambda: self._acknowledged[topic] >= count)

    async def fetch(self, partition: int, at_least: int = 1) -> Batch:
        """Return what the events topic holds behind the batch before, waiting for so many records."""
        records: list[Any] = []
        async with asyncio.timeout(PATIENCE_S):
            while len(records) < at_least:
                place = TopicPartition(self.destinations.events, partition)
                records += await self._read(place, self._fetched_to)
                if records:
                    self._fetched_to = records[-1].offset + 1
        return Batch(*records)

    async def read(self, topic: str, partition: int) -> list[OutRecord]:
        """Return all that a partition of a topic holds."""
        records = await self._read(TopicPartition(topic, partition), 0)
        return [OutRecord(record.key, record.value, list(record.headers)) for record in records]

    async def _read(self, place: TopicPartition, begin: int) -> list[Any]:
        self._consumer.assign([place])
        end = (await self._consumer.end_offsets([place]))[place]
        self._consumer.seek(place, begin)
        records: list[Any] = []
        async with asyncio.timeout(PATIENCE_S):
            while await self._consumer.position(place) < end:
                for fetched in (await self._consumer.getmany(timeout_ms=100)).values():
                    records += fetched
        return records


@asynccontextmanager
async def log_on_kafka(settings: KafkaSettings) -> AsyncGenerator[LogOnKafka]:
    """Create the topics of an installation and connect to them."""
    await ensure_topics(settings)
    lease = Lease(LEASE_MS)
    lease.renew()
    app = faust.App(
        "app", broker=f"kafka://{settings.broker}", store="memory://", autodiscover=False
    )

    async def drain() -> None: ...

    use_batch_transport(app, lease=lease, drain=drain, idempotence=True)
    producer = batch_producer(app)
    consumer: Any = AIOKafkaConsumer(bootstrap_servers=settings.broker, enable_auto_commit=False)
    await producer.start()
    try:
        async with consumer:
            yield LogOnKafka(settings, producer, consumer)
    finally:
        await producer.stop()
