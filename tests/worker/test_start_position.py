"""Where a new group begins (`DULY_START`)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.topics import EVENTS
from streams.kafka.topics import ensure_topics, full_name
from streams.settings.worker import WorkerSettings
from streams.worker.start_position import commit_start_position

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.support.shared_kafka import SharedKafka

    Begin = Callable[[str], Awaitable[dict[int, int | None]]]


@pytest.fixture
async def settings(kafka: SharedKafka, topic_prefix: str) -> WorkerSettings:
    settings = WorkerSettings(
        broker=kafka.bootstrap, topic_prefix=topic_prefix, app_id=f"{topic_prefix}app", partitions=2
    )
    await ensure_topics(settings)
    return settings


async def send(settings: WorkerSettings, partition: int, count: int) -> list[int]:
    """Append records and return their timestamps in ms."""
    async with AIOKafkaProducer(bootstrap_servers=settings.broker) as producer:
        topic = full_name(EVENTS, settings)
        return [
            (await producer.send_and_wait(topic, b"x", partition=partition)).timestamp
            for _ in range(count)
        ]


@pytest.fixture
def begin(settings: WorkerSettings) -> Begin:
    async def begin(start: str) -> dict[int, int | None]:
        """Start the group there; return the committed offset of each partition."""
        await commit_start_position(settings.model_copy(update={"start": start}))
        consumer: Any = AIOKafkaConsumer(
            bootstrap_servers=settings.broker, group_id=settings.app_id, enable_auto_commit=False
        )
        await consumer.start()
        try:
            topic = full_name(EVENTS, settings)
            return {p: await consumer.committed(TopicPartition(topic, p)) for p in range(2)}
        finally:
            await consumer.stop()

    return begin


async def test_earliest_commits_nothing_because_it_is_where_a_group_begins_anyway(
    settings: WorkerSettings, begin: Begin
) -> None:
    await send(settings, 0, 2)
    assert await begin("earliest") == {0: None, 1: None}


async def test_latest_begins_behind_what_is_there(settings: WorkerSettings, begin: Begin) -> None:
    await send(settings, 0, 2)
    assert await begin("latest") == {0: 2, 1: 0}


async def test_a_time_begins_at_the_first_record_from_then_on(
    settings: WorkerSettings, begin: Begin
) -> None:
    *_, second, _third = await send(settings, 0, 3)
    offsets = await begin(iso(second))
    assert offsets[0] in {0, 1}, "records of one millisecond are told apart by nobody"
    assert offsets[1] == 0


async def test_a_time_after_the_last_record_begins_behind_it(
    settings: WorkerSettings, begin: Begin
) -> None:
    (last,) = await send(settings, 0, 1)
    assert await begin(iso(last + 3_600_000)) == {0: 1, 1: 0}


async def test_a_group_that_has_begun_goes_on_where_it_is(
    settings: WorkerSettings, begin: Begin
) -> None:
    await send(settings, 0, 1)
    await begin("latest")
    await send(settings, 0, 5)
    assert await begin("latest") == {0: 1, 1: 0}


def iso(timestamp_ms: int) -> str:
    return datetime.fromtimestamp(timestamp_ms / 1_000, UTC).isoformat()
