"""The part of the log that is judged anew, and the runs that began before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aiokafka import TopicPartition  # noqa: TC002 -- a NamedTuple reads it

from schemas.errors import InvalidEvent
from schemas.topics import DEAD_LETTERS, EVENTS, VERDICTS
from schemas.units import NS_PER_MS
from schemas.wire import decode_event
from streams.audit.logs import place_name
from streams.errors import IncompleteRead, TopicMismatch

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from streams.audit.logs import Logs
    from streams.audit.stated import Life, Stated, StatedVerdicts

CLOCKS_APART_MS = 600_000
"""How far a worker's clock, by which verdicts are stamped, may be behind the broker's."""


class Place(NamedTuple):
    """One partition number, in the three topics that share it."""

    events: TopicPartition
    verdicts: TopicPartition
    dead_letters: TopicPartition


class Span(NamedTuple):
    """A part of a partition of the events topic: offsets from `begin` on, below `end`.

    `since_ms` and `until_ms` are the times that were asked for, None for all that is kept.
    `said_end` is where the partition of the verdicts ended shortly before.
    """

    begin: int
    end: int
    since_ms: int | None = None
    until_ms: int | None = None
    said_end: int = 0


async def places_of(logs: Logs) -> list[Place]:
    """Return the places of a whole installation.

    Raises:
        NoTopic: a topic is not there.
        TopicMismatch: the topics have not equally many partitions.
    """
    topics = [await logs.partitions(topic) for topic in (EVENTS, VERDICTS, DEAD_LETTERS)]
    if len({len(partitions) for partitions in topics}) > 1:
        counts = ", ".join(f"{found[0].topic} has {len(found)}" for found in topics)
        raise TopicMismatch(f"the topics must have equally many partitions: {counts}")
    return [Place(*partitions) for partitions in zip(*topics, strict=True)]


async def span_of(logs: Logs, place: Place, since_ms: int | None, until_ms: int | None) -> Span:
    """Return the part of a partition between two times, as the log stands now.

    The end of the verdicts is asked before that of the events: what was said until then must speak
    of events that the log holds.
    """
    events = place.events
    said_end = await logs.ends(place.verdicts)
    begin = await logs.begins(events) if since_ms is None else await logs.at(events, since_ms)
    end = await logs.ends(events) if until_ms is None else await logs.at(events, until_ms)
    return Span(begin, max(begin, end), since_ms, until_ms, said_end)


def check_end(place: Place, span: Span, stated: StatedVerdicts) -> None:
    """Hold the end of a span to be the log's: no worker can have judged what lay behind it.

    Raises:
        IncompleteRead: one has.
    """
    if span.until_ms is not None:
        return
    before = (one for one in stated.by_id.values() if one.offset < span.said_end)
    newest = max(before, key=lambda one: one.source_offset, default=None)
    if newest is not None and newest.source_offset >= span.end:
        raise IncompleteRead(
            f"{place_name(place.verdicts, newest.offset)}: this verdict was decided at offset "
            f"{newest.source_offset} of {place.events.topic}, whose partition ended at {span.end} "
            "after it was written: does a transaction that is open hold the rest back, or was the "
            "topic made anew?"
        )


async def take_verdicts(logs: Logs, place: Place, span: Span, stated: StatedVerdicts) -> int:
    """Read the verdicts that speak of a span; return the offset behind them."""
    begin = None
    if span.since_ms is not None:
        begin = await logs.at(place.verdicts, max(span.since_ms - CLOCKS_APART_MS, 0))
    return await read_into(logs, stated, place.verdicts, begin)


async def begun_before(
    logs: Logs, place: Place, span: Span, lives: AbstractSet[Life], stated: StatedVerdicts
) -> set[tuple[str, str]]:
    """Return runs that began before a span: judged without their first events, all is unlike.

    Most show by a verdict, which bears when they opened. Only where nobody spoke of a run must the
    log before the span be read.

    Args:
        logs: reads the topics.
        place: which partition.
        span: which part of it.
        lives: what was judged of it.
        stated: its verdicts.
    """
    if span.since_ms is None:
        return set()
    said = {one.life for one in stated.by_id.values()}
    since_ns = span.since_ms * NS_PER_MS
    older = {life[:2] for life in said if life.opened_at_ns < since_ns}
    unspoken = {life[:2] for life in lives - said} - older
    if unspoken:
        older |= await _runs_before(logs, place.events, span.begin, unspoken)
    return older


async def _runs_before(
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


async def read_into(logs: Logs, stated: Stated, place: TopicPartition, begin: int | None) -> int:
    """Read what a partition holds now; return the offset behind it."""
    end = await logs.ends(place)
    async for batch in logs.read(place, end, begin):
        stated.take(batch)
    return end
