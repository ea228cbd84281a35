"""A span of the log to be judged anew, and the runs that began before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aiokafka import TopicPartition  # noqa: TC002 -- a NamedTuple reads it

from schemas.errors import InvalidEvent
from schemas.topics import DEAD_LETTERS, EVENTS, VERDICTS
from schemas.units import NS_PER_MS
from schemas.wire import decode_event
from streams.errors import IncompleteRead, TopicMismatch
from streams.kafka.topic_reader import place_name, topic_partitions

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from streams.kafka.topic_reader import TopicReader
    from streams.kafka.written import Life, WrittenVerdicts
    from streams.settings.kafka import KafkaSettings

CLOCKS_APART_MS = 600_000
"""How far the clock of a worker, which stamps verdicts, may be behind the broker's."""


class CoPartition(NamedTuple):
    """One partition number, in the three topics that are partitioned alike."""

    events: TopicPartition
    verdicts: TopicPartition
    dead_letters: TopicPartition


class Span(NamedTuple):
    """A part of a partition of the events topic.

    Attributes:
        begin: its first offset.
        end: the offset after its last one.
        since_ms: the time that `begin` was found by; None for the first record kept.
        until_ms: the time that `end` was found by; None for the end of the log.
        verdicts_end: where the partition of the verdicts ended shortly before.
    """

    begin: int
    end: int
    since_ms: int | None = None
    until_ms: int | None = None
    verdicts_end: int = 0


async def co_partitions(settings: KafkaSettings) -> list[CoPartition]:
    """Return the partitions of events, verdicts and dead letters, by number.

    Raises:
        NoTopic: a topic does not exist.
        TopicMismatch: the topics differ in their number of partitions.
    """
    topics = [await topic_partitions(topic, settings) for topic in (EVENTS, VERDICTS, DEAD_LETTERS)]
    if len({len(partitions) for partitions in topics}) > 1:
        counts = ", ".join(f"{found[0].topic} has {len(found)}" for found in topics)
        raise TopicMismatch(f"the topics must have equally many partitions: {counts}")
    return [CoPartition(*partitions) for partitions in zip(*topics, strict=True)]


async def span_of(
    reader: TopicReader, place: CoPartition, since_ms: int | None, until_ms: int | None
) -> Span:
    """Return the part of a partition between two times, as the log stands now.

    The end of the verdicts is asked for before that of the events: verdicts written until then must
    be about events that the log holds.
    """
    events = place.events
    verdicts_end = await reader.end_offset(place.verdicts)
    begin = await (
        reader.first_offset(events) if since_ms is None else reader.offset_at(events, since_ms)
    )
    end = await (
        reader.end_offset(events) if until_ms is None else reader.offset_at(events, until_ms)
    )
    return Span(begin, max(begin, end), since_ms, until_ms, verdicts_end)


def check_end(place: CoPartition, span: Span, written: WrittenVerdicts) -> None:
    """Check that the log was read to its end: no worker can have judged records behind it.

    Raises:
        IncompleteRead: a worker has.
    """
    if span.until_ms is not None:
        return
    before = (one for one in written.by_id.values() if one.offset < span.verdicts_end)
    newest = max(before, key=lambda one: one.source_offset, default=None)
    if newest is not None and newest.source_offset >= span.end:
        raise IncompleteRead(
            f"{place_name(place.verdicts, newest.offset)}: this verdict was decided at offset "
            f"{newest.source_offset} of {place.events.topic}, whose partition ended at {span.end} "
            "after it was written: does a transaction that is open hold the rest back, or was the "
            "topic made anew?"
        )


async def take_verdicts(
    reader: TopicReader, place: CoPartition, span: Span, written: WrittenVerdicts
) -> int:
    """Read the verdicts about a span, as far as they are written; return the offset behind them."""
    begin = None
    if span.since_ms is not None:
        begin = await reader.offset_at(place.verdicts, max(span.since_ms - CLOCKS_APART_MS, 0))
    end = await reader.end_offset(place.verdicts)
    async for batch in reader.read(place.verdicts, end, begin):
        written.take(batch)
    return end


async def begun_before(
    reader: TopicReader,
    place: CoPartition,
    span: Span,
    lives: AbstractSet[Life],
    written: WrittenVerdicts,
) -> set[tuple[str, str]]:
    """Return the runs that began before a span: without their first events they are judged otherwise.

    Most are known by a verdict, which holds when its run opened. Only for runs without one must the
    log before the span be read.

    Args:
        reader: reads the topics.
        place: which partition.
        span: which part of it.
        lives: the lives of runs that were judged.
        written: the verdicts of the partition.
    """
    if span.since_ms is None:
        return set()
    known = {one.life for one in written.by_id.values()}
    since_ns = span.since_ms * NS_PER_MS
    older = {life[:2] for life in known if life.opened_at_ns < since_ns}
    without_verdict = {life[:2] for life in lives - known} - older
    if without_verdict:
        older |= await _runs_before(reader, place.events, span.begin, without_verdict)
    return older


async def _runs_before(
    reader: TopicReader, events: TopicPartition, begin: int, runs: AbstractSet[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Return those of `runs` (flow, run id) that have an event at an offset below `begin`."""
    keys = {run_id.encode() for _, run_id in runs}
    found: set[tuple[str, str]] = set()
    async for batch in reader.read(events, begin):
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
