"""What the commands ask of Kafka: topics that must be there, and records read without a group."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.errors import BrokerUnavailable, NoTopic
from streams.kafka.client import client_options
from streams.kafka.topics import admin_client, full_name
from streams.log import configure_logging
from streams.settings.kafka import load_kafka_settings
from streams.settings.worker import load_worker_settings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from schemas.topics import Topic
    from streams.settings.kafka import KafkaSettings
    from streams.settings.worker import WorkerSettings

FETCH_TIMEOUT_MS = 500


class Stored(NamedTuple):
    """The newest record of a key: its value and the broker's timestamp."""

    value: bytes
    timestamp_ms: int


def command_settings() -> KafkaSettings:
    """Read the settings, and silence the libraries: a command says itself what is wrong."""
    settings = load_kafka_settings()
    _silence_libraries(settings)
    return settings


def worker_settings() -> WorkerSettings:
    """Do as `command_settings`, for a command that judges as a worker would, or looks at one."""
    settings = load_worker_settings()
    _silence_libraries(settings)
    return settings


def _silence_libraries(settings: KafkaSettings) -> None:
    quiet = {"log_level": "error", "log_format": "console"}
    configure_logging(settings.model_copy(update=quiet))
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


@contextmanager
def broker_errors(settings: KafkaSettings) -> Generator[None]:
    """Turn what a client raises into words.

    Raises:
        BrokerUnavailable: the broker did not do what it was asked.
    """
    try:
        yield
    except KafkaError as error:
        reason = f"{type(error).__name__}: {error}"
        raise BrokerUnavailable(f"the broker at {settings.broker} fails us: {reason}") from error


async def require_topic(topic: Topic, settings: KafkaSettings) -> list[TopicPartition]:
    """Return the partitions of a topic.

    Raises:
        BrokerUnavailable: nobody answers at `DULY_BROKER`.
        NoTopic: the topic does not exist.
    """
    name = full_name(topic, settings)
    async with admin_client(settings) as admin:
        if name not in await admin.list_topics():
            raise NoTopic(
                f"there is no topic {name} on {settings.broker}: start a worker or run "
                "`duly topics apply` first; is DULY_TOPIC_PREFIX right?"
            )
        (described,) = await admin.describe_topics([name])
    return [TopicPartition(name, number) for number in range(len(described["partitions"]))]


@asynccontextmanager
async def reader(
    topic: Topic, settings: KafkaSettings, *, from_beginning: bool
) -> AsyncGenerator[Any]:
    """Read all partitions of a topic, without a group, from now or from the beginning on.

    Yields an `AIOKafkaConsumer`, which has no types.

    Raises:
        BrokerUnavailable: nobody answers at `DULY_BROKER`.
        NoTopic: the topic does not exist.
    """
    partitions = await require_topic(topic, settings)
    consumer: Any = AIOKafkaConsumer(
        **client_options(settings),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    with broker_errors(settings):
        await consumer.start()
        try:
            consumer.assign(partitions)
            seek = consumer.seek_to_beginning if from_beginning else consumer.seek_to_end
            await seek(*partitions)
            # Only once a position is known does "from now on" mean this very moment.
            for partition in partitions:
                await consumer.position(partition)
            yield consumer
        finally:
            await consumer.stop()


async def newest_records(topic: Topic, settings: KafkaSettings) -> dict[bytes, Stored]:
    """Return the newest record of each key of a compacted topic; removed keys are not in it."""
    newest: dict[bytes, Stored] = {}
    async with reader(topic, settings, from_beginning=True) as consumer:
        ends = await consumer.end_offsets(consumer.assignment())
        for partition, end in ends.items():
            while await consumer.position(partition) < end:
                fetched = await consumer.getmany(partition, timeout_ms=FETCH_TIMEOUT_MS)
                for record in fetched.get(partition, ()):
                    if record.value is None:
                        newest.pop(record.key, None)
                    else:
                        newest[record.key] = Stored(record.value, record.timestamp)
    return newest
