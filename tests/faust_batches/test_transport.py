"""The transport's own bookkeeping: what is committed, what is fetched; the rest needs a broker."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import faust
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecord
from faust.types import TP

from schemas.topics import VERDICTS
from streams.errors import LeaseLost, UnreadableRecords
from streams.faust_batches.consumer import BatchConsumer
from streams.faust_batches.consumer_thread import FETCH_MAX_WAIT_MS, BatchConsumerThread
from streams.faust_batches.lease import Lease
from streams.faust_batches.transport import batch_consumer, batch_producer, use_batch_transport
from streams.kafka.rows import Appended, OutRecord
from streams.kafka.topics import ensure_topics, full_name
from streams.settings.kafka import KafkaSettings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from streams.faust_batches.producer import BatchProducer
    from streams.faust_batches.transport import BatchTransport
    from tests.support.shared_kafka import SharedKafka

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

    async def drain() -> None:
        return None

    use_batch_transport(app, lease=lease, drain=drain, idempotence=True)
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


class Fetches:
    """What a consumer's thread is asked for, and what it answers."""

    def __init__(self, *answers: dict[TP, list[Any]]) -> None:
        self.asked: list[set[TP]] = []
        self._answers = list(answers)

    async def __call__(self, active_partitions: set[TP], _timeout: float) -> Any:
        self.asked.append(active_partitions)
        return self._answers.pop(0) if self._answers else {}


@pytest.fixture
def fetches(consumer: BatchConsumer, monkeypatch: pytest.MonkeyPatch) -> Fetches:
    fetches = Fetches()
    monkeypatch.setattr(consumer, "_getmany", fetches)
    consumer._set_active_tps({EVENTS, OTHER})
    consumer.resume_flow()
    return fetches


async def test_a_paused_partition_is_not_fetched_until_it_is_resumed(
    consumer: BatchConsumer, fetches: Fetches
) -> None:
    consumer.pause(EVENTS)
    await consumer._fetch(1)
    consumer.resume(EVENTS)
    await consumer._fetch(1)
    assert fetches.asked == [{OTHER}, {EVENTS, OTHER}]


async def test_what_faust_pauses_is_not_fetched_whatever_an_owner_resumes(
    consumer: BatchConsumer, fetches: Fetches
) -> None:
    consumer.pause_partitions({EVENTS})
    consumer.pause(EVENTS)
    consumer.resume(EVENTS)
    await consumer._fetch(1)
    assert fetches.asked == [{OTHER}]


async def test_a_fetch_under_way_keeps_to_the_partitions_that_it_began_with(
    consumer: BatchConsumer, fetches: Fetches
) -> None:
    """aiokafka looks at the set again and again; what is taken out of it meanwhile would be lost."""
    await consumer._fetch(1)
    consumer.pause(EVENTS)
    consumer.pause_partitions({OTHER})
    assert fetches.asked == [{EVENTS, OTHER}]


@pytest.mark.parametrize("end_it", [BatchConsumer.resume, BatchConsumer.resume_partitions])
async def test_when_no_partition_is_wanted_the_wait_ends_with_the_first_that_is(
    consumer: BatchConsumer, fetches: Fetches, end_it: Any
) -> None:
    consumer._set_active_tps({EVENTS})
    consumer.pause(EVENTS)
    fetching = asyncio.create_task(consumer._fetch(60))
    await asyncio.sleep(0)
    assert not fetching.done()
    end_it(consumer, EVENTS if end_it is BatchConsumer.resume else {OTHER})
    assert await asyncio.wait_for(fetching, 1) == {}
    assert fetches.asked == []


