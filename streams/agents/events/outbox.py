"""Effects of judged batches, made durable in an order that loses nothing.

1. emit: dead letters, verdicts and learned definitions are written and acknowledged;
2. remember: the new states of the runs are written to the changelog and acknowledged;
3. commit: the source offset may be committed (owner.py, which goes from one to the next).

A crash between any two steps repeats work whose verdict ids are the same (R16).
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

from schemas import headers
from streams.kafka.rows import NO_HEADERS, OutRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from streams.agents.events.backlog import FetchedBatch
    from streams.agents.events.context import Destinations, EventsLog
    from streams.engine.records import Judged
    from streams.kafka.rows import Row


class Work(NamedTuple):
    """Batches that were judged together, on their way out."""

    judged: Judged
    dead_letters: list[OutRecord]
    batches: Sequence[FetchedBatch]
    """Committed when all of it is durable."""


class Outbox:
    """Writes the effects of one partition.

    Args:
        partition: its number; verdicts stand on the same number as their events.
        destinations: where to.
        log: writes records, and raises if they cannot be acknowledged.
        remembered: called with the changelog offset up to which memory is durable.
    """

    def __init__(
        self,
        partition: int,
        destinations: Destinations,
        log: EventsLog,
        *,
        remembered: Callable[[int], None],
    ) -> None:
        self._partition = partition
        self._destinations = destinations
        self._log = log
        self._remembered = remembered
        self._forgotten: dict[bytes, int] = {}

    async def emit(self, works: Sequence[Work]) -> None:
        """Write dead letters, verdicts and learned definitions; return when all are acknowledged."""
        to, partition = self._destinations, self._partition
        letters = [letter for work in works for letter in work.dead_letters]
        learned = [OutRecord(*record) for work in works for record in work.judged.learned]
        await asyncio.gather(
            self._log.append(to.dead_letters, partition, letters),
            self._log.append(to.verdicts, partition, self._verdicts(works)),
            self._log.append(to.definitions, 0, learned),
        )

    async def remember(self, works: Sequence[Work]) -> None:
        """Write the states of runs to the changelog; return when all are acknowledged."""
        appended = await self._log.append(
            self._destinations.changelog, self._partition, self._changelog_records(works)
        )
        if appended is not None:
            self._remembered(appended.last_offset)

    def _verdicts(self, works: Iterable[Work]) -> list[Row]:
        about = [
            (headers.PRODUCED_AT, b"%d" % time.time_ns()),
            (headers.GENERATION, b"%d" % self._log.generation()),
        ]
        return [
            (verdict.key, verdict.value, about)
            for work in works
            for verdict in work.judged.verdicts
        ]

    def _changelog_records(self, works: Iterable[Work]) -> list[Row]:
        """Return the last state of each run, and the tombstones whose time has come.

        A tombstone waits until all that its run was made of is committed. Written before, a crash
        would let the events since the last commit be read again without the run that they were
        part of, and they would open another.
        """
        states: dict[bytes, bytes] = {}
        for work in works:
            for key, value, offset in work.judged.states:
                if value is None:
                    self._forgotten[key] = offset
                else:
                    states[key] = value
                    self._forgotten.pop(key, None)
        records: list[Row] = [(key, value, NO_HEADERS) for key, value in states.items()]
        if self._forgotten:
            records += self._tombstones(self._log.committed(self._partition))
        return records

    def _tombstones(self, committed: int) -> list[Row]:
        due = [(key, offset) for key, offset in self._forgotten.items() if offset < committed]
        for key, _offset in due:
            del self._forgotten[key]
        return [(key, None, [(headers.OFFSET, b"%d" % offset)]) for key, offset in due]
