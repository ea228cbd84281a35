"""The definitions topic read whole: every record that is kept, with its timestamp (R17)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from schemas.errors import InvalidDefinition
from schemas.topics import DEFINITIONS
from schemas.units import NS_PER_MS
from streams.engine.definitions.registry import Definitions
from streams.kafka.topic_reader import topic_partitions

if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from typing import Any

    from streams.kafka.topic_reader import TopicReader
    from streams.settings.kafka import KafkaSettings


class HistoryRecord(NamedTuple):
    """One record of the definitions topic."""

    offset: int
    key: bytes
    value: bytes | None
    timestamp_ns: int

    def is_published(self, flows: Container[str]) -> bool:
        """Return True if it holds what was published of one of these flows, or a version of it."""
        name = self.key.decode(errors="replace")
        return "/" not in name and name.partition("@")[0] in flows


class History(NamedTuple):
    """The definitions topic as it stands.

    Attributes:
        records: its records, in order.
        compacted: how many records before the last one are no longer there.
    """

    records: list[HistoryRecord]
    compacted: int

    def definitions(
        self, defaults: Mapping[str, Any], *, without: Container[str] = ()
    ) -> tuple[Definitions, list[str]]:
        """Return the registry that a worker would build, and notes for people.

        Args:
            defaults: the worker's flow options.
            without: flows whose published definitions are left out.
        """
        definitions = Definitions(defaults)
        notes: list[str] = []
        for record in self.records:
            if record.is_published(without):
                continue
            try:
                definitions.add(record.key, record.value, record.timestamp_ns)
            except InvalidDefinition as error:  # the worker leaves it out too
                notes.append(f"definitions, offset {record.offset}: left out: {error}")
        if self.compacted:
            total = self.compacted + len(self.records)
            notes.append(
                f"definitions: {self.compacted} of {total} records are compacted away: runs that "
                "were judged by what they taught cannot be judged alike"
            )
        return definitions, notes


async def read_history(reader: TopicReader, settings: KafkaSettings) -> History:
    """Read the definitions topic from its beginning.

    Raises:
        NoTopic: there is none.
    """
    (partition,) = await topic_partitions(DEFINITIONS, settings)
    end = await reader.end_offset(partition)
    records = [
        HistoryRecord(record.offset, record.key or b"", record.value, record.timestamp * NS_PER_MS)
        async for batch in reader.read(partition, end)
        for record in batch
    ]
    return History(records, end - len(records))
