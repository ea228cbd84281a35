"""Measures the broker's clock against the clock of this machine, by clock records."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from aiokafka import AIOKafkaProducer

from schemas.topics import EVENTS
from streams.kafka.broker_errors import broker_errors
from streams.kafka.client import client_options
from streams.kafka.rows import CLOCK_HEADER, LOG_APPEND_TIME
from streams.kafka.topics import full_name

if TYPE_CHECKING:
    from streams.settings.kafka import KafkaSettings

SAMPLES = 3


class ClockOffset(NamedTuple):
    """The broker's clock minus ours, and the error of that figure, in ms."""

    ahead_ms: float
    uncertainty_ms: float


async def measure_clock_offset(settings: KafkaSettings) -> ClockOffset | None:
    """Return the most certain of some samples; None if the broker sets no timestamps."""
    producer: Any = AIOKafkaProducer(
        **client_options(settings), acks="all", enable_idempotence=settings.idempotence
    )
    topic = full_name(EVENTS, settings)
    with broker_errors(settings):
        await producer.start()
        try:
            offsets = [await _sample(producer, topic) for _ in range(SAMPLES)]
        finally:
            await producer.stop()
    known = [offset for offset in offsets if offset is not None]
    return min(known, key=lambda offset: offset.uncertainty_ms) if known else None


async def _sample(producer: Any, topic: str) -> ClockOffset | None:
    batch = producer.create_batch()  # `send` refuses a record without key and value
    batch.append(timestamp=None, key=None, value=None, headers=[CLOCK_HEADER])
    batch.close()
    sent_ms = time.time() * 1000
    written = await (await producer.send_batch(batch, topic, partition=0))
    acknowledged_ms = time.time() * 1000
    if written.timestamp_type != LOG_APPEND_TIME:
        return None
    # The broker's timestamp is cut to whole milliseconds.
    stamped_ms, middle_ms = written.timestamp + 0.5, (sent_ms + acknowledged_ms) / 2
    return ClockOffset(stamped_ms - middle_ms, (acknowledged_ms - sent_ms) / 2 + 0.5)
