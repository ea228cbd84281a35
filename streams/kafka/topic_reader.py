"""Reads topics without a consumer group: committed records, from any offset, to an end or following.

Offsets may have gaps: markers of transactions and compacted records take some. A read to an end
therefore stops when the consumer's position reaches it, not at a record.
"""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from streams.errors import IncompleteRead, NoTopic
from streams.kafka.broker_errors import broker_errors, unreachable
from streams.kafka.client import client_options
from streams.kafka.topics import admin_client, full_name

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping

    from schemas.topics import Topic
    from streams.settings.kafka import KafkaSettings

Start = Literal["beginning", "end"] | int
"""Where a topic is read from; a number is a time, in ms since 1970."""

FETCH_TIMEOUT_MS = 200
FETCH_RECORDS = 2_000

FETCH_WAIT_MS = 20
FOLLOWING_FETCH_WAIT_MS = 500
"""How long the broker may hold an empty fetch; any other request waits behind it."""

STALL_S = 60.0
"""How long a read waits for the next record below the end that the broker named."""


class Stored(NamedTuple):
    """The newest record of a key: its value and its timestamp."""

    value: bytes
    timestamp_ms: int


class TopicReader:
    """A consumer without a group, `read_committed`, of partitions that exist.

    `read` and `follow` each begin a read of their own; `read_on` and `more` continue it. One read
    at a time.

    Args:
        connection: keyword arguments that connect an aiokafka client.
        following: reads for as long as the process lives: an empty fetch is held by the broker,
            and where retention has overtaken the reader it goes on at the first record kept.
            Without it such a read is refused, for records would be left out in silence.
        stall_s: how long a read to an end waits for the next record.
    """

    def __init__(
        self,
        connection: Mapping[str, Any],
        *,
        following: bool = False,
        stall_s: float = STALL_S,
    ) -> None:
        self._connection = connection
        self._following = following
        self._stall_s = stall_s
        self._consumer: Any = None  # an AIOKafkaConsumer once started; aiokafka has few types
        self._next: Mapping[TopicPartition, int] | None = None

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaError: the broker cannot be reached, or refuses us.
        """
        self._consumer = AIOKafkaConsumer(
            **self._connection,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest" if self._following else "none",
            fetch_max_wait_ms=FOLLOWING_FETCH_WAIT_MS if self._following else FETCH_WAIT_MS,
        )
        await self._consumer.start()

    async def stop(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            await self._consumer.stop()

    async def first_offset(self, partition: TopicPartition) -> int:
        """Return the first offset that is kept."""
        return (await self._consumer.beginning_offsets([partition]))[partition]

    async def end_offset(self, partition: TopicPartition) -> int:
        """Return the offset after the last committed record."""
        return (await self._consumer.end_offsets([partition]))[partition]

    async def offset_at(self, partition: TopicPartition, time_ms: int) -> int:
        """Return the first offset whose record is not older than a time; the end if all are."""
        found = (await self._consumer.offsets_for_times({partition: time_ms}))[partition]
        return await self.end_offset(partition) if found is None else found.offset

    async def offsets(
        self, partitions: Iterable[TopicPartition], start: Start
    ) -> dict[TopicPartition, int]:
        """Return the offset at which each partition begins, as the topic stands now."""
        if start == "beginning":
            return await self._consumer.beginning_offsets([*partitions])
        if start == "end":
            return await self._consumer.end_offsets([*partitions])
        return {partition: await self.offset_at(partition, start) for partition in partitions}

    async def read(
        self, partition: TopicPartition, end: int, begin: int | None = None
    ) -> AsyncIterator[list[Any]]:
        """Yield the `aiokafka.ConsumerRecord`s below the offset `end`, in batches.

        Args:
            partition: which one.
            end: the offset after the last record wanted; the broker has named it.
            begin: the first offset, which must still be kept; by default the first that is.

        Raises:
            IncompleteRead: the records up to the end cannot all be read.
        """
        begin = await self.first_offset(partition) if begin is None else begin
        self.seek({partition: begin})
        if begin < end:
            async for batch in self.read_on(partition, end):
                if below := [record for record in batch if record.offset < end]:
                    yield below

    async def read_on(self, partition: TopicPartition, end: int) -> AsyncIterator[list[Any]]:
        """Yield what follows in the partition being read until its position reaches `end`.

        The last batch may hold records behind the end: they were written since it was named, and
        would not be fetched again.

        Raises:
            IncompleteRead: the records up to the end cannot all be read.
        """
        position = await self._position(partition)
        waiting_since = time.monotonic()
        while position < end:
            batch = await self.more(partition)
            # A transaction marker takes an offset too: ask for the position, not the last record.
            before, position = position, await self._position(partition)
            if position == before and time.monotonic() - waiting_since > self._stall_s:
                raise IncompleteRead(
                    f"{place_name(partition, position)}: the broker returns no record from here on, "
                    f"though the partition ends at {end}; waited {self._stall_s:g} s"
                )
            if batch:
                yield batch
            if position != before:  # counted from here: who takes a batch may take long over it
                waiting_since = time.monotonic()

    async def more(self, partition: TopicPartition) -> list[Any]:
        """Return the next records of the partition being read; none if none come soon.

        Raises:
            IncompleteRead: the next record is no longer kept.
        """
        return (await self._fetch(partition)).get(partition, [])

    async def follow(self, offsets: Mapping[TopicPartition, int]) -> AsyncGenerator[list[Any]]:
        """Yield records of several partitions from given offsets on, without end.

        The records of one partition come in the order of its log. A batch is empty where none came
        within `FETCH_TIMEOUT_MS`.

        Raises:
            IncompleteRead: the next record is no longer kept, and the reader is not `following`.
        """
        self.seek(offsets)
        while True:
            fetched = await self._fetch()
            yield [record for batch in fetched.values() for record in batch]

    def seek(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Begin a read of these partitions, at these offsets."""
        self._next = offsets

    async def _position(self, partition: TopicPartition) -> int:
        if self._next is not None:
            return self._next[partition]
        return await self._consumer.position(partition)

    async def _fetch(self, *partitions: TopicPartition) -> dict[TopicPartition, list[Any]]:
        self._assign()
        try:
            return await self._consumer.getmany(
                *partitions, timeout_ms=FETCH_TIMEOUT_MS, max_records=FETCH_RECORDS
            )
        except OffsetOutOfRangeError as error:
            places = ", ".join(place_name(*place) for place in error.args[0].items())
            raise IncompleteRead(
                f"{places}: this record is no longer kept; did retention remove it during the read, "
                "or was the topic created anew?"
            ) from error

    def _assign(self) -> None:
        """Assign the partitions of a read once records of it are wanted.

        Not before: `stop` of a consumer that was assigned another partition just before may wait
        forever (aiokafka 0.14, its fetcher swallows the cancellation while it drops old requests).
        """
        if self._next is not None:
            self._consumer.assign([*self._next])
            for partition, offset in self._next.items():
                self._consumer.seek(partition, offset)
            self._next = None


