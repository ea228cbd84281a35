"""Reads the compacted definitions topic and confirms up to which time it is read (R17).

Every worker reads all of the topic, from its beginning, without a consumer group.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from schemas.units import NS_PER_MS
from streams.errors import IncompleteRead
from streams.kafka.topic_reader import TopicReader
from streams.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import NoReturn

    from streams.engine.definitions.registry import Definitions

log = get_logger(__name__)

ASK_INTERVAL_S = 0.5
"""How often the end of the topic is asked for; well below the 2 s after which R17 would wait."""


class DefinitionsReader:
    """Feeds the registry of definitions.

    The end of the topic is asked for at an instant. Once all records up to that end are read, the
    registry is confirmed up to the instant. The instant is this worker's time or, if its clock is
    behind the broker's, the newest timestamp of a batch of events.

    Args:
        topic: full name of the definitions topic.
        definitions: the registry.
        take: adds one record (key, value, timestamp in ns) to the registry.
        connection: keyword arguments that connect an aiokafka client.
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
        self._now_ns = now_ns
        self._reader = TopicReader(connection, following=True)
        self._wanted_ns = 0
        self._asked = asyncio.Event()
        self._confirmed = asyncio.Condition()

    async def start(self) -> None:
        """Connect and read all that the topic holds now."""
        await self._reader.start()
        self._reader.seek({self._partition: await self._reader.first_offset(self._partition)})
        await self._read_to_end()

    async def stop(self) -> None:
        """Disconnect."""
        await self._reader.stop()

    async def follow(self) -> NoReturn:
        """Keep reading, for the life of the worker; wait while the broker is away."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), ASK_INTERVAL_S)
            self._asked.clear()
            try:
                await self._read_to_end()
            except (KafkaError, IncompleteRead) as error:
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

    async def _read_to_end(self) -> None:
        # The instant before the end: what is published after it must not count as read.
        asked_ns = max(self._now_ns(), self._wanted_ns)
        end = await self._reader.end_offset(self._partition)
        async for batch in self._reader.read_on(self._partition, end):
            for record in batch:
                self._take(record.key, record.value, record.timestamp * NS_PER_MS)
        self._definitions.confirmed_until(asked_ns)
        async with self._confirmed:
            self._confirmed.notify_all()
