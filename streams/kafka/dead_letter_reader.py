"""Reads the dead-letter topic: by id, or filtered by reason, run and time."""

from __future__ import annotations

import heapq
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from schemas import headers
from schemas.topics import DEAD_LETTERS
from schemas.v1.dead_letter import DeadLetter
from streams.errors import NotFound
from streams.kafka.topic_reader import topic_partitions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from aiokafka import TopicPartition

    from streams.kafka.topic_reader import TopicReader
    from streams.settings.kafka import KafkaSettings

_OURS = {
    headers.REASON,
    headers.ERROR,
    headers.SOURCE_TOPIC,
    headers.SOURCE_PARTITION,
    headers.SOURCE_OFFSET,
}
"""Headers that a worker adds to those of the original."""


class DeadLetterId(NamedTuple):
    """Partition and offset in the dead-letter topic, `3:17`."""

    partition: int
    offset: int

    @classmethod
    def parse(cls, text: str) -> DeadLetterId:
        """Read `3:17`.

        Raises:
            ValueError: the text is not an id.
        """
        partition, _, offset = text.partition(":")
        if not (_is_number(partition) and _is_number(offset)):
            raise ValueError(f"{text!r} is not an id of a dead letter: PARTITION:OFFSET")
        return cls(int(partition), int(offset))

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


class StoredDeadLetter(NamedTuple):
    """One dead letter of the topic.

    Attributes:
        id: where it is stored.
        timestamp_ms: when it was written, by the clock of the worker or the broker.
        about: the reason, and where the original came from.
        key: of the original.
        value: of the original.
        headers: of the original.
    """

    id: DeadLetterId
    timestamp_ms: int
    about: DeadLetter
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]

    @classmethod
    def from_record(cls, record: Any) -> StoredDeadLetter | None:
        """Return the dead letter in an `aiokafka.ConsumerRecord`; None if it is not one."""
        try:
            about = DeadLetter.from_headers(record.headers)
        except ValidationError:
            return None
        theirs = [(name, value) for name, value in record.headers if name not in _OURS]
        id_ = DeadLetterId(record.partition, record.offset)
        return cls(id_, record.timestamp, about, record.key, record.value, theirs)


class DeadLetterFilter(NamedTuple):
    """Which dead letters are wanted; an empty set or None means all."""

    reasons: frozenset[str] = frozenset()
    run_id: str | None = None
    since_ms: int | None = None

    def matches(self, found: StoredDeadLetter) -> bool:
        """Return True if a dead letter is wanted; reading begins at `since_ms`."""
        return (not self.reasons or found.about.reason in self.reasons) and (
            self.run_id is None or found.key == self.run_id.encode()
        )


class NewestDeadLetters:
    """The newest dead letters of many, and how many there were.

    Args:
        limit: how many are kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._heap: list[tuple[int, DeadLetterId, StoredDeadLetter]] = []
        self.reasons: Counter[str] = Counter()
        """Reason → how many dead letters, kept or not."""

    def add(self, found: StoredDeadLetter) -> None:
        """Keep a dead letter; drop the oldest if there are too many."""
        self.reasons[found.about.reason] += 1
        entry = (found.timestamp_ms, found.id, found)
        if len(self._heap) < self._limit:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def in_order(self) -> list[StoredDeadLetter]:
        """Return those kept, the oldest first."""
        return [found for _, _, found in sorted(self._heap, key=lambda entry: entry[:2])]


async def read_dead_letters(
    reader: TopicReader, settings: KafkaSettings, wanted: DeadLetterFilter
) -> AsyncIterator[StoredDeadLetter]:
    """Yield the dead letters that match, partition by partition, as the topic stands now.

    Raises:
        NoTopic: there is no dead-letter topic.
        IncompleteRead: the topic cannot be read to its end.
    """
    partitions = await topic_partitions(DEAD_LETTERS, settings)
    ends = [await reader.end_offset(partition) for partition in partitions]
    for partition, end in zip(partitions, ends, strict=True):
        begin = None
        if wanted.since_ms is not None:
            begin = await reader.offset_at(partition, wanted.since_ms)
        async for batch in reader.read(partition, end, begin):
            for record in batch:
                found = StoredDeadLetter.from_record(record)
                if found is not None and wanted.matches(found):
                    yield found


async def dead_letters_by_id(
    reader: TopicReader, settings: KafkaSettings, ids: Iterable[DeadLetterId]
) -> list[StoredDeadLetter]:
    """Return the dead letters of some ids, in the order given.

    Raises:
        NotFound: there is none of one of the ids.
        NoTopic: there is no dead-letter topic.
    """
    partitions = await topic_partitions(DEAD_LETTERS, settings)
    return [await _dead_letter(reader, partitions, id_) for id_ in ids]


async def _dead_letter(
    reader: TopicReader, partitions: list[TopicPartition], id_: DeadLetterId
) -> StoredDeadLetter:
    if id_.partition < len(partitions):
        partition = partitions[id_.partition]
        first, end = await reader.first_offset(partition), await reader.end_offset(partition)
        if first <= id_.offset < end:
            async for batch in reader.read(partition, id_.offset + 1, id_.offset):
                if found := StoredDeadLetter.from_record(batch[0]):
                    return found
        kept = f"it holds offsets {first} to {end - 1}" if first < end else "it is empty"
        where = f"partition {id_.partition} of {partition.topic}"
        raise NotFound(f"there is no dead letter {id_} on {where}: {kept}")
    topic = partitions[0].topic
    raise NotFound(f"there is no dead letter {id_}: {topic} has {len(partitions)} partitions")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()
