"""Dead letters: what could not be judged goes to its own topic, whole, with the reason (R20)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas.v1.dead_letter import DeadLetter
from streams.kafka.batch_transport import OutRecord

if TYPE_CHECKING:
    from schemas.errors import DeadLetterReason


def dead_letter(record: Any, reason: DeadLetterReason, error: str) -> OutRecord:
    """Return the dead letter of a source record: its key, value and headers, and ours.

    Args:
        record: the `aiokafka.ConsumerRecord` as it was read.
        reason: one of a fixed set, to count and to filter by.
        error: what was wrong, for people.
    """
    letter = DeadLetter(
        reason=reason,
        error=error,
        source_topic=record.topic,
        source_partition=record.partition,
        source_offset=record.offset,
    )
    return OutRecord(record.key, record.value, [*record.headers, *letter.to_headers()])
