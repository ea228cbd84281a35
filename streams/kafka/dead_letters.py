"""Builds dead letters: events that cannot be judged, whole, with the reason in headers (R20)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas.v1.dead_letter import DeadLetter
from streams.kafka.rows import OutRecord

if TYPE_CHECKING:
    from schemas.errors import DeadLetterReason


MOST_BYTES = 1536 * 1024
"""Size limit of a dead letter. A record that was compressed may be larger, uncompressed, than the
topic takes, and must not stop the worker."""


def dead_letter(
    topic: str, partition: int, record: Any, reason: DeadLetterReason, error: str
) -> OutRecord:
    """Return the dead letter of a source record: its key, value and headers, and ours.

    Of a record that is too large, the first `MOST_BYTES` of the value are kept.

    Args:
        topic: the full name of the record's topic.
        partition: the record's partition.
        record: as it was read, with `offset`, `key`, `value` and `headers`.
        reason: one of a fixed set, to count and to filter by.
        error: what was wrong, for people.
    """
    letter = DeadLetter(
        reason=reason,
        error=error,
        source_topic=topic,
        source_partition=partition,
        source_offset=record.offset,
    )
    if _size_bytes(record) > MOST_BYTES:
        return OutRecord(None, (record.value or b"")[:MOST_BYTES], letter.to_headers())
    return OutRecord(record.key, record.value, [*record.headers, *letter.to_headers()])


def _size_bytes(record: Any) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers
