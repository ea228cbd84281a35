"""Services and subscribers on a plain Kafka client: events go in, verdicts come out."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.partitioning import murmur2_partition
from schemas.topics import DEAD_LETTERS, EVENTS, VERDICTS
from schemas.v1.dead_letter import DeadLetter
from streams.kafka.topics import full_name

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from schemas.topics import Topic
    from streams.settings.kafka import KafkaSettings

PATIENCE_S = 20.0

Verdict = dict[str, Any]


def event(flow: str, node: str, run_id: str, at_ns: int, **fields: Any) -> dict[str, Any]:
    """Return an event that happened at `at_ns`; its id is made of node and instant."""
    return {
        "v": 1,
        "event_id": f"{node}@{at_ns}",
        "flow": flow,
        "node": node,
        "run_id": run_id,
        "type": "act",
        "ts": at_ns,
        "data": {},
        **fields,
    }


def run_on(partition: int, name: str, settings: KafkaSettings) -> str:
    """Return a run id that begins with `name` and belongs on a partition of the events topic."""
    number = 0
    while murmur2_partition(f"{name}-{number}".encode(), settings.partitions) != partition:
        number += 1
    return f"{name}-{number}"


class Service:
    """A producer of events.

    Args:
        producer: a started `AIOKafkaProducer`, which has no types.
        settings: name the topic.
    """

    def __init__(self, producer: Any, settings: KafkaSettings) -> None:
        self.producer = producer
        self._topic = full_name(EVENTS, settings)

    async def send(self, *events: dict[str, Any]) -> None:
        """Send events in order and return when all are acknowledged."""
        await asyncio.gather(*[await self.post(event) for event in events])

    async def post(self, event: dict[str, Any]) -> Awaitable[Any]:
        """Hand an event to the producer, when it has room; the acknowledgement is still to be awaited."""
        value, key = orjson.dumps(event), event["run_id"].encode()
        return await self.producer.send(self._topic, value, key=key)

    async def send_bytes(self, value: bytes | None, *, key: bytes | None, partition: int) -> int:
        """Send any record to any partition; return its offset."""
        batch = self.producer.create_batch()  # `send` refuses a record without key and value
        batch.append(timestamp=None, key=key, value=value, headers=[("sent-by", b"a stranger")])
        batch.close()
        sent = await self.producer.send_batch(batch, self._topic, partition=partition)
        return (await sent).offset


class Reader:
    """Follows one topic from its beginning.

    Args:
        consumer: a started `AIOKafkaConsumer`, which has no types.
    """

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self._fetched: deque[Any] = deque()

    async def next_record(self) -> Any:
        """Return the next `aiokafka.ConsumerRecord`, waiting for it if need be."""
        while not self._fetched:
            for batch in (await self._consumer.getmany(timeout_ms=100)).values():
                self._fetched += batch
        return self._fetched.popleft()


class Subscriber(Reader):
    """Follows the verdicts, and remembers all of them by run."""

    def __init__(self, consumer: Any) -> None:
        super().__init__(consumer)
        self.verdicts: defaultdict[str, list[Verdict]] = defaultdict(list)

    async def read(self) -> Verdict:
        """Return the next verdict, waiting for it if need be."""
        verdict = orjson.loads((await self.next_record()).value)
        self.verdicts[verdict["run_id"]].append(verdict)
        return verdict

    async def verdict_of(
        self, run_id: str, accept: Callable[[Verdict], bool] = lambda _: True
    ) -> Verdict:
        """Return the first verdict on a run that is accepted, waiting for it if need be.

        Raises:
            TimeoutError: there is none.
        """
        for verdict in self.verdicts[run_id]:
            if accept(verdict):
                return verdict
        async with asyncio.timeout(PATIENCE_S):
            while True:
                verdict = await self.read()
                if verdict["run_id"] == run_id and accept(verdict):
                    return verdict

    async def read_to_end(self) -> None:
        """Read all that the topic holds now."""
        ends = await self._consumer.end_offsets(self._consumer.assignment())
        async with asyncio.timeout(PATIENCE_S):
            while self._fetched or not await self._is_at(ends):
                await self.read()

    async def _is_at(self, ends: dict[TopicPartition, int]) -> bool:
        positions = [await self._consumer.position(partition) for partition in ends]
        return all(at >= end for at, end in zip(positions, ends.values(), strict=True))


class DeadLetters(Reader):
    """Follows the dead letters."""

    async def letter_of(self, partition: int, offset: int) -> Any:
        """Return the record of the dead letter that a record of the events topic became.

        Raises:
            TimeoutError: there is none.
        """
        async with asyncio.timeout(PATIENCE_S):
            while True:
                record = await self.next_record()
                letter = DeadLetter.from_headers(record.headers)
                if (letter.source_partition, letter.source_offset) == (partition, offset):
                    return record


@asynccontextmanager
async def service(settings: KafkaSettings, **options: Any) -> AsyncGenerator[Service]:
    """Connect a producer; `options` are aiokafka's."""
    producer: Any = AIOKafkaProducer(bootstrap_servers=settings.broker, **options)
    async with producer:
        yield Service(producer, settings)


@asynccontextmanager
async def subscriber(settings: KafkaSettings) -> AsyncGenerator[Subscriber]:
    """Read all verdicts."""
    async with _consumer(VERDICTS, settings) as consumer:
        yield Subscriber(consumer)


@asynccontextmanager
async def dead_letters(settings: KafkaSettings) -> AsyncGenerator[DeadLetters]:
    """Read all dead letters."""
    async with _consumer(DEAD_LETTERS, settings) as consumer:
        yield DeadLetters(consumer)


@asynccontextmanager
async def _consumer(topic: Topic, settings: KafkaSettings) -> AsyncGenerator[Any]:
    consumer: Any = AIOKafkaConsumer(bootstrap_servers=settings.broker, enable_auto_commit=False)
    async with consumer:
        partitions = [
            TopicPartition(full_name(topic, settings), number)
            for number in range(settings.partitions)
        ]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        yield consumer


def now_ns() -> int:
    """Return the wall clock."""
    return time.time_ns()
