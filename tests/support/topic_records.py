"""Writes records of any shape to the topics of a test, and reads them back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

from aiokafka import AIOKafkaProducer

from streams.kafka.topic_reader import open_reader, topic_partitions
from streams.kafka.topics import full_name
from streams.settings.kafka import load_kafka_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemas.topics import Topic


APART_S = 0.001


class Sent(NamedTuple):
    """A record to write, to a partition of a topic."""

    topic: Topic
    partition: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


def write(records: Iterable[Sent]) -> None:
    """Append records, in order, to the topics that the environment names, each in a millisecond of its own.

    Those of different partitions have no order but that of their timestamps.
    """

    async def send() -> None:
        settings = load_kafka_settings()
        producer: Any = AIOKafkaProducer(bootstrap_servers=settings.broker)
        async with producer:
            for record in records:
                batch = producer.create_batch()  # `send` refuses a record without key and value
                batch.append(
                    timestamp=None, key=record.key, value=record.value, headers=[*record.headers]
                )
                batch.close()
                topic = full_name(record.topic, settings)
                await (await producer.send_batch(batch, topic, partition=record.partition))
                await asyncio.sleep(APART_S)

    asyncio.run(send())


def read(topic: Topic) -> list[Any]:
    """Return all `aiokafka.ConsumerRecord`s of a topic, partition by partition."""

    async def collect() -> list[Any]:
        settings = load_kafka_settings()
        async with open_reader(settings) as reader:
            return [
                record
                for partition in await topic_partitions(topic, settings)
                async for batch in reader.read(partition, await reader.end_offset(partition))
                for record in batch
            ]

    return asyncio.run(collect())
