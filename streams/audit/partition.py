"""The audit of one partition of the events topic, with its verdicts and dead letters."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from schemas.units import NS_PER_MS
from streams.audit.comparison import compare_dead_letters, compare_verdicts, left_out
from streams.audit.findings import PartitionFindings
from streams.audit.recomputation import Implied
from streams.audit.spans import begun_before, check_end, read_into, take_verdicts
from streams.audit.stated import StatedDeadLetters, StatedVerdicts

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from aiokafka import TopicPartition

    from streams.audit.findings import Fault
    from streams.audit.logs import Logs
    from streams.audit.recomputation import Recomputation
    from streams.audit.spans import Place, Span
    from streams.audit.stated import Stated


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
        self._found = PartitionFindings(place.events.partition, span.begin, span.end)
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
        logs, place, implied = self._logs, self._place, self._implied
        read_to = await take_verdicts(logs, place, self._span, self._verdicts)
        check_end(place, self._span, self._verdicts)
        lives = {one.life for one in implied.verdicts}
        self._begun_before = await begun_before(logs, place, self._span, lives, self._verdicts)
        awaited = {
            one.verdict_id for one in implied.verdicts if one.life[:2] not in self._begun_before
        }
        await self._await(self._verdicts, place.verdicts, read_to, awaited, deadline)
        if self._span.since_ms is None:
            offsets = implied.dead_letters.keys()
            await self._await(self._letters, place.dead_letters, None, offsets, deadline)

    async def _await(
        self,
        stated: Stated,
        place: TopicPartition,
        begin: int | None,
        awaited: AbstractSet[Any],
        deadline: float,
    ) -> None:
        await read_into(self._logs, stated, place, begin)
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
