"""Producer of the batch transport: appends whole record batches, acknowledged.

Its seams to Faust are pinned by tests/faust_batches/test_seams.py.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

from faust.transport.drivers import aiokafka as driver

from streams.kafka.rows import LOG_APPEND_TIME, Appended
from streams.log import faust_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from streams.faust_batches.transport import BatchTransport
    from streams.kafka.rows import Row


class BatchProducer(driver.Producer):
    """Appends whole record batches, after a look at the lease."""

    logger = faust_logger

    def _settings_extra(self) -> Mapping[str, Any]:
        transport = cast("BatchTransport", self.transport)
        return {
            **super()._settings_extra(),
            "acks": "all",
            "enable_idempotence": transport.idempotence,
        }

    async def append(self, topic: str, partition: int, records: Iterable[Row]) -> Appended | None:
        """Append records in order and return when all are acknowledged; None if there were none.

        Raises:
            aiokafka.errors.KafkaError: they could not be written within the request timeout.
        """
        cast("BatchTransport", self.transport).lease.check()
        producer: Any = self._ensure_producer()
        now_ms = int(time.time() * 1_000)
        sent: list[tuple[Awaitable[Any], int]] = []
        for batch in _pack(producer.create_batch, records, now_ms):
            count = batch.record_count()
            sent.append((await producer.send_batch(batch, topic, partition=partition), count))
        if not sent:
            return None
        acknowledged = [await future for future, _count in sent]
        last, count = acknowledged[-1], sent[-1][1]
        log_append_time = last.timestamp_type == LOG_APPEND_TIME
        return Appended(last.offset + count - 1, last.timestamp if log_append_time else now_ms)

    async def flush(self) -> None:
        """Do nothing: an offset is acknowledged only when all that it stands for is written.

        Faust flushes before each commit, and would wait for what later batches are writing.
        """

    async def create_topic(self, topic: str, *_args: Any, **_options: Any) -> None:
        """Do nothing: streams/kafka/topics.py has created and checked every topic."""


def _pack(create_batch: Callable[[], Any], records: Iterable[Row], now_ms: int) -> Iterator[Any]:
    """Fill record batches, each up to the producer's batch size."""
    batch = create_batch()
    for key, value, headers in records:
        if batch.append(timestamp=now_ms, key=key, value=value, headers=headers) is None:
            yield batch
            batch = create_batch()  # takes its first record whatever its size
            batch.append(timestamp=now_ms, key=key, value=value, headers=headers)
    if batch.record_count():
        batch.close()
        yield batch
