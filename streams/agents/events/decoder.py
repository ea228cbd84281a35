"""Decoder of fetched batches: records for the engine, dead letters for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from schemas.errors import DeadLetterReason, InvalidEvent
from schemas.partitioning import murmur2_partition
from schemas.units import NS_PER_MS
from schemas.wire import check_key, decode_event
from streams.engine.records import Record
from streams.kafka.dead_letters import dead_letter
from streams.kafka.rows import CLOCK_HEADER

if TYPE_CHECKING:
    from streams.kafka.rows import OutRecord


MAX_PLACED_KEYS: Final = 65_536
"""Keys whose partition is remembered as right; murmur2 in Python costs as much as a decode."""


class Decoded(NamedTuple):
    """A batch as the engine takes it, with the dead letters of what is not an event."""

    records: list[Record]
    dead_letters: list[OutRecord]
    reasons: list[DeadLetterReason]


class Decoder:
    """Decodes the records of one partition of the events topic.

    Args:
        topic: the full name of the topic.
        partition: its number.
        partitions: how many the topic has; a key belongs on one of them.
    """

    def __init__(self, topic: str, partition: int, partitions: int) -> None:
        self._topic = topic
        self._partition = partition
        self._partitions = partitions
        self._placed: dict[bytes, str] = {}
        """Key → its run id, of keys that are right and stand on the right partition."""

    def decode(self, batch: list[Any]) -> Decoded:
        """Decode records as a fetch brings them; time passes with every one of them (R13)."""
        records: list[Record] = []
        dead_letters: list[OutRecord] = []
        reasons: list[DeadLetterReason] = []
        placed = self._placed
        timestamp_ms, timestamp_ns = 0, 0  # nearly always that of the record before
        for record in batch:
            try:
                event = decode_event(record.value)
                key, run_id = record.key, event.run_id
                if placed.get(key) != run_id:
                    check_key(key, run_id)
                    self._check_place(key, run_id)
            except InvalidEvent as error:
                event = None
                if not is_clock_record(record):
                    dead_letters.append(
                        dead_letter(self._topic, self._partition, record, error.reason, str(error))
                    )
                    reasons.append(error.reason)
            if record.timestamp != timestamp_ms:
                timestamp_ms = record.timestamp
                timestamp_ns = timestamp_ms * NS_PER_MS
            records.append(Record(record.offset, timestamp_ns, event))
        return Decoded(records, dead_letters, reasons)

    def _check_place(self, key: bytes, run_id: str) -> None:
        """Check that every client would put `key` here; otherwise its run is split (R1)."""
        expected = murmur2_partition(key, self._partitions)
        if expected != self._partition:
            raise InvalidEvent(
                "wrong_partition",
                "",
                f"the record is on partition {self._partition}, murmur2 puts its key on "
                f"{expected}: use Kafka's default partitioner",
            )
        if len(self._placed) >= MAX_PLACED_KEYS:
            self._placed.clear()
        self._placed[key] = run_id


def is_clock_record(record: Any) -> bool:
    """Return True if a record carries nothing but its timestamp."""
    return record.key is None and record.value is None and CLOCK_HEADER in record.headers
