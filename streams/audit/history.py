"""The history of the definitions: every record of their topic that is kept, with its timestamp (R17)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from schemas.errors import InvalidDefinition
from schemas.topics import DEFINITIONS
from schemas.units import NS_PER_MS
from streams.engine.definitions.registry import Definitions

if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from typing import Any

    from streams.audit.logs import Logs


class Lesson(NamedTuple):
    """One record of the definitions topic."""

    offset: int
    key: bytes
    value: bytes | None
    timestamp_ns: int

    def is_published(self, flows: Container[str]) -> bool:
        """Tell whether it holds what was published of one of these flows, or a version of it."""
        name = self.key.decode(errors="replace")
        return "/" not in name and name.partition("@")[0] in flows


class History(NamedTuple):
    """The definitions topic as it stands.

    Attributes:
        lessons: its records, in order.
        compacted: how many records were before the last one that are there no more.
    """

    lessons: list[Lesson]
    compacted: int

    def definitions(
        self, defaults: Mapping[str, Any], *, without: Container[str] = ()
    ) -> tuple[Definitions, list[str]]:
        """Return the registry that a worker would make of it, and what is to be noted, for people.

        Args:
            defaults: the worker's flow options.
            without: flows of which nothing that was published shall count.
        """
        definitions = Definitions(defaults)
        notes: list[str] = []
        for lesson in self.lessons:
            if lesson.is_published(without):
                continue
            try:
                definitions.add(lesson.key, lesson.value, lesson.timestamp_ns)
            except InvalidDefinition as error:  # the worker leaves it out too
                notes.append(f"definitions, offset {lesson.offset}: left out: {error}")
        if self.compacted:
            total = self.compacted + len(self.lessons)
            notes.append(
                f"definitions: {self.compacted} of {total} records are compacted away: runs that "
                "were judged by what they taught cannot be judged alike"
            )
        return definitions, notes


async def read_history(logs: Logs) -> History:
    """Read the definitions topic from its beginning.

    Raises:
        NoTopic: there is none.
    """
    (partition,) = await logs.partitions(DEFINITIONS)
    end = await logs.ends(partition)
    lessons = [
        Lesson(record.offset, record.key or b"", record.value, record.timestamp * NS_PER_MS)
        async for batch in logs.read(partition, end)
        for record in batch
    ]
    return History(lessons, end - len(lessons))
