"""A topic is read whole to an exact end, or followed; a missing one is named, and never created."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from schemas.topics import DEFINITIONS, EVENTS
from streams.errors import EXIT_BROKER, BrokerUnavailable, IncompleteRead, NoTopic
from streams.kafka import topic_reader
from streams.kafka.topic_reader import (
    FETCH_RECORDS,
    STALL_S,
    Start,
    newest_records,
    open_reader,
    topic_partitions,
)
from streams.kafka.topics import full_name
from tests.support.deployment import Deployment
from tests.support.traffic import service

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from streams.settings.kafka import KafkaSettings
    from tests.support.shared_kafka import SharedKafka

pytestmark = pytest.mark.xdist_group("topic-reader")

RECORDS = 3 * FETCH_RECORDS + 7


@pytest.fixture
def settings(kafka: SharedKafka, tmp_path: Path) -> Generator[KafkaSettings]:
    """Topics of our own."""
    deployment = Deployment(kafka.bootstrap, tmp_path)
    deployment.create_topics()
    yield deployment.settings
    deployment.remove()


def events_of(settings: KafkaSettings) -> TopicPartition:
    return TopicPartition(full_name(EVENTS, settings), 0)


async def _write(settings: KafkaSettings, records: int, *, transactional: bool = False) -> None:
    options: dict[str, Any] = {"max_batch_size": 1_000_000}
    if transactional:
        options["transactional_id"] = settings.app_id
    async with service(settings, **options) as sender:
        batch = sender.producer.create_batch()
        for number in range(records):
            batch.append(timestamp=None, key=None, value=b"%d" % number)
        batch.close()
        topic, partition = events_of(settings)
        if transactional:
            await sender.producer.begin_transaction()
        await (await sender.producer.send_batch(batch, topic, partition=partition))
        if transactional:
            await sender.producer.commit_transaction()


async def _read(
    settings: KafkaSettings, end: int, begin: int | None = None, *, stall_s: float = STALL_S
) -> list[Any]:
    async with open_reader(settings, stall_s=stall_s) as reader:
        return [
            record
            async for batch in reader.read(events_of(settings), end, begin)
            for record in batch
        ]


async def test_all_records_below_the_end_are_read_and_no_other(settings: KafkaSettings):
    await _write(settings, RECORDS)
    async with open_reader(settings) as reader:
        end = await reader.end_offset(events_of(settings))
        await _write(settings, 5)
        batches = [batch async for batch in reader.read(events_of(settings), end)]
    assert len(batches) > 1
    assert [record.offset for batch in batches for record in batch] == list(range(RECORDS))


async def test_a_marker_of_a_transaction_at_the_end_is_passed(settings: KafkaSettings):
    await _write(settings, 3, transactional=True)
    async with open_reader(settings) as reader:
        end = await reader.end_offset(events_of(settings))
    assert (end, len(await _read(settings, end))) == (4, 3)


async def test_a_log_that_stops_before_its_end_is_refused(settings: KafkaSettings):
    """A part of a log must never be judged as if it were all of it."""
    await _write(settings, 3)
    with pytest.raises(IncompleteRead) as refused:
        await _read(settings, 9, stall_s=0.5)
    assert refused.value.exit_code == EXIT_BROKER
    topic = full_name(EVENTS, settings)
    assert str(refused.value).startswith(f"{topic}, partition 0, offset 3: ")
    assert "the partition ends at 9" in str(refused.value)


async def test_whoever_takes_long_over_a_batch_is_not_taken_for_a_broker_that_stalls(
    settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
):
    """An audit that judges a batch for longer than that reads on, even if the next fetch is empty."""
    now = 0.0
    monkeypatch.setattr(topic_reader, "time", SimpleNamespace(monotonic=lambda: now))
    await _write(settings, RECORDS)
    async with open_reader(settings, stall_s=1.0) as reader:
        fetched = reader.more
        pending = [True]

        async def empty_once(partition: TopicPartition) -> list[Any]:
            if now and pending:
                pending.clear()
                return []
            return await fetched(partition)

        monkeypatch.setattr(reader, "more", empty_once)
        read = 0
        async for batch in reader.read(events_of(settings), RECORDS):
            read += len(batch)
            now += 10
    assert (read, pending) == (RECORDS, [])


async def test_a_record_that_is_not_kept_is_refused(settings: KafkaSettings):
    """Going on elsewhere, as consumers do by default, would leave records out in silence."""
    await _write(settings, 3)
    with pytest.raises(IncompleteRead, match=r"partition 0, offset 50: .* no longer kept"):
        await _read(settings, 60, begin=50)


async def test_reading_on_keeps_what_was_fetched_behind_the_end(settings: KafkaSettings):
    """It would not be fetched again: a reader that drops it never sees it."""
    events = events_of(settings)
    await _write(settings, 3)
    async with open_reader(settings) as reader:
        end = await reader.end_offset(events)
        await _write(settings, 2)
        reader.seek({events: 0})
        found = [record.offset async for batch in reader.read_on(events, end) for record in batch]
        while len(found) < 5:
            found += [record.offset for record in await reader.more(events)]
    assert found == [0, 1, 2, 3, 4]


async def test_offsets_are_those_of_a_time_or_of_the_ends(settings: KafkaSettings):
    events = events_of(settings)
    await _write(settings, 3)
    await asyncio.sleep(0.01)
    await _write(settings, 2)
    async with open_reader(settings) as reader:
        last = [record async for batch in reader.read(events, 5) for record in batch][-1]
        starts: list[Start] = ["beginning", "end", last.timestamp, last.timestamp + 3_600_000]
        found = [(await reader.offsets([events], start))[events] for start in starts]
    assert found == [0, 5, 3, 5]


async def test_all_partitions_are_followed_from_given_offsets(settings: KafkaSettings):
    await _write(settings, 3)
    partitions = await topic_partitions(EVENTS, settings)
    assert len(partitions) > 1
    values: list[bytes] = []
    async with open_reader(settings, following=True) as reader:
        offsets = await reader.offsets(partitions, "end")
        async with aclosing(reader.follow(offsets | {partitions[0]: 2})) as batches:
            await _write(settings, 2)
            async with service(settings) as sender:
                await sender.send_bytes(b"other", key=None, partition=1)
            while len(values) < 4:
                values += [record.value for record in await anext(batches)]
    assert sorted(values) == [b"0", b"1", b"2", b"other"]


async def test_a_follower_whose_offset_is_no_longer_kept_goes_on_at_the_first(
    settings: KafkaSettings,
):
    await _write(settings, 3)
    found: list[int] = []
    async with (
        open_reader(settings, following=True) as reader,
        aclosing(reader.follow({events_of(settings): 50})) as batches,
    ):
        while len(found) < 3:
            found += [record.offset for record in await anext(batches)]
    assert found == [0, 1, 2]


async def test_a_follower_that_must_not_skip_records_is_told(settings: KafkaSettings):
    with pytest.raises(IncompleteRead, match=r"partition 0, offset 50: .* no longer kept"):
        await _follow_until_a_record_comes(settings, 50)


async def _follow_until_a_record_comes(settings: KafkaSettings, begin: int) -> None:
    async with (
        open_reader(settings) as reader,
        aclosing(reader.follow({events_of(settings): begin})) as batches,
    ):
        async for batch in batches:
            if batch:
                return


async def test_of_a_compacted_topic_the_newest_record_of_each_key_is_returned(
    settings: KafkaSettings,
):
    records = [(b"a", b"1"), (b"b", b"1"), (b"a", b"2"), (b"b", None), (b"c", b"1")]
    producer: Any = AIOKafkaProducer(bootstrap_servers=settings.broker)
    async with producer:
        for key, value in records:
            await producer.send_and_wait(full_name(DEFINITIONS, settings), value, key=key)
    newest = await newest_records(DEFINITIONS, settings)
    assert {key: stored.value for key, stored in newest.items()} == {b"a": b"2", b"c": b"1"}


async def test_a_topic_that_does_not_exist_is_named(settings: KafkaSettings):
    elsewhere = settings.model_copy(update={"topic_prefix": "nowhere-"})
    with pytest.raises(NoTopic, match=r"there is no topic nowhere-flow-events\.v1 on ") as refused:
        await topic_partitions(EVENTS, elsewhere)
    assert refused.value.exit_code == EXIT_BROKER


async def test_a_broker_that_cannot_be_reached_is_named(settings: KafkaSettings):
    nobody = settings.model_copy(update={"broker": "127.0.0.1:1"})
    advice = r"serves us at 127\.0\.0\.1:1 .* are DULY_BROKER, DULY_SSL_CA right\?"
    with pytest.raises(BrokerUnavailable, match=advice):
        async with open_reader(nobody):
            pass


async def test_a_reader_of_empty_partitions_ends(settings: KafkaSettings):
    """`stop` of a consumer that was just assigned another partition may wait forever."""
    await _write(settings, 3)
    partitions = [*await topic_partitions(EVENTS, settings)] * 3
    async with asyncio.timeout(20), open_reader(settings) as reader:
        for partition in partitions:
            reader.seek({partition: await reader.first_offset(partition)})
            end = await reader.end_offset(partition)
            assert sum([len(batch) async for batch in reader.read_on(partition, end)]) in {0, 3}
