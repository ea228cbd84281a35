"""Reads whole topics as they stand: committed records, partition by partition, in log order."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from streams.errors import IncompleteRead, NoTopic
from streams.kafka.client import client_options
from streams.kafka.topics import admin_client, full_name

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from aiokafka.admin import AIOKafkaAdminClient

    from schemas.topics import Topic
    from streams.settings.kafka import KafkaSettings

FETCH_TIMEOUT_MS = 200
FETCH_WAIT_MS = 20
"""How long the broker may hold an empty fetch; all else that we ask of it waits behind it."""

FETCH_RECORDS = 2_000

STALL_S = 60.0
"""How long a read waits for the next record below the end that the broker named."""


class Logs:
    """The topics of one installation, read without a consumer group.

    Args:
        consumer: a started `AIOKafkaConsumer` (which has no types), `read_committed`.
        admin: a started admin client.
        settings: name the topics.
        stall_s: how long a read waits for the next record.
    """

    def __init__(
        self,
        consumer: Any,
        admin: AIOKafkaAdminClient,
        settings: KafkaSettings,
        *,
        stall_s: float = STALL_S,
    ) -> None:
        self._consumer = consumer
        self._admin = admin
        self._settings = settings
        self._stall_s = stall_s
        self._begin: tuple[TopicPartition, int] | None = None

    async def partitions(self, topic: Topic) -> list[TopicPartition]:
        """Return the partitions of a topic.

        Raises:
            NoTopic: there is none of that name.
        """
        name = full_name(topic, self._settings)
        # A consumer that asks for a topic creates it, where the broker is set up so.
        if name not in await self._admin.list_topics():
            raise NoTopic(
                f"there is no topic {name} on {self._settings.broker}; "
                "are DULY_TOPIC_PREFIX and the broker right?"
            )
        (described,) = await self._admin.describe_topics([name])
        return [TopicPartition(name, number) for number in range(len(described["partitions"]))]

    async def begins(self, partition: TopicPartition) -> int:
        """Return the first offset that is kept."""
        return (await self._consumer.beginning_offsets([partition]))[partition]

    async def ends(self, partition: TopicPartition) -> int:
        """Return the offset behind the last committed record."""
        return (await self._consumer.end_offsets([partition]))[partition]

    async def at(self, partition: TopicPartition, time_ms: int) -> int:
        """Return the first offset whose record is not older than a time; the end if all are."""
        found = (await self._consumer.offsets_for_times({partition: time_ms}))[partition]
        return await self.ends(partition) if found is None else found.offset

    async def read(
        self, partition: TopicPartition, end: int, begin: int | None = None
    ) -> AsyncIterator[list[Any]]:
        """Yield the `aiokafka.ConsumerRecord`s below the offset `end`, in batches.

        They begin at the offset `begin`, which must be kept still, or at the first that is. All up
        to the end are read, or an error says which are not.

        Raises:
            IncompleteRead: the broker gives no more, or not from there on.
        """
        if begin is None:
            begin = await self.begins(partition)
        self._begin = (partition, begin)
        if begin >= end:
            return
        self._take_up()
        at, advanced = begin, time.monotonic()
        while at < end:
            batch = [record for record in await self.more(partition) if record.offset < end]
            # A marker of a transaction takes an offset too, so the position is asked, not the records.
            position = await self._consumer.position(partition)
            if position == at and time.monotonic() - advanced > self._stall_s:
                raise IncompleteRead(
                    f"{place_name(partition, at)}: the broker gives nothing from here on, though the "
                    f"partition ends at {end}; nothing came for {self._stall_s:g} s"
                )
            if batch:
                yield batch
            if position > at:
                at, advanced = position, time.monotonic()

    async def more(self, partition: TopicPartition) -> list[Any]:
        """Return the next records of the partition that was read last; none if none come soon.

        Raises:
            IncompleteRead: the next record is not kept any more.
        """
        self._take_up()
        try:
            fetched = await self._consumer.getmany(
                partition, timeout_ms=FETCH_TIMEOUT_MS, max_records=FETCH_RECORDS
            )
        except OffsetOutOfRangeError as error:
            at = await self._consumer.position(partition)
            raise IncompleteRead(
                f"{place_name(partition, at)}: this record is not kept any more; did retention take it "
                "while it was to be read, or was the topic made anew?"
            ) from error
        return fetched.get(partition, [])

    def _take_up(self) -> None:
        """Assign the partition to be read, once records of it are wanted.

        Not before: `stop` of a consumer that was assigned another partition just before may wait
        forever (aiokafka 0.14, its fetcher swallows the cancellation while it drops old requests).
        """
        if self._begin is not None:
            partition, offset = self._begin
            self._begin = None
            self._consumer.assign([partition])
            self._consumer.seek(partition, offset)


@asynccontextmanager
async def open_logs(settings: KafkaSettings, *, stall_s: float = STALL_S) -> AsyncGenerator[Logs]:
    """Connect to the broker of `settings`; a read waits `stall_s` for the next record.

    Raises:
        BrokerUnavailable: it cannot be reached, or fails while it is read.
    """
    async with admin_client(settings) as admin:
        consumer: Any = AIOKafkaConsumer(
            **client_options(settings),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",  # to go on elsewhere would be to leave records out in silence
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )
        try:
            await consumer.start()
            yield Logs(consumer, admin, settings, stall_s=stall_s)
        finally:
            await consumer.stop()


def place_name(partition: TopicPartition, offset: int) -> str:
    """Return what people call a place in a log."""
    return f"{partition.topic}, partition {partition.partition}, offset {offset}"
