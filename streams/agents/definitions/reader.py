"""Reads the compacted definitions topic, and says how far in time it has read (R17).

A consumer of its own, without a group: every worker needs all of the topic, from its start.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.units import NS_PER_MS
from streams.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import NoReturn

    from streams.engine.definitions.registry import Definitions

log = get_logger(__name__)

ASK_INTERVAL_S = 0.5
"""How often the end of the topic is asked for; well below the 2 s after which R17 would wait."""

FETCH_TIMEOUT_MS = 200


class DefinitionsReader:
    """Feeds the registry of definitions.

    The end of the topic is asked for at an instant; once all up to that end is read, the registry
    is confirmed up to the instant. An instant is this worker's time or, if its clock is behind the
    broker's, the newest timestamp that a batch of events has shown.

    Args:
        topic: full name of the definitions topic.
        definitions: the registry.
        take: gives one record (key, value, timestamp in ns) to the registry.
        connection: how to reach the broker.
        now_ns: this worker's wall clock.
    """

    def __init__(
        self,
        topic: str,
        definitions: Definitions,
        *,
        take: Callable[[bytes | None, bytes | None, int], None],
        connection: Mapping[str, Any],
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._partition = TopicPartition(topic, 0)
        self._definitions = definitions
        self._take = take
        self._connection = connection
        self._now_ns = now_ns
        self._consumer: Any = None  # an AIOKafkaConsumer once started; aiokafka has few types
        self._wanted_ns = 0
        self._asked = asyncio.Event()
        self._confirmed = asyncio.Condition()

    async def start(self) -> None:
        """Connect and read all that the topic holds now."""
        self._consumer = AIOKafkaConsumer(
            **self._connection,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await self._consumer.start()
        self._consumer.assign([self._partition])
        await self._consumer.seek_to_beginning(self._partition)
        await self._read_to_end(self._consumer)

    async def stop(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            await self._consumer.stop()

    async def follow(self) -> NoReturn:
        """Go on reading, for the life of the worker; a broker that is away is waited for."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), ASK_INTERVAL_S)
            self._asked.clear()
            try:
                await self._read_to_end(self._consumer)
            except KafkaError as error:
                log.warning("definitions cannot be read now", exc_info=error)
                await asyncio.sleep(ASK_INTERVAL_S)

    async def wait_until_can_open(self, timestamp_ns: int) -> None:
        """Return when runs that open at `timestamp_ns` can be judged by the right version."""
        if self._definitions.can_open(timestamp_ns):
            return
        self._wanted_ns = max(self._wanted_ns, timestamp_ns)
        self._asked.set()
        async with self._confirmed:
            await self._confirmed.wait_for(lambda: self._definitions.can_open(timestamp_ns))

    async def _read_to_end(self, consumer: Any) -> None:
        asked_ns = max(self._now_ns(), self._wanted_ns)
        end = (await consumer.end_offsets([self._partition]))[self._partition]
        while await consumer.position(self._partition) < end:
            fetched = await consumer.getmany(self._partition, timeout_ms=FETCH_TIMEOUT_MS)
            for record in fetched.get(self._partition, ()):
                self._take(record.key, record.value, record.timestamp * NS_PER_MS)
        self._definitions.confirmed_until(asked_ns)
        async with self._confirmed:
            self._confirmed.notify_all()
