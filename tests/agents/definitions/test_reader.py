"""The definitions reader: all of the topic, and how far in time (R17)."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from schemas.topics import DEFINITIONS
from streams.agents.definitions.agent import take_definitions
from streams.agents.definitions.reader import DefinitionsReader
from streams.engine.definitions.registry import Definitions
from streams.kafka.client import client_options
from streams.kafka.topics import ensure_topics, full_name
from streams.settings.worker import WorkerSettings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from tests.support.shared_kafka import SharedKafka

SECOND = 1_000_000_000


@pytest.fixture
async def settings(kafka: SharedKafka, topic_prefix: str) -> WorkerSettings:
    settings = WorkerSettings(
        broker=kafka.bootstrap, topic_prefix=topic_prefix, app_id=f"{topic_prefix}app", partitions=1
    )
    await ensure_topics(settings)
    return settings


@asynccontextmanager
async def reading(
    settings: WorkerSettings,
    definitions: Definitions,
    *,
    now_ns: Callable[[], int] = time.time_ns,
) -> AsyncGenerator[DefinitionsReader]:
    reader = DefinitionsReader(
        full_name(DEFINITIONS, settings),
        definitions,
        take=take_definitions(definitions),
        connection=client_options(settings),
        now_ns=now_ns,
    )
    await reader.start()
    following = asyncio.create_task(reader.follow())
    yield reader
    following.cancel()
    await asyncio.wait({following})
    await reader.stop()


async def publish(settings: WorkerSettings, *flows: str, value: bytes | None = None) -> int:
    """Write one published definition for each flow; return the last timestamp in ns."""
    timestamp_ms = 0
    producer: Any = AIOKafkaProducer(bootstrap_servers=settings.broker)
    async with producer:
        for flow in flows:
            sent = await producer.send_and_wait(
                full_name(DEFINITIONS, settings), value or published(flow), key=flow.encode()
            )
            timestamp_ms = sent.timestamp
    return timestamp_ms * 1_000_000


def published(flow: str) -> bytes:
    content: dict[str, Any] = {"flow": flow, "options": {}, "nodes": [{"id": "pay"}]}
    version = Definitions().publish(content)
    return orjson.dumps({"v": 1, "kind": "published", "version": version, **content})


async def test_all_definitions_are_read_before_the_start_returns(settings: WorkerSettings) -> None:
    await publish(settings, "shop", "returns")
    definitions = Definitions()
    async with reading(settings, definitions):
        assert sorted(definitions.flows()) == ["returns", "shop"]


async def test_a_record_that_is_no_definition_is_left_out(settings: WorkerSettings) -> None:
    await publish(settings, "broken", value=b"{not json")
    await publish(settings, "shop")
    definitions = Definitions()
    async with reading(settings, definitions):
        assert definitions.flows() == ["shop"]


async def test_R17_a_definition_published_later_is_read_before_runs_that_it_judges_open(
    settings: WorkerSettings,
) -> None:
    definitions = Definitions()
    async with reading(settings, definitions) as reader:
        published_ns = await publish(settings, "shop")
        await reader.wait_until_can_open(published_ns + 2 * SECOND)
        assert definitions.flows() == ["shop"]


async def test_R17_a_run_that_opened_long_ago_waits_for_nothing(settings: WorkerSettings) -> None:
    definitions = Definitions()
    async with reading(settings, definitions) as reader:
        with pytest.raises(StopIteration):  # of a coroutine that has ended without a wait
            reader.wait_until_can_open(SECOND).send(None)


async def test_R17_a_worker_whose_clock_is_behind_waits_for_a_reading_not_for_its_clock(
    settings: WorkerSettings,
) -> None:
    an_hour_behind: Any = lambda: time.time_ns() - 3_600 * SECOND  # noqa: E731
    definitions = Definitions()
    async with reading(settings, definitions, now_ns=an_hour_behind) as reader:
        assert not definitions.can_open(time.time_ns())
        published_ns = await publish(settings, "shop")
        await asyncio.wait_for(reader.wait_until_can_open(published_ns + 2 * SECOND), 10)
        assert definitions.flows() == ["shop"]


async def test_all_who_wait_go_on(settings: WorkerSettings) -> None:
    stands = time.time_ns() - 3_600 * SECOND
    definitions = Definitions()
    async with reading(settings, definitions, now_ns=lambda: stands) as reader:
        later = [stands + seconds * SECOND for seconds in (10, 1_000, 100)]
        await asyncio.wait_for(asyncio.gather(*map(reader.wait_until_can_open, later)), 10)
        assert definitions.can_open(max(later))
