"""The events topic in a running app: appends, paused partitions, commits, generation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faust.types import TP

from streams.faust_batches.transport import batch_consumer, batch_producer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from faust.types import AppT

    from streams.kafka.rows import Appended, Row


class FaustEventsLog:
    """Consumer and producer of an app, as the owners of partitions use them.

    Both are there once the app has started, and not before.

    Args:
        app: the Faust app.
        topic: the full name of the events topic.
    """

    def __init__(self, app: AppT, topic: str) -> None:
        self._app = app
        self._topic = topic

    async def append(self, topic: str, partition: int, records: Iterable[Row]) -> Appended | None:
        """Append records in order and return when all are acknowledged; None if there were none."""
        return await batch_producer(self._app).append(topic, partition, records)

    def generation(self) -> int:
        """Return the generation of the consumer group."""
        return self._app.consumer_generation_id

    def committed(self, partition: int) -> int:
        """Return the offset up to which a partition is committed."""
        return batch_consumer(self._app).committed(TP(self._topic, partition))

    def pause(self, partition: int) -> None:
        """Fetch nothing more of a partition until `resume`."""
        batch_consumer(self._app).pause(TP(self._topic, partition))

    def resume(self, partition: int) -> None:
        """Fetch from a paused partition again."""
        batch_consumer(self._app).resume(TP(self._topic, partition))
