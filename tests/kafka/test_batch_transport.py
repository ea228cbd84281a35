"""The transport's own bookkeeping: what is committed, what is fetched; the rest needs a broker."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import faust
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import CorruptRecordException
from faust.types import TP

from schemas.topics import VERDICTS
from streams.errors import LeaseLost, UnreadableRecords
from streams.kafka.batch_transport import (
    FETCH_MAX_WAIT_MS,
    Appended,
    BatchConsumer,
    BatchProducer,
    BatchTransport,
    OutRecord,
    batch_consumer,
    batch_producer,
)
from streams.kafka.lease import Lease
from streams.kafka.topics import ensure_topics, full_name
from streams.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.shared_kafka import SharedKafka

EVENTS = TP("events", 0)
OTHER = TP("events", 1)


def give_up(error: LeaseLost) -> Any:
    raise error


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def new_app(broker: str, lease: Lease) -> faust.App:
    app = faust.App("app", broker=f"kafka://{broker}", store="memory://", autodiscover=False)
    app.topic("events")

    async def settle() -> None:
        return None

    app.transport = app.producer_transport = BatchTransport(
        app.conf.broker_consumer, app, lease=lease, settle=settle
    )
    return app


@pytest.fixture
async def consumer() -> AsyncGenerator[BatchConsumer]:
    consumer = batch_consumer(new_app("127.0.0.1:1", Lease(1_000)))
    yield consumer
    consumer._thread.thread_loop.close()  # of a thread that was never started


def acknowledge(consumer: BatchConsumer, *offsets: int) -> None:
    for offset in offsets:
        consumer._acked[EVENTS].append(offset)
        consumer._acked_index[EVENTS].add(offset)


async def test_what_is_acknowledged_commits_the_offset_behind_the_newest(
    consumer: BatchConsumer,
) -> None:
    acknowledge(consumer, 1_999, 3_999)
    assert consumer._new_offset(EVENTS) == 4_000
    assert consumer._new_offset(EVENTS) is None


async def test_offsets_that_were_never_delivered_hold_no_commit_back(
    consumer: BatchConsumer,
) -> None:
    """Markers of transactions and compacted records leave gaps; Faust would wait for them."""
    consumer._committed_offset[EVENTS] = 10
    await consumer._add_gap(EVENTS, 10, 1_000_000)
    acknowledge(consumer, 1_000_007)
    assert consumer._new_offset(EVENTS) == 1_000_008


async def test_a_held_partition_is_not_fetched_until_it_is_released(
    consumer: BatchConsumer,
) -> None:
    consumer._set_active_tps({EVENTS, OTHER})
    consumer.hold(EVENTS)
    assert consumer._get_active_partitions() == {OTHER}
    consumer.release(EVENTS)
    assert consumer._get_active_partitions() == {EVENTS, OTHER}


async def test_a_release_without_a_hold_resumes_nothing(consumer: BatchConsumer) -> None:
    """Faust itself pauses partitions in a rebalance; an owner that is done must not undo that."""
    consumer._set_active_tps({EVENTS, OTHER})
    consumer.pause_partitions({EVENTS})
    consumer.release(EVENTS)
    assert consumer._get_active_partitions() == {OTHER}


async def test_when_all_partitions_are_held_a_release_ends_the_wait_at_once(
    consumer: BatchConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def records(_timeout: float) -> Any:
        return {}, consumer._get_active_partitions()

    monkeypatch.setattr(consumer, "_wait_next_records", records)
    consumer._set_active_tps({EVENTS})
    consumer.hold(EVENTS)
    fetching = asyncio.create_task(consumer._fetch(60))
    await asyncio.sleep(0)
    assert not fetching.done()
    consumer.release(EVENTS)
    assert await asyncio.wait_for(fetching, 1) == ({}, {EVENTS})


async def test_a_batch_that_cannot_be_read_names_the_places(
    consumer: BatchConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def records(_timeout: float) -> Any:
        raise CorruptRecordException("CRC")

    async def position(_tp: TP) -> int:
        return 42

    monkeypatch.setattr(consumer, "_wait_next_records", records)
    monkeypatch.setattr(consumer, "position", position)
    monkeypatch.setattr(consumer, "assignment", lambda: {EVENTS})
    with pytest.raises(UnreadableRecords, match=r"CRC.*events-0 at 42"):
        await consumer._fetch(1)


async def test_one_message_carries_the_batch_of_one_partition(
    consumer: BatchConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = [SimpleNamespace(offset=n, timestamp=1_000, timestamp_type=1) for n in (5, 7, 9)]

    async def records(_timeout: float) -> Any:
        return {EVENTS: batch, OTHER: batch}, {EVENTS}

    monkeypatch.setattr(consumer, "_wait_next_records", records)
    messages = [message async for _, message in consumer.getmany(1)]
    assert [(m.topic, m.partition, m.offset, m.value) for m in messages] == [
        ("events", 0, 9, batch)
    ]


# --- on a broker


@pytest.fixture
async def settings(kafka: SharedKafka, topic_prefix: str) -> Settings:
    settings = Settings(
        broker=kafka.bootstrap, topic_prefix=topic_prefix, app_id=f"{topic_prefix}app", partitions=2
    )
    await ensure_topics(settings)
    return settings


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def producer(settings: Settings, clock: Clock) -> AsyncGenerator[BatchProducer]:
    lease = Lease(10_000, abandon=give_up, now=clock)
    lease.renew()
    producer = batch_producer(new_app(settings.broker, lease))
    await producer.start()
    yield producer
    await producer.stop()


async def read(settings: Settings, topic: str, count: int) -> list[Any]:
    consumer: Any = AIOKafkaConsumer(
        topic, bootstrap_servers=settings.broker, auto_offset_reset="earliest"
    )
    async with consumer:
        return [await asyncio.wait_for(anext(consumer), 10) for _ in range(count)]


async def test_records_are_appended_in_order_with_their_headers_and_acknowledged(
    settings: Settings, producer: BatchProducer
) -> None:
    topic = full_name(VERDICTS, settings)
    records = [OutRecord(b"k%d" % n, b"v%d" % n, [("h", b"%d" % n)]) for n in range(3)]
    appended = await producer.append(topic, 1, records)
    assert isinstance(appended, Appended)
    assert appended.last_offset == 2
    read_back = await read(settings, topic, 3)
    assert [(r.key, r.value, list(r.headers), r.partition) for r in read_back] == [
        (*record, 1) for record in records
    ]


async def test_more_than_a_record_batch_holds_goes_out_in_several(
    settings: Settings, producer: BatchProducer
) -> None:
    topic = full_name(VERDICTS, settings)
    big = [OutRecord(b"k", b"%07d" % n + b"x" * 700_000) for n in range(4)]
    appended = await producer.append(topic, 0, big)
    assert appended is not None
    assert appended.last_offset == 3
    assert [r.value[:7] for r in await read(settings, topic, 4)] == [b"%07d" % n for n in range(4)]


async def test_nothing_to_append_is_nothing_appended(
    settings: Settings, producer: BatchProducer
) -> None:
    assert await producer.append(full_name(VERDICTS, settings), 0, []) is None


async def test_nothing_is_appended_when_the_lease_is_lost(
    settings: Settings, producer: BatchProducer, clock: Clock
) -> None:
    clock.now_s = 60
    with pytest.raises(LeaseLost):
        await producer.append(full_name(VERDICTS, settings), 0, [OutRecord(b"k", b"v")])


async def test_the_consumer_reads_committed_and_fetches_again_soon(
    consumer: BatchConsumer,
) -> None:
    made = consumer._thread._create_worker_consumer(cast("BatchTransport", consumer.transport))
    assert vars(made)["_isolation_level"] == "read_committed"
    assert vars(made)["_fetch_max_wait_ms"] == FETCH_MAX_WAIT_MS
    await made.stop()


async def test_the_producer_is_idempotent_and_waits_for_all_replicas(
    producer: BatchProducer,
) -> None:
    made: Any = producer._ensure_producer()
    assert isinstance(made, AIOKafkaProducer)
    assert made._txn_manager is not None
    assert made._sender._acks == -1
