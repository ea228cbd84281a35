"""The broker's clock, by which deadlines fire, against the clock of this machine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from aiokafka import AIOKafkaProducer

from schemas.topics import EVENTS
from streams.agents.events.decoder import CLOCK_HEADER
from streams.cli.doctor.findings import Finding
from streams.cli.kafka import broker_errors
from streams.kafka.client import client_options
from streams.kafka.topics import full_name

if TYPE_CHECKING:
    from streams.settings.worker import WorkerSettings

LOG_APPEND_TIME = 1
SAMPLES = 3


class Offset(NamedTuple):
    """How far the broker's clock is ahead of ours, and how wrong that may be; in ms."""

    ahead_ms: float
    uncertainty_ms: float


async def check_clock(settings: WorkerSettings) -> Finding:
    """Append clock records to the events topic, as workers do, and see how the broker stamps them."""
    offset = await _measure(settings)
    if offset is None:
        message = "the events topic has no LogAppendTime: deadlines rest on the clocks of producers"
        return Finding("clock", "warning", message)
    return judge_offset(offset, tolerance_ms=settings.clock_tolerance_ms)


def judge_offset(offset: Offset, *, tolerance_ms: int) -> Finding:
    """Return whether the clocks are near enough.

    Producers on this machine stamp events by its clock. Two of them may differ by the tolerance
    (R8), so each by half of it from the broker.
    """
    ahead_ms, uncertainty_ms = offset
    way = "ahead of" if ahead_ms >= 0 else "behind"
    message = (
        f"the broker's clock is {abs(ahead_ms):.0f} ms {way} this machine's "
        f"(± {uncertainty_ms:.0f} ms)"
    )
    if abs(ahead_ms) - uncertainty_ms <= tolerance_ms / 2:
        return Finding("clock", "ok", message)
    advice = "that is more than half of DULY_CLOCK_TOLERANCE_MS: is NTP running on both?"
    return Finding("clock", "warning", f"{message}; {advice}")


async def _measure(settings: WorkerSettings) -> Offset | None:
    """Return the best of some samples; None if the broker stamps nothing."""
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


async def _sample(producer: Any, topic: str) -> Offset | None:
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
    return Offset(stamped_ms - middle_ms, (acknowledged_ms - sent_ms) / 2 + 0.5)
