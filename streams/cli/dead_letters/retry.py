"""Produces what became a dead letter again, as it came, unless it would only come back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from aiokafka import AIOKafkaProducer

from schemas.errors import InvalidEvent
from schemas.partitioning import murmur2_partition
from schemas.topics import EVENTS, MAX_MESSAGE_BYTES
from schemas.wire import check_key, decode_event
from streams.cli.kafka import broker_errors, require_topic
from streams.kafka.client import client_options

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from streams.cli.dead_letters.dead_letters import Letter
    from streams.settings.kafka import KafkaSettings


class Retried(NamedTuple):
    """What became of one letter.

    Attributes:
        letter: the letter; it stays in its topic.
        run_id: of the event, if the letter holds one.
        topic: the events topic.
        partition: where the record belongs by its key; None if it is refused.
        offset: where it was written; None if it was not.
        refusal: why it would become a dead letter again, so that it was not produced.
    """

    letter: Letter
    topic: str
    run_id: str | None = None
    partition: int | None = None
    offset: int | None = None
    refusal: str | None = None


async def retry(
    letters: AsyncIterator[Letter], settings: KafkaSettings, *, dry_run: bool
) -> AsyncGenerator[Retried]:
    """Produce the originals of letters to the events topic, one after the other.

    Each is checked first as a worker checks it, and acknowledged before it is yielded.

    Raises:
        BrokerUnavailable: the broker cannot be reached, or did not acknowledge.
        NoTopic: there is no events topic.
    """
    partitions = await require_topic(EVENTS, settings)
    producer: Any = AIOKafkaProducer(
        **client_options(settings),
        acks="all",
        enable_idempotence=settings.idempotence,
        max_request_size=MAX_MESSAGE_BYTES,
    )
    with broker_errors(settings):
        await producer.start()
        try:
            async for letter in letters:
                planned = _plan(letter, partitions[0].topic, len(partitions))
                if planned.refusal is not None or dry_run:
                    yield planned
                    continue
                written = await producer.send_and_wait(
                    planned.topic,
                    letter.value,
                    key=letter.key,
                    partition=planned.partition,
                    headers=letter.headers,
                )
                yield planned._replace(offset=written.offset)
        finally:
            await producer.stop()


def _plan(letter: Letter, topic: str, partitions: int) -> Retried:
    """Check a letter's original by what every worker checks without knowing the run."""
    try:
        event = decode_event(letter.value)
        check_key(letter.key, event.run_id)
    except InvalidEvent as error:
        return Retried(letter, topic, refusal=f"{error.reason}: {error}")
    # A record that another partitioner put elsewhere goes where its key belongs (R1).
    partition = murmur2_partition(event.run_id.encode(), partitions)
    return Retried(letter, topic, event.run_id, partition)
