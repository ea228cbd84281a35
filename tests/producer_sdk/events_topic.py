"""The events topic of one test: made, and read from its start."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import orjson
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PARTITIONS = 4


class Read(NamedTuple):
    """One record as a worker sees it."""

    partition: int
    key: bytes
    headers: dict[str, bytes]
    event: dict[str, Any]


class EventsTopic:
    """The topic `<prefix>flow-events.v1` of one broker."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.name = f"{prefix}flow-events.v1"

    @property
    def environment(self) -> dict[str, str]:
        """What tells the SDK of a process to send here."""
        return {"DULY_BROKER": self.bootstrap, "DULY_TOPIC_PREFIX": self.prefix}

    def create(self, partitions: int = PARTITIONS, max_bytes: int = 2 << 20) -> None:
        """Create the topic, as the worker would."""
        config = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": str(max_bytes)}
        topic = NewTopic(self.name, partitions, 1, topic_configs=config)
        asyncio.run(self._administer(lambda admin: admin.create_topics([topic])))

    def delete(self) -> None:
        """Delete the topic, with all that is in it."""
        asyncio.run(self._administer(lambda admin: admin.delete_topics([self.name])))

    def read(self, count: int) -> list[Read]:
        """Return all records that are there; fails if they are not `count`."""
        records = self.read_all()
        assert len(records) == count
        return records

    def read_all(self) -> list[Read]:
        """Return all records that are there."""
        return asyncio.run(self._read())

    def nodes(self, count: int) -> list[str]:
        """Return the nodes of all events, in order where there is one partition."""
        return [record.event["node"] for record in self.read(count)]

    async def _administer(self, act: Callable[[AIOKafkaAdminClient], Awaitable[object]]) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            await act(admin)
        finally:
            await admin.close()

    async def _read(self) -> list[Read]:
        consumer = AIOKafkaConsumer(
            self.name, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            ends = cast("dict[Any, int]", await consumer.end_offsets(consumer.assignment()))
            there = sum(ends.values())
            records: list[Read] = []
            async with asyncio.timeout(30):
                while len(records) < there:
                    fetched = cast("dict[Any, list[Any]]", await consumer.getmany(timeout_ms=200))
                    records += [_read(item) for items in fetched.values() for item in items]
            return records
        finally:
            await consumer.stop()


def _read(item: Any) -> Read:
    return Read(item.partition, item.key, dict(item.headers), orjson.loads(item.value))
