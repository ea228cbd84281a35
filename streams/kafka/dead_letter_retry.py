"""Produces the originals of dead letters again, unless a worker would refuse them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from aiokafka import AIOKafkaProducer

from schemas.errors import InvalidEvent
from schemas.partitioning import murmur2_partition
from schemas.topics import EVENTS, MAX_MESSAGE_BYTES
from schemas.wire import check_key, decode_event
from streams.kafka.broker_errors import broker_errors
from streams.kafka.client import client_options
from streams.kafka.topic_reader import topic_partitions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from streams.kafka.dead_letter_reader import StoredDeadLetter
    from streams.settings.kafka import KafkaSettings


Outcome = Literal["planned", "produced", "refused"]


class Retry(NamedTuple):
    """The retry of one dead letter.

    Attributes:
        dead_letter: stays in its topic.
        topic: the events topic.
        run_id: of the event, if the original is one.
        partition: where the record belongs by its key; None if it is refused.
        offset: where it was written; None if it was not.
        refusal: why it would become a dead letter again, so that it was not produced.
    """

    dead_letter: StoredDeadLetter
    topic: str
    run_id: str | None = None
    partition: int | None = None
    offset: int | None = None
    refusal: str | None = None

    @property
    def outcome(self) -> Outcome:
        """The outcome: produced, planned or refused."""
        if self.refusal is not None:
            return "refused"
        return "planned" if self.offset is None else "produced"


async def retry_dead_letters(
    dead_letters: AsyncIterator[StoredDeadLetter], settings: KafkaSettings, *, dry_run: bool
) -> AsyncGenerator[Retry]:
    """Produce the originals of dead letters to the events topic, one after the other.

    Each is checked first as a worker checks it, and is acknowledged before it is yielded.

    Raises:
        BrokerUnavailable: the broker cannot be reached, or did not acknowledge.
        NoTopic: there is no events topic.
    """
    partitions = await topic_partitions(EVENTS, settings)
    producer: Any = AIOKafkaProducer(
        **client_options(settings),
        acks="all",
        enable_idempotence=settings.idempotence,
        max_request_size=MAX_MESSAGE_BYTES,
    )
    with broker_errors(settings):
        await producer.start()
        try:
            async for dead_letter in dead_letters:
                planned = _plan(dead_letter, partitions[0].topic, len(partitions))
                if planned.refusal is not None or dry_run:
                    yield planned
                    continue
                written = await producer.send_and_wait(
                    planned.topic,
                    dead_letter.value,
                    key=dead_letter.key,
                    partition=planned.partition,
                    headers=dead_letter.headers,
                )
                yield planned._replace(offset=written.offset)
        finally:
            await producer.stop()


def _plan(dead_letter: StoredDeadLetter, topic: str, partitions: int) -> Retry:
    """Make the checks of a worker that need no state of the run."""
    try:
        event = decode_event(dead_letter.value)
        check_key(dead_letter.key, event.run_id)
    except InvalidEvent as error:
        return Retry(dead_letter, topic, refusal=f"{error.reason}: {error}")
    # A record that another partitioner put elsewhere goes where its key belongs (R1).
    partition = murmur2_partition(event.run_id.encode(), partitions)
    return Retry(dead_letter, topic, event.run_id, partition)
