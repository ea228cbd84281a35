"""Judges one partition of the log twice, side by side: as it was, and by other definitions."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from streams.engine.partition import Partition
from streams.engine.records import OUTAGE_NS, Record
from streams.engine.run.codec import read_header
from streams.engine.text import verdict_reasons
from streams.kafka.written import Life, life_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container, Iterator, Sequence

    from aiokafka import TopicPartition

    from streams.engine.definitions.registry import Definitions
    from streams.engine.script_calls import ScriptAnswer, ScriptCall

    Evaluate = Callable[[Sequence[ScriptCall]], Awaitable[list[ScriptAnswer]]]


class VerdictSummary(NamedTuple):
    """The part of a verdict in which two judgements are compared (R15), and its reasons.

    Attributes:
        status: of the run.
        causes: node and kind of each.
        absent: of an incomplete run, the nodes that are missing or unreached, with their status.
        reasons: for people; not compared, because they contain instants.
    """

    status: str
    causes: frozenset[tuple[str, str]]
    absent: frozenset[tuple[str, str]]
    reasons: tuple[str, ...]

    def agrees_with(self, other: VerdictSummary) -> bool:
        """Return True if both state the same."""
        return self[:3] == other[:3]


class RunChange(NamedTuple):
    """A run that would be judged otherwise: all its verdicts before and after, in order."""

    life: Life
    before: list[VerdictSummary]
    after: list[VerdictSummary]


class WhatIf:
    """Two judgements of one partition.

    Args:
        place: a partition of the events topic.
        before: the definitions as they were.
        after: the other definitions.
        flows: the flows in which these differ; events of other flows only let time pass.
        evaluate: runs scripts.
    """

    def __init__(
        self,
        place: TopicPartition,
        before: Definitions,
        after: Definitions,
        *,
        flows: Container[str],
        evaluate: Evaluate,
    ) -> None:
        self._flows = flows
        self._before = _Side(place, before, evaluate)
        self._after = _Side(place, after, evaluate)
        self._stream_time_ns = 0

    @property
    def lives(self) -> set[Life]:
        """The runs that were judged."""
        return self._before.lives | self._after.lives

    async def take(self, records: Sequence[Record]) -> None:
        """Judge the next records of the log."""
        ours = [self._only_our_flows(record) for record in records]
        for stretch in self._split_at_gaps(ours):
            await self._pass_gap(stretch[0].timestamp_ns)
            await self._before.judge(stretch)
            await self._after.judge(stretch)
            self._stream_time_ns = stretch[-1].timestamp_ns

    async def run_on(self, until_ns: int) -> None:
        """Advance to each due instant after the last record, as clock records do."""
        for side in (self._before, self._after):
            await side.run_on(until_ns)

    def changes(self, left_out: Container[tuple[str, str]]) -> list[RunChange]:
        """Return the runs that would be judged otherwise.

        Args:
            left_out: runs (flow, run id) that cannot be compared.
        """
        found = [
            RunChange(life, self._before.verdicts[life], self._after.verdicts[life])
            for life in self._before.verdicts.keys() | self._after.verdicts.keys()
            if life[:2] not in left_out
        ]
        return [change for change in found if not _agree(change.before, change.after)]

    def _only_our_flows(self, record: Record) -> Record:
        if record.event is None or record.event.flow in self._flows:
            return record
        return Record(record.offset, record.timestamp_ns, None)

    def _split_at_gaps(self, records: Sequence[Record]) -> Iterator[list[Record]]:
        """Split records at gaps long enough to be an outage (R27)."""
        stream_time_ns, stretch = self._stream_time_ns, list[Record]()
        for record in records:
            if stretch and record.timestamp_ns - stream_time_ns > OUTAGE_NS:
                yield stretch
                stretch = []
            stretch.append(record)
            stream_time_ns = max(stream_time_ns, record.timestamp_ns)
        if stretch:
            yield stretch

    async def _pass_gap(self, next_ns: int) -> None:
        """Advance to the due instants for which a worker with the other definitions writes clock records.

        The log has the clock records of its own deadlines. If one of these is missing in a gap,
        nobody wrote then (R27), whatever the definitions.
        """
        if next_ns - self._stream_time_ns <= OUTAGE_NS:
            return
        due_ns = self._before.next_due_ns()
        is_outage = due_ns is not None and next_ns - due_ns > OUTAGE_NS
        await self._after.run_on(due_ns if due_ns is not None and is_outage else next_ns)


class _Side:
    """One partition judged by one set of definitions."""

    def __init__(self, place: TopicPartition, definitions: Definitions, evaluate: Evaluate) -> None:
        self._engine = Partition(place.topic, place.partition, definitions)
        self._evaluate = evaluate
        self._offset = 0
        self.lives: set[Life] = set()
        self.verdicts: defaultdict[Life, list[VerdictSummary]] = defaultdict(list)

    def next_due_ns(self) -> int | None:
        return self._engine.next_due_ns()

    async def judge(self, records: Sequence[Record]) -> None:
        self._offset = records[-1].offset
        judgement = self._engine.judge(records)
        while judgement.calls:
            judgement.answer(await self._evaluate(judgement.calls))
        judged = judgement.judged
        for out in judged.verdicts:
            verdict = orjson.loads(out.value)
            self.verdicts[life_of(verdict)].append(_summary(verdict))
        for key, state, _ in judged.states:
            if state is not None:
                flow, _, run_id = key.decode().partition("\0")
                self.lives.add(Life(flow, run_id, read_header(state).opened_at))

    async def run_on(self, until_ns: int) -> None:
        while (due_ns := self.next_due_ns()) is not None and due_ns <= until_ns:
            await self.judge([Record(self._offset, due_ns, None)])


def _summary(verdict: dict[str, Any]) -> VerdictSummary:
    is_incomplete = verdict["status"] == "incomplete"
    return VerdictSummary(
        verdict["status"],
        frozenset((cause["node"], cause["kind"]) for cause in verdict["causes"]),
        frozenset(
            (node["node"], node["status"])
            for node in verdict["nodes"]
            if is_incomplete and node["status"] in {"missing", "unreached"}
        ),
        tuple(verdict_reasons(verdict)),
    )


def _agree(before: list[VerdictSummary], after: list[VerdictSummary]) -> bool:
    return len(before) == len(after) and all(map(VerdictSummary.agrees_with, before, after))
