"""Start position of a new consumer group (`DULY_START`).

`earliest` is what Faust does by itself. The others are committed for the group before its first
worker joins: a position that is only decided when partitions are assigned would be decided again
at every rebalance before the first commit, and skip what came in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalGenerationError, UnknownMemberIdError

from schemas.topics import EVENTS
from streams.kafka.client import client_options
from streams.kafka.topics import full_name
from streams.log import get_logger

if TYPE_CHECKING:
    from streams.settings.worker import WorkerSettings

log = get_logger(__name__)


async def commit_start_position(settings: WorkerSettings) -> None:
    """Commit where to begin for each partition of the events topic that has no commit yet."""
    if settings.start == "earliest":
        return
    consumer: Any = AIOKafkaConsumer(
        **client_options(settings), group_id=settings.app_id, enable_auto_commit=False
    )
    await consumer.start()
    try:
        topic = full_name(EVENTS, settings)
        partitions = [TopicPartition(topic, number) for number in range(settings.partitions)]
        consumer.assign(partitions)
        new = [tp for tp in partitions if await consumer.committed(tp) is None]
        if new:
            await consumer.commit(await _positions(consumer, new, settings))
            log.info("group begins", topic=topic, start=settings.start, partitions=len(new))
    except (CommitFailedError, IllegalGenerationError, UnknownMemberIdError):
        log.info("group has begun already", start=settings.start)
    finally:
        await consumer.stop()


async def _positions(
    consumer: Any, partitions: list[TopicPartition], settings: WorkerSettings
) -> dict[TopicPartition, int]:
    positions: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
    time_ms = settings.start_time_ms
    if time_ms is not None:
        found = await consumer.offsets_for_times(dict.fromkeys(partitions, time_ms))
        positions |= {tp: at.offset for tp, at in found.items() if at is not None}
    return positions
