"""Emit, remember, commit: the effects of judged batches, made durable in an order that loses nothing.

1. emit: dead letters, verdicts and learned definitions are written and acknowledged;
2. remember: the new states of the runs are written to the changelog and acknowledged;
3. commit: the source offset may be committed.

A crash between any two steps repeats work whose verdict ids are the same (R16). Each step takes all
that has gathered while the one before was under way, so a busy partition writes large batches.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple, NoReturn, Protocol

from schemas import headers
from streams.agents.events.mailbox import Mailbox
from streams.kafka.rows import NO_HEADERS, OutRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from streams.engine.records import Judged
    from streams.kafka.rows import Appended, Row


class Append(Protocol):
    """Appends records to a partition and returns when they are acknowledged."""

    async def __call__(
        self, topic: str, partition: int, records: Iterable[Row], /
    ) -> Appended | None:
        """See `BatchProducer.append`."""
        ...


class Destinations(NamedTuple):
    """The full names of the topics that a partition's owner writes to."""

    events: str
    verdicts: str
    dead_letters: str
    definitions: str
    changelog: str


class Work(NamedTuple):
    """One judged batch on its way out."""

    judged: Judged
    dead_letters: list[OutRecord]
    done: Callable[[], None]
    """Called when all of it is durable: the batch's offset may be committed."""


class Outbox:
    """What leaves one partition.

    Args:
        partition: its number; verdicts stand on the same number as their events.
        destinations: where to.
        append: writes records; raises if they cannot be acknowledged.
        generation: the consumer group's generation, for the audit of zombies.
        remembered: called with the changelog offset up to which memory is durable.
        committed: the source offset up to which the partition is committed.
        emitted: told of works whose verdicts are acknowledged.
    """

    def __init__(
        self,
        partition: int,
        destinations: Destinations,
        *,
        append: Append,
        generation: Callable[[], int],
        remembered: Callable[[int], None],
        committed: Callable[[], int],
        emitted: Callable[[list[Work]], None] = lambda _works: None,
    ) -> None:
        self._partition = partition
        self._destinations = destinations
        self._append = append
        self._generation = generation
        self._remembered = remembered
        self._committed = committed
        self._note_emitted = emitted
        self._forgotten: dict[bytes, int] = {}
        self._judged: Mailbox[Work] = Mailbox()
        self._emitted: Mailbox[list[Work]] = Mailbox()

    def put(self, work: Work) -> None:
        """Take a judged batch; batches leave in the order in which they were put."""
        self._judged.put(work)

    async def emit(self) -> NoReturn:
        """Write verdicts and their like, for as long as the partition is ours."""
        while True:
            works = await self._judged.take_all()
            await asyncio.gather(
                self._append(
                    self._destinations.dead_letters,
                    self._partition,
                    [letter for work in works for letter in work.dead_letters],
                ),
                self._append(self._destinations.verdicts, self._partition, self._verdicts(works)),
                self._append(
                    self._destinations.definitions,
                    0,
                    [OutRecord(*learned) for work in works for learned in work.judged.learned],
                ),
            )
            self._note_emitted(works)
            self._emitted.put(works)

    async def remember(self) -> NoReturn:
        """Write states and release offsets, for as long as the partition is ours."""
        while True:
            works = [work for group in await self._emitted.take_all() for work in group]
            appended = await self._append(
                self._destinations.changelog, self._partition, self._changelog_records(works)
            )
            if appended is not None:
                self._remembered(appended.last_offset)
            for work in works:
                work.done()

    def _verdicts(self, works: Iterable[Work]) -> list[Row]:
        about = [
            (headers.PRODUCED_AT, b"%d" % time.time_ns()),
            (headers.GENERATION, b"%d" % self._generation()),
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
            records += self._tombstones(self._committed())
        return records

    def _tombstones(self, committed: int) -> list[Row]:
        due = [(key, offset) for key, offset in self._forgotten.items() if offset < committed]
        for key, _offset in due:
            del self._forgotten[key]
        return [(key, None, [(headers.OFFSET, b"%d" % offset)]) for key, offset in due]
