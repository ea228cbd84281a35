"""Dead letters as they lie in their topic: found by id, or by what they have in common."""

from __future__ import annotations

import heapq
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from schemas import headers
from schemas.topics import DEAD_LETTERS
from schemas.v1.dead_letter import DeadLetter
from streams.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from aiokafka import TopicPartition

    from streams.audit.logs import Logs

_OURS = {
    headers.REASON,
    headers.ERROR,
    headers.SOURCE_TOPIC,
    headers.SOURCE_PARTITION,
    headers.SOURCE_OFFSET,
}
"""Headers that the worker added to those of the original."""


class Place(NamedTuple):
    """Where a dead letter lies; `3:17` for people."""

    partition: int
    offset: int

    @classmethod
    def parse(cls, text: str) -> Place:
        """Read `3:17`.

        Raises:
            ValueError: it is something else.
        """
        partition, _, offset = text.partition(":")
        if not (_is_number(partition) and _is_number(offset)):
            raise ValueError(f"{text!r} is no dead letter: PARTITION:OFFSET, as `list` shows")
        return cls(int(partition), int(offset))

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


class Letter(NamedTuple):
    """One dead letter.

    Attributes:
        place: where it lies.
        timestamp_ms: when it was written, by the clock of the worker or the broker.
        about: the reason, and where the original came from.
        key: of the original.
        value: of the original.
        headers: of the original.
    """

    place: Place
    timestamp_ms: int
    about: DeadLetter
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]

    @classmethod
    def of(cls, record: Any) -> Letter | None:
        """Return the letter that an `aiokafka.ConsumerRecord` holds; None if it holds none."""
        try:
            about = DeadLetter.from_headers(record.headers)
        except ValidationError:
            return None
        theirs = [(name, value) for name, value in record.headers if name not in _OURS]
        place = Place(record.partition, record.offset)
        return cls(place, record.timestamp, about, record.key, record.value, theirs)


class Wanted(NamedTuple):
    """Which letters are asked for; an empty set or None asks for all."""

    reasons: frozenset[str] = frozenset()
    run_id: str | None = None
    since_ms: int | None = None

    def takes(self, letter: Letter) -> bool:
        """Tell whether a letter is asked for; `since_ms` is where reading begins."""
        return (not self.reasons or letter.about.reason in self.reasons) and (
            self.run_id is None or letter.key == self.run_id.encode()
        )


class Newest:
    """The newest letters of many, and how many there were.

    Args:
        limit: how many are kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._heap: list[tuple[int, Place, Letter]] = []
        self.reasons: Counter[str] = Counter()
        """How many letters of each reason there were, kept or not."""

    def add(self, letter: Letter) -> None:
        """Take a letter in; the oldest goes if there is no room."""
        self.reasons[letter.about.reason] += 1
        entry = (letter.timestamp_ms, letter.place, letter)
        if len(self._heap) < self._limit:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def in_order(self) -> list[Letter]:
        """Return the letters kept, the oldest first."""
        return [letter for _, _, letter in sorted(self._heap, key=lambda entry: entry[:2])]


async def wanted_letters(logs: Logs, wanted: Wanted) -> AsyncIterator[Letter]:
    """Yield the letters that are asked for, partition by partition, as the topic stands now."""
    partitions = await logs.partitions(DEAD_LETTERS)
    ends = [await logs.ends(partition) for partition in partitions]
    for partition, end in zip(partitions, ends, strict=True):
        begin = None if wanted.since_ms is None else await logs.at(partition, wanted.since_ms)
        async for batch in logs.read(partition, end, begin):
            for record in batch:
                letter = Letter.of(record)
                if letter is not None and wanted.takes(letter):
                    yield letter


async def letters_at(logs: Logs, places: Iterable[Place]) -> list[Letter]:
    """Return the letters that lie at certain places, in the order asked.

    Raises:
        NotFound: there is no dead letter at one of them.
    """
    partitions = await logs.partitions(DEAD_LETTERS)
    return [await _letter_at(logs, partitions, place) for place in places]


async def _letter_at(logs: Logs, partitions: list[TopicPartition], place: Place) -> Letter:
    if place.partition < len(partitions):
        partition = partitions[place.partition]
        first, end = await logs.begins(partition), await logs.ends(partition)
        if first <= place.offset < end:
            async for batch in logs.read(partition, place.offset + 1, place.offset):
                if letter := Letter.of(batch[0]):
                    return letter
        kept = f"it holds offsets {first} to {end - 1}" if first < end else "it is empty"
        where = f"partition {place.partition} of {partition.topic}"
        raise NotFound(f"there is no dead letter {place} on {where}: {kept}")
    topic = partitions[0].topic
    raise NotFound(f"there is no dead letter {place}: {topic} has {len(partitions)} partitions")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()