@asynccontextmanager
async def open_reader(
    settings: KafkaSettings, *, following: bool = False, stall_s: float = STALL_S
) -> AsyncGenerator[TopicReader]:
    """Connect a reader; for its options see `TopicReader`.

    Raises:
        BrokerUnavailable: the broker cannot be reached, or fails while it is read.
    """
    reader = TopicReader(client_options(settings), following=following, stall_s=stall_s)
    with broker_errors(settings):
        try:
            try:
                await reader.start()
            except (KafkaError, OSError) as error:
                raise unreachable(error, settings) from error
            yield reader
        finally:
            await reader.stop()


async def topic_partitions(topic: Topic, settings: KafkaSettings) -> list[TopicPartition]:
    """Return the partitions of a topic, and never create it.

    A client that asks for one topic creates it, with the wrong settings, where the broker has
    `auto.create.topics.enable`: all topics are listed first, which creates none.

    Raises:
        BrokerUnavailable: the broker cannot be reached.
        NoTopic: the topic does not exist.
    """
    name = full_name(topic, settings)
    async with admin_client(settings) as admin:
        if name not in await admin.list_topics():
            raise NoTopic(
                f"there is no topic {name} on {settings.broker}: start a worker or run "
                "`duly topics apply` first; is DULY_TOPIC_PREFIX right?"
            )
        (described,) = await admin.describe_topics([name])
    return [TopicPartition(name, number) for number in range(len(described["partitions"]))]


async def newest_records(topic: Topic, settings: KafkaSettings) -> dict[bytes, Stored]:
    """Return the newest record of each key of a compacted topic; removed keys are not in it.

    Raises:
        BrokerUnavailable: the broker cannot be reached.
        NoTopic: the topic does not exist.
        IncompleteRead: the topic cannot be read to its end.
    """
    newest: dict[bytes, Stored] = {}
    partitions = await topic_partitions(topic, settings)
    async with open_reader(settings) as reader:
        for partition in partitions:
            async for batch in reader.read(partition, await reader.end_offset(partition)):
                for record in batch:
                    if record.value is None:
                        newest.pop(record.key, None)
                    else:
                        newest[record.key] = Stored(record.value, record.timestamp)
    return newest


def place_name(partition: tuple[str, int], offset: int) -> str:
    """Return topic, partition and offset, for people."""
    topic, number = partition
    return f"{topic}, partition {number}, offset {offset}"
