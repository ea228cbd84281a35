"""Audits one partition of the events topic, with its verdicts and dead letters."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from schemas.units import NS_PER_MS
from streams.audit.comparison import compare_dead_letters, compare_verdicts, left_out
from streams.audit.findings import PartitionFindings
from streams.audit.recomputation import Implied
from streams.kafka.log_spans import begun_before, check_end, take_verdicts
from streams.kafka.written import WrittenDeadLetters, WrittenVerdicts

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from aiokafka import TopicPartition

    from streams.audit.findings import Fault
    from streams.audit.recomputation import Recomputation
    from streams.kafka.log_spans import CoPartition, Span
    from streams.kafka.topic_reader import TopicReader
    from streams.kafka.written import Written


class PartitionAudit:
    """Judges a span of one partition anew and compares with what workers wrote.

    Args:
        reader: reads the topics.
        place: which partition.
        span: which part of it.
    """

    def __init__(self, reader: TopicReader, place: CoPartition, span: Span) -> None:
        self._reader = reader
        self._place = place
        self._span = span
        self._found = PartitionFindings(place.events.partition, span.begin, span.end)
        self._implied = Implied([], {})
        self._begins_at_ns = 0
        self._begun_before: set[tuple[str, str]] = set()
        self._verdicts = WrittenVerdicts()
        self._letters = WrittenDeadLetters()
        self.compared: list[bytes] = []
        """The implied verdicts that can be compared, in the order of the log."""

    async def imply(self, recomputation: Recomputation) -> None:
        """Judge the log anew."""
        is_cut = self._span.begin > 0
        async for batch in self._reader.read(self._place.events, self._span.end, self._span.begin):
            if is_cut and not self._found.events:
                self._begins_at_ns = batch[0].timestamp * NS_PER_MS
            self._found.events += len(batch)
            implied = await recomputation.take(batch)
            self._implied.verdicts.extend(implied.verdicts)
            self._implied.dead_letters.update(implied.dead_letters)

    async def collect(self, deadline: float) -> None:
        """Read what workers wrote; wait until `deadline` (monotonic) for what is not written yet."""
        reader, place, implied = self._reader, self._place, self._implied
        read_to = await take_verdicts(reader, place, self._span, self._verdicts)
        check_end(place, self._span, self._verdicts)
        lives = {one.life for one in implied.verdicts}
        self._begun_before = await begun_before(reader, place, self._span, lives, self._verdicts)
        awaited = {
            one.verdict_id for one in implied.verdicts if one.life[:2] not in self._begun_before
        }
        await self._await(self._verdicts, place.verdicts, read_to, awaited, deadline)
        if self._span.since_ms is None:
            offsets = implied.dead_letters.keys()
            await self._await(self._letters, place.dead_letters, None, offsets, deadline)

    async def _await(
        self,
        written: Written,
        place: TopicPartition,
        begin: int | None,
        awaited: AbstractSet[Any],
        deadline: float,
    ) -> None:
        reader = self._reader
        begin = await reader.first_offset(place) if begin is None else begin
        reader.seek({place: begin})
        async for batch in reader.read_on(place, await reader.end_offset(place)):
            written.take(batch)
        while not awaited <= written.known() and time.monotonic() < deadline:
            written.take(await reader.more(place))

    def compare(self) -> tuple[PartitionFindings, list[Fault]]:
        """Return the findings of the partition, and its faults."""
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
        found.copies = sum(one.copies for one in self._verdicts.by_id.values())
        found.limited, found.beyond = len(skip.limited), len(skip.beyond)
        place = self._place
        faults = list(compare_verdicts(place.verdicts, implied.verdicts, self._verdicts, left))
        if self._span.since_ms is None:
            # Whether a run is full depends on events before the span, so dead letters are compared
            # only where the span begins with the log.
            found.dead_letters = len(implied.dead_letters)
            faults += compare_dead_letters(
                place.events, implied.dead_letters, self._letters, end=self._span.end
            )
        return found, faults
