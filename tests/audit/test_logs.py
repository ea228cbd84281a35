"""A log is read whole, up to the end that was asked for, or the audit says where it could not go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import TopicPartition

from schemas.topics import EVENTS
from streams.audit.logs import FETCH_RECORDS, STALL_S, open_logs
from streams.errors import EXIT_BROKER, IncompleteRead
from streams.kafka.topics import full_name
from tests.support.deployment import Deployment
from tests.support.traffic import service

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from streams.settings.kafka import KafkaSettings
    from tests.support.shared_kafka import SharedKafka

pytestmark = pytest.mark.xdist_group("audit-logs")

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
    async with open_logs(settings, stall_s=stall_s) as logs:
        return [
            record async for batch in logs.read(events_of(settings), end, begin) for record in batch
        ]


async def test_all_records_below_the_end_are_read_and_no_other(settings: KafkaSettings):
    await _write(settings, RECORDS)
    async with open_logs(settings) as logs:
        end = await logs.ends(events_of(settings))
        await _write(settings, 5)
        batches = [batch async for batch in logs.read(events_of(settings), end)]
    assert len(batches) > 1
    assert [record.offset for batch in batches for record in batch] == list(range(RECORDS))


async def test_a_marker_of_a_transaction_at_the_end_is_passed(settings: KafkaSettings):
    await _write(settings, 3, transactional=True)
    async with open_logs(settings) as logs:
        end = await logs.ends(events_of(settings))
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


async def test_a_record_that_is_not_kept_is_refused(settings: KafkaSettings):
    """Going on elsewhere, as consumers do by default, would leave records out in silence."""
    await _write(settings, 3)
    with pytest.raises(IncompleteRead, match=r"partition 0, offset 50: .* not kept any more"):
        await _read(settings, 60, begin=50)