async def test_a_batch_that_cannot_be_read_names_the_places(
    consumer: BatchConsumer, fetches: Fetches, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreadable(*_arguments: Any) -> Any:
        raise CorruptRecordException("CRC")

    monkeypatch.setattr(consumer, "_getmany", unreadable)
    monkeypatch.setattr(consumer, "position", returning(42))
    monkeypatch.setattr(consumer, "assignment", lambda: {EVENTS})
    with pytest.raises(UnreadableRecords, match=r"CRC.*events-0 at 42"):
        await consumer._fetch(1)
    assert fetches.asked == []


def records(*offsets: int) -> list[Any]:
    return [SimpleNamespace(offset=n, timestamp=1_000, timestamp_type=1) for n in offsets]


async def sought(consumer: BatchConsumer, monkeypatch: pytest.MonkeyPatch) -> None:
    """End a rebalance as Faust does."""
    monkeypatch.setattr(consumer, "assignment", lambda: {EVENTS})
    monkeypatch.setattr(consumer, "seek_to_committed", returning({EVENTS: 7}))
    await consumer.perform_seek()
    consumer.resume_flow()


def returning(value: Any) -> Any:
    async def answer(*_arguments: Any) -> Any:
        return value

    return answer


async def test_one_message_carries_the_batch_of_one_partition(
    consumer: BatchConsumer, fetches: Fetches, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sought(consumer, monkeypatch)
    batch = records(7, 9, 12)
    fetches._answers.append({EVENTS: batch})
    messages = [message async for _, message in consumer.getmany(1)]
    assert [(m.topic, m.partition, m.offset, m.value) for m in messages] == [
        ("events", 0, 12, batch)
    ]


async def test_what_was_fetched_of_a_partition_paused_meanwhile_is_not_lost(
    consumer: BatchConsumer, fetches: Fetches, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sought(consumer, monkeypatch)
    fetches._answers.append({EVENTS: records(7), OTHER: records(1)})
    delivered: list[TP] = []
    async for tp, _ in consumer.getmany(1):
        delivered.append(tp)
        consumer.pause(OTHER)
    assert delivered == [EVENTS, OTHER]


async def test_no_event_is_delivered_before_the_seek_that_ends_a_rebalance(
    consumer: BatchConsumer, fetches: Fetches, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sought(consumer, monkeypatch)
    consumer.app.consumer_generation_id = 2
    fetches._answers += [{EVENTS: records(9)}, {EVENTS: records(7)}]
    assert [tp async for tp, _ in consumer.getmany(1)] == []
    await sought(consumer, monkeypatch)
    assert [message.offset async for _, message in consumer.getmany(1)] == [7]


@pytest.mark.parametrize("in_recovery", [True, False])
async def test_a_changelog_is_delivered_in_a_recovery_only(
    consumer: BatchConsumer,
    fetches: Fetches,
    monkeypatch: pytest.MonkeyPatch,
    in_recovery: bool,
) -> None:
    await sought(consumer, monkeypatch)
    monkeypatch.setattr(consumer, "_is_changelog_tp", is_changelog)
    consumer.app.in_recovery = in_recovery
    fetches._answers.append({TP("changelog", 0): records(3)})
    assert len([tp async for tp, _ in consumer.getmany(1)]) == in_recovery


def is_changelog(tp: TP) -> bool:
    return tp.topic == "changelog"


@pytest.mark.parametrize(("committed", "rewound"), [(None, True), (0, True), (7, False)])
async def test_a_partition_without_a_commit_is_sought_back_to_its_beginning(
    consumer: BatchConsumer,
    monkeypatch: pytest.MonkeyPatch,
    committed: int | None,
    rewound: bool,
) -> None:
    """A fetch under way when a recovery begins may have moved it on; nothing else goes back."""
    changelog = TP("changelog", 0)
    rewinds: list[TP] = []

    async def seek_to_beginning(*partitions: TP) -> None:
        rewinds.extend(partitions)

    monkeypatch.setattr(consumer, "assignment", lambda: {EVENTS, changelog})
    monkeypatch.setattr(
        consumer, "seek_to_committed", returning({EVENTS: committed, changelog: None})
    )
    monkeypatch.setattr(consumer._thread, "seek_to_beginning", seek_to_beginning)
    monkeypatch.setattr(consumer, "_is_changelog_tp", is_changelog)
    await consumer.perform_seek()
    assert rewinds == ([EVENTS] if rewound else [])


# --- on a broker


@pytest.fixture
async def settings(kafka: SharedKafka, topic_prefix: str) -> KafkaSettings:
    settings = KafkaSettings(
        broker=kafka.bootstrap, topic_prefix=topic_prefix, app_id=f"{topic_prefix}app", partitions=2
    )
    await ensure_topics(settings)
    return settings


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def producer(settings: KafkaSettings, clock: Clock) -> AsyncGenerator[BatchProducer]:
    lease = Lease(10_000, abandon=give_up, now=clock)
    lease.renew()
    producer = batch_producer(new_app(settings.broker, lease))
    await producer.start()
    yield producer
    await producer.stop()


async def read(settings: KafkaSettings, topic: str, count: int) -> list[Any]:
    consumer: Any = AIOKafkaConsumer(
        topic, bootstrap_servers=settings.broker, auto_offset_reset="earliest"
    )
    async with consumer:
        return [await asyncio.wait_for(anext(consumer), 10) for _ in range(count)]


async def test_records_are_appended_in_order_with_their_headers_and_acknowledged(
    settings: KafkaSettings, producer: BatchProducer
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


async def test_records_are_handed_on_as_the_parser_made_them(
    settings: KafkaSettings, producer: BatchProducer
) -> None:
    """To copy each into a `ConsumerRecord` would take as long as all else of a fetch."""
    topic = full_name(VERDICTS, settings)
    records = [OutRecord(b"k%d" % n, b"v%d" % n, [("h", b"%d" % n)]) for n in range(3)]
    await producer.append(topic, 1, records)
    consumer = batch_consumer(new_app(settings.broker, Lease(1_000)))
    thread = cast("BatchConsumerThread", consumer._thread)
    partition = TopicPartition(topic, 1)
    async with thread._create_worker_consumer(cast("BatchTransport", consumer.transport)) as made:
        made.assign([partition])
        await made.seek_to_beginning(partition)
        found = await thread._fetch_records(made, {TP(topic, 1)}, timeout=10.0)
    assert [(r.offset, r.key, r.value, r.headers) for r in found[partition]] == [
        (n, *record) for n, record in enumerate(records)
    ]
    assert {type(record) for record in found[partition]} == {DefaultRecord}
    thread.thread_loop.close()  # of a thread that was never started


async def test_more_than_a_record_batch_holds_goes_out_in_several(
    settings: KafkaSettings, producer: BatchProducer
) -> None:
    topic = full_name(VERDICTS, settings)
    big = [OutRecord(b"k", b"%07d" % n + b"x" * 700_000) for n in range(4)]
    appended = await producer.append(topic, 0, big)
    assert appended is not None
    assert appended.last_offset == 3
    assert [r.value[:7] for r in await read(settings, topic, 4)] == [b"%07d" % n for n in range(4)]


async def test_nothing_to_append_is_nothing_appended(
    settings: KafkaSettings, producer: BatchProducer
) -> None:
    assert await producer.append(full_name(VERDICTS, settings), 0, []) is None


async def test_nothing_is_appended_when_the_lease_is_lost(
    settings: KafkaSettings, producer: BatchProducer, clock: Clock
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
