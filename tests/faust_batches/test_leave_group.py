"""A worker that stops in good order gives its partitions away at once, also under a name of its own."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.faust_batches.leave_group import leave_group_at_stop

if TYPE_CHECKING:
    from tests.support.shared_kafka import SharedKafka

SESSION_MS = 45_000
"""Far longer than the test waits: nobody's session ends meanwhile."""

PATIENCE_S = 15.0


def _member(kafka: SharedKafka, topic: str, name: str) -> Any:
    return AIOKafkaConsumer(
        topic,
        bootstrap_servers=kafka.bootstrap,
        group_id=topic,
        group_instance_id=name,
        session_timeout_ms=SESSION_MS,
        heartbeat_interval_ms=200,
    )


@pytest.fixture
async def topic(kafka: SharedKafka, topic_prefix: str) -> str:
    """A topic with one partition."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(f"{topic_prefix}left", 1, 1)])
    await admin.close()
    return f"{topic_prefix}left"


async def test_a_static_member_that_stops_leaves_its_partition_to_the_next(
    kafka: SharedKafka, topic: str
):
    first, second = _member(kafka, topic, "one"), _member(kafka, topic, "two")
    await first.start()
    async with asyncio.timeout(PATIENCE_S):
        while not first.assignment():
            await first.getmany(timeout_ms=50)
    # What Faust wraps around a consumer: a transport's consumer, with a thread that has it.
    app: Any = SimpleNamespace(consumer=SimpleNamespace(_thread=SimpleNamespace(_consumer=first)))
    leave_group_at_stop(app)
    await first.stop()

    async with second, asyncio.timeout(PATIENCE_S):
        while not second.assignment():
            await second.getmany(timeout_ms=50)


def test_a_worker_that_never_had_a_consumer_has_nothing_to_leave():
    leave_group_at_stop(SimpleNamespace(consumer=SimpleNamespace()))  # pyright: ignore[reportArgumentType]  # as before its start
