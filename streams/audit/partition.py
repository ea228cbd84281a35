"""The audit of one partition of the events topic, with its verdicts and dead letters."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from aiokafka import TopicPartition  # noqa: TC002 -- a NamedTuple reads it

from schemas.errors import InvalidEvent
from schemas.topics import DEAD_LETTERS, EVENTS, VERDICTS
from schemas.wire import decode_event
from streams.audit.comparison import compare_dead_letters, compare_verdicts, left_out
from streams.audit.findings import PartitionFindings
from streams.audit.recomputation import NS_PER_MS, Implied
from streams.audit.stated import StatedDeadLetters, StatedVerdicts
from streams.errors import TopicMismatch

if TYPE_CHECKING:
    from collections.abc import Iterable, KeysView
    from collections.abc import Set as AbstractSet

    from streams.audit.findings import Fault
    from streams.audit.logs import Logs
    from streams.audit.recomputation import Recomputation

CLOCKS_APART_MS = 600_000
"""How far a worker's clock, by which verdicts are stamped, may be behind the broker's."""


class Stated(Protocol):
    """What collects the records of one partition by identity."""

    def take(self, batch: Iterable[Any]) -> None:
        """Take in records."""
        ...

    def known(self) -> KeysView[Any]:
        """Return the identities that were seen."""
        ...


class Place(NamedTuple):
    """One partition number, in the three topics that share it."""

    events: TopicPartition
    verdicts: TopicPartition
    dead_letters: TopicPartition


class Span(NamedTuple):
    """A part of a partition of the events topic: offsets from `begin` on, below `end`.

    `since_ms` is the time that was asked for, None for all that is kept.
    """

    begin: int
    end: int
    since_ms: int | None


async def places_of(logs: Logs) -> list[Place]:
    """Return the places of a whole installation.

    Raises:
        MissingTopic: a topic is not there.
        TopicMismatch: the topics have not equally many partitions.
    """
    topics = [await logs.partitions(topic) for topic in (EVENTS, VERDICTS, DEAD_LETTERS)]
    if len({len(partitions) for partitions in topics}) > 1:
        counts = ", ".join(f"{found[0].topic} has {len(found)}" for found in topics)
        raise TopicMismatch(f"the topics must have equally many partitions: {counts}")
    return [Place(*partitions) for partitions in zip(*topics, strict=True)]


async def span_of(
    logs: Logs, events: TopicPartition, since_ms: int | None, until_ms: int | None
) -> Span:
    """Return the part of a partition between two times, as the log stands now."""
    begin = await logs.begins(events) if since_ms is None else await logs.at(events, since_ms)
    end = await logs.ends(events) if until_ms is None else await logs.at(events, until_ms)
    return Span(begin, max(begin, end), since_ms)


async def runs_before(
    logs: Logs, events: TopicPartition, begin: int, runs: AbstractSet[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Return those of `runs` (flow, run id) that have an event at an offset below `begin`."""
    keys = {run_id.encode() for _, run_id in runs}
    found: set[tuple[str, str]] = set()
    async for batch in logs.read(events, begin):
        for record in batch:
            if record.key in keys:
                try:
                    event = decode_event(record.value)
                except InvalidEvent:
                    continue
                found.add((event.flow, event.run_id))
        if found >= runs:
            break
    return found & runs


class PartitionAudit:
    """Judges a span of one partition anew, and compares with what was said.

    Args:
        logs: reads the topics.
        place: which partition.
        span: which part of it.
    """

    def __init__(self, logs: Logs, place: Place, span: Span) -> None:
        self._logs = logs
        self._place = place
        self._span = span
        self._found = PartitionFindings(place.events.partition)
        self._implied = Implied([], {})
        self._begins_at_ns = 0
        self._begun_before: set[tuple[str, str]] = set()
        self._verdicts = StatedVerdicts()
        self._letters = StatedDeadLetters()
        self.compared: list[bytes] = []
        """The verdicts that the log implies and that can be compared, in its order."""

    async def imply(self, recomputation: Recomputation) -> None:
        """Judge the log anew."""
        is_cut = self._span.begin > 0
        async for batch in self._logs.read(self._place.events, self._span.end, self._span.begin):
            if is_cut and not self._found.events:
                self._begins_at_ns = batch[0].timestamp * NS_PER_MS
            self._found.events += len(batch)
            implied = await recomputation.take(batch)
            self._implied.verdicts.extend(implied.verdicts)
            self._implied.dead_letters.update(implied.dead_letters)

    async def collect(self, deadline: float) -> None:
        """Read what was said; wait until `deadline` (monotonic) for what may be on its way."""
        place, implied = self._place, self._implied
        read_to = await self._take(self._verdicts, place.verdicts, await self._first_verdict())
        self._begun_before = await self._look_back()
        awaited = {
            one.verdict_id for one in implied.verdicts if one.life[:2] not in self._begun_before
        }
        await self._await(self._verdicts, place.verdicts, read_to, awaited, deadline)
        if self._span.since_ms is None:
            offsets = implied.dead_letters.keys()
            await self._await(self._letters, place.dead_letters, None, offsets, deadline)

    async def _first_verdict(self) -> int | None:
        if self._span.since_ms is None:
            return None
        since_ms = max(self._span.since_ms - CLOCKS_APART_MS, 0)
        return await self._logs.at(self._place.verdicts, since_ms)

    async def _look_back(self) -> set[tuple[str, str]]:
        """Return runs that began before the span: without their first events all is unlike.

        Most show by a verdict, which bears when they opened. Only where nobody spoke of a run must
        the log before the span be read.
        """
        said = self._verdicts.known()
        unspoken = {one.life[:2] for one in self._implied.verdicts if one.verdict_id not in said}
        if self._span.since_ms is None or not unspoken:
            return set()
        return await runs_before(self._logs, self._place.events, self._span.begin, unspoken)

    async def _take(self, stated: Stated, place: TopicPartition, begin: int | None) -> int:
        """Read what a partition holds now; return the offset behind it."""
        end = await self._logs.ends(place)
        async for batch in self._logs.read(place, end, begin):
            stated.take(batch)
        return end

    async def _await(
        self,
        stated: Stated,
        place: TopicPartition,
        begin: int | None,
        awaited: AbstractSet[Any],
        deadline: float,
    ) -> None:
        await self._take(stated, place, begin)
        while not awaited <= stated.known() and time.monotonic() < deadline:
            stated.take(await self._logs.more(place))

    def compare(self) -> tuple[PartitionFindings, list[Fault]]:
        """Return what the partition came to, and its faults."""
        implied, found = self._implied, self._found
        skip = left_out(
            implied.verdicts,
            self._verdicts,
            begins_at_ns=self._begins_at_ns,
            end=self._span.end,
            begun_before=self._begun_before,
        )
        left = skip.limited | skip.beyond
        self.compared = [one.body for one in implied.verdicts if one.verdict_id not in left]
        found.implied = len(implied.verdicts)
        found.records = self._verdicts.records
        found.copies = sum(statement.copies for statement in self._verdicts.by_id.values())
        found.limited, found.beyond = len(skip.limited), len(skip.beyond)
        place = self._place
        faults = list(compare_verdicts(place.verdicts, implied.verdicts, self._verdicts, left))
        if self._span.since_ms is None:
            # Whether a run has room depends on events before the span: no letter is compared then.
            found.dead_letters = len(implied.dead_letters)
            faults += compare_dead_letters(
                place.events, implied.dead_letters, self._letters, end=self._span.end
            )
        return found, faults
