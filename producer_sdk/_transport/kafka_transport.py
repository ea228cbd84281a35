"""Delivery to Kafka: idempotent batches, one in flight per partition, in the order of calls.

When a producer fails and does not recover by itself, it is closed, and a new one resends what was not
acknowledged, in the same order. A record that the broker had stored already has the same event id and
counts once.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import logging
import time
from typing import TYPE_CHECKING, Any, cast

from aiokafka import AIOKafkaProducer, codec
from aiokafka.errors import MessageSizeTooLargeError, RecordListTooLargeError, RecordTooLargeError

from producer_sdk._context import context_headers
from producer_sdk._guard import guard
from producer_sdk._transport.aiokafka_log import AiokafkaLog
from producer_sdk._transport.backoff import Backoff
from producer_sdk._transport.outage_log import OutageLog
from producer_sdk._transport.overflow_report import OverflowReporter
from producer_sdk._transport.partition_queues import PartitionQueues
from producer_sdk._transport.security import security_options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from producer_sdk._config import Config
    from producer_sdk._queue import EventQueue
    from producer_sdk._transport.partition_queues import PartitionQueue

log = logging.getLogger("producer_sdk")

_BATCH_BYTES = 512 * 1024
_BATCH_EVENTS = 2_000
_POLL_S = 0.02
_CONNECT_S = 20.0
_ACKNOWLEDGE_S = 20.0
_CLOSE_S = 2.0
_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError, RecordTooLargeError)


class NoTopicError(Exception):
    """The events topic does not exist, or this user may not describe it."""


class KafkaTransport:
    """Sends records from the queue to the events topic, one batch of each partition at a time."""

    def __init__(self, config: Config, queue: EventQueue) -> None:
        self._config = config
        self._queue = queue
        self._outage_log = OutageLog(config, queue)
        self._backoff = Backoff()
        self._batch_bytes = _BATCH_BYTES
        self._codec = _codec(config.compression)
        self._producer: AIOKafkaProducer | None = None
        self._partition_queues = PartitionQueues(queue)
        self._overflow = OverflowReporter(queue, config.client_id)
        self._sdk = f"python/{_own_version()}".encode()
        self._aiokafka_log = AiokafkaLog()

    async def drain(self) -> None:
        """Deliver what the queue holds, however long that takes."""
        while True:
            await self._deliver()
            report = self._overflow.report()
            if report is None:
                return
            self._queue.put(report)

    async def close(self) -> None:
        """Close the connection without waiting for a broker that does not answer."""
        try:
            await self._disconnect()
        finally:
            self._aiokafka_log.close()

    async def _deliver(self) -> None:
        while self._partition_queues or not self._queue.is_drained():
            try:
                producer = self._producer or await self._connect()
                await self._send_all(producer)
            except Exception as error:  # noqa: BLE001 -- whatever it is, records are kept and resent
                # aiokafka only logs the cause of a failed connection.
                self._outage_log.failed(self._aiokafka_log.last_complaint() or _reason(error))
                await self._disconnect()
                await asyncio.sleep(self._backoff.next_s())

    def headers(self) -> list[tuple[str, bytes]]:
        """Return the headers of records sent now."""
        return [
            ("content-type", b"application/json"),
            ("duly-sdk", self._sdk),
            ("produced-at", b"%d" % time.time_ns()),
        ]

    async def _connect(self) -> AIOKafkaProducer:
        config = self._config
        self._producer = producer = AIOKafkaProducer(
            bootstrap_servers=",".join(config.bootstrap_servers),
            client_id=config.client_id,
            acks="all",
            enable_idempotence=config.idempotence,
            compression_type=self._codec,
            max_batch_size=self._batch_bytes,
            **security_options(config),
        )
        async with asyncio.timeout(_CONNECT_S):
            await producer.start()
            # Metadata of all topics: a request for one by name would make the broker create it, with
            # settings that the worker refuses.
            metadata: Any = await producer.client.fetch_all_metadata()
            if config.topic not in metadata.topics():
                raise NoTopicError(
                    f"the topic {config.topic} does not exist, or this user may not describe it; "
                    "the worker or `duly topics apply` creates it"
                )
            self._partition_queues.set_partitions(len(await producer.partitions_for(config.topic)))
        return producer

    async def _disconnect(self) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        # All other tasks in this loop belong to the producer, which would go on sending.
        await _cancel_other_tasks()
        with contextlib.suppress(Exception):  # it is abandoned in any case
            async with asyncio.timeout(_CLOSE_S):
                await producer.stop()
        await _cancel_other_tasks()

    async def _send_all(self, producer: AIOKafkaProducer) -> None:
        """Send until nothing is left.

        Raises:
            Exception: the error of a batch; its records are still in their queue.
        """
        sending: dict[int, asyncio.Task[None]] = {}
        while True:
            await self._gather()
            self._partition_queues.fill()
            for partition, queue in self._partition_queues.filled():
                if partition not in sending:
                    sending[partition] = asyncio.create_task(
                        self._send_batch(producer, partition, queue)
                    )
            if not sending:
                return
            await asyncio.wait(
                sending.values(), timeout=_POLL_S, return_when=asyncio.FIRST_COMPLETED
            )
            for partition in [number for number, task in sending.items() if task.done()]:
                sending.pop(partition).result()

    async def _gather(self) -> None:
        """Wait `linger_ms` for more events, so that they share a request."""
        if len(self._queue) < _BATCH_EVENTS:
            await asyncio.sleep(self._config.linger_ms / 1000)

    async def _send_batch(
        self, producer: AIOKafkaProducer, partition: int, queue: PartitionQueue
    ) -> None:
        """Send the first records of a queue as one batch, and remove them once acknowledged."""
        batch: Any = producer.create_batch()
        headers = self.headers()
        for _, (key, value) in queue:
            all_headers = [*headers, *context_headers(value)]
            if batch.append(timestamp=None, key=key, value=value, headers=all_headers) is None:
                break
        count: int = batch.record_count()
        try:
            send = cast("Callable[..., Awaitable[Awaitable[object]]]", producer.send_batch)
            async with asyncio.timeout(_ACKNOWLEDGE_S):
                await (await send(batch, self._config.topic, partition=partition))
        except _TOO_LARGE:
            self._halve_batches(queue, count)
            raise
        self._partition_queues.settle(queue, count, "delivered")
        self._backoff.reset()
        self._outage_log.delivered()

    def _halve_batches(self, queue: PartitionQueue, count: int) -> None:
        """Halve the batch size for a broker that accepts less; drop a record that is too large."""
        if count > 1:
            self._batch_bytes = max(1, self._batch_bytes // 2)
            return
        size = len(queue[0][1][1])
        self._partition_queues.settle(queue, 1, "dropped_too_big")
        log.error(
            "the broker refused an event of %d bytes because of its size, and it is lost; raise "
            "max.message.bytes of the topic %s, or put less into data",
            size,
            self._config.topic,
        )
        guard.on_error(
            "dropped_too_big", f"the broker refused an event of {size} bytes because of its size"
        )


def _codec(compression: str) -> str | None:
    """Return aiokafka's name of a compression; None for none, or if its library is missing."""
    if compression == "none":
        return None
    if not getattr(codec, f"has_{compression}")():
        log.warning(
            "compression %s needs the package cramjam, which is not installed; "
            "events are sent without compression",
            compression,
        )
        return None
    return compression


def _reason(error: Exception) -> str:
    name, text = type(error).__name__, str(error)
    return text if text.startswith(name) else f"{name}: {text}" if text else name


async def _cancel_other_tasks() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _own_version() -> str:
    try:
        return importlib.metadata.version("duly")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
