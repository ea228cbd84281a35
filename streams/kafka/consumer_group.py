"""Describes the consumer group of the workers: its members, and its lag per partition."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from aiokafka.errors import GroupCoordinatorNotAvailableError

from schemas.topics import EVENTS
from streams.kafka.topic_reader import topic_partitions
from streams.kafka.topics import admin_client, full_name

if TYPE_CHECKING:
    from aiokafka import TopicPartition

    from streams.kafka.topic_reader import TopicReader
    from streams.settings.kafka import KafkaSettings


class ConsumerGroup(NamedTuple):
    """The consumer group of the workers.

    Attributes:
        state: by Kafka's name; `Dead` for one that never was.
        members: `client@host` of each.
        committed: events partition → offset up to which all is judged and written.
    """

    state: str
    members: list[str]
    committed: dict[int, int]


class PartitionLag(NamedTuple):
    """Records of one partition that no worker has judged and written yet."""

    partition: int
    records: int
    age_ms: int
    """Of the oldest of these records, by this machine's clock, in whole seconds."""


async def describe_group(settings: KafkaSettings) -> ConsumerGroup:
    """Return the consumer group.

    Raises:
        BrokerUnavailable: the broker cannot be reached.
    """
    async with admin_client(settings) as admin:
        try:
            (response,) = await admin.describe_consumer_groups([settings.app_id])
            committed = await admin.list_consumer_group_offsets(settings.app_id)
        except GroupCoordinatorNotAvailableError:  # so it is before the first group of a cluster
            return ConsumerGroup("Dead", [], {})
    (described,) = _groups(response)
    members = [
        f"{member['client_id']}@{member['client_host'].lstrip('/')}"
        for member in described["members"]
    ]
    topic = full_name(EVENTS, settings)
    offsets = {
        place.partition: at.offset for place, at in committed.items() if place.topic == topic
    }
    return ConsumerGroup(described["state"], members, offsets)


async def consumer_lag(
    settings: KafkaSettings, reader: TopicReader, group: ConsumerGroup
) -> list[PartitionLag]:
    """Return the lag of each partition of the events topic that has one.

    Raises:
        NoTopic: there is no events topic.
    """
    lags = [
        await _lag(reader, partition, group.committed)
        for partition in await topic_partitions(EVENTS, settings)
    ]
    return [lag for lag in lags if lag is not None]


def _groups(response: Any) -> list[dict[str, Any]]:
    return response.to_object()["groups"]


async def _lag(
    reader: TopicReader, partition: TopicPartition, committed: dict[int, int]
) -> PartitionLag | None:
    end = await reader.end_offset(partition)
    begin = max(committed.get(partition.partition, 0), await reader.first_offset(partition))
    async for batch in reader.read(partition, end, begin):
        age_ms = max(round(time.time()) * 1000 - batch[0].timestamp // 1000 * 1000, 0)
        return PartitionLag(partition.partition, end - begin, age_ms)
    return None
