"""One partition of the log judged twice, side by side: as it was, and by other definitions."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import orjson

from streams.audit.recomputation import judge
from streams.audit.stated import Life, life_of
from streams.cli.terminal import reasons
from streams.engine.partition import Partition
from streams.engine.records import Record
from streams.engine.run.codec import read_header
from streams.engine.run.timers import OUTAGE_NS

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from aiokafka import TopicPartition

    from streams.audit.recomputation import Evaluate
    from streams.cli.terminal import Verdict
    from streams.engine.definitions.registry import Definitions


class Said(NamedTuple):
    """One verdict, as far as it matters whether another says the same (R15).

    Attributes:
        status: of the run.
        causes: node and kind of each.
        absent: of an incomplete run, the nodes that are missing or unreached, with their status.
        reasons: for people; not compared, for it holds instants.
    """

    status: str
    causes: frozenset[tuple[str, str]]
    absent: frozenset[tuple[str, str]]
    reasons: tuple[str, ...]

    def says_what(self, other: Said) -> bool:
        """Tell whether both say the same."""
        return self[:3] == other[:3]


class RunChange(NamedTuple):
    """A run that would be judged otherwise: all its verdicts before and after, in order."""

    life: Life
    before: list[Said]
    after: list[Said]


class WhatIf:
    """The two judgements of one partition.

    Args:
        place: which partition of the events topic.
        before: the definitions as they were.
        after: other definitions.
        flows: the flows that these change; events of others only let time pass.
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
        ours = [self._of_our_flows(record) for record in records]
        for stretch in self._stretches(ours):
            await self._let_quiet_time_pass(stretch[0].timestamp_ns)
            await self._before.judge(stretch)
            await self._after.judge(stretch)
            self._stream_time_ns = stretch[-1].timestamp_ns

    async def run_on(self, until_ns: int) -> None:
        """Let time pass behind the last record, as clock records would."""
        for side in (self._before, self._after):
            await side.run_on(until_ns)

    def changes(self, left_out: Container[tuple[str, str]]) -> list[RunChange]:
        """Return the runs that would be judged otherwise.

        Args:
            left_out: runs (flow, run id) that cannot be compared.
        """
        found = [
            RunChange(life, self._before.said[life], self._after.said[life])
            for life in self._before.said.keys() | self._after.said.keys()
            if life[:2] not in left_out
        ]
        return [change for change in found if not _alike(change.before, change.after)]

    def _of_our_flows(self, record: Record) -> Record:
        if record.event is None or record.event.flow in self._flows:
            return record
        return Record(record.offset, record.timestamp_ns, None)

    def _stretches(self, records: Sequence[Record]) -> Iterator[list[Record]]:
        """Cut records where the log was quiet for so long that R27 could ask why."""
        stream_time_ns, stretch = self._stream_time_ns, list[Record]()
        for record in records:
            if stretch and record.timestamp_ns - stream_time_ns > OUTAGE_NS:
                yield stretch
                stretch = []
            stretch.append(record)
            stream_time_ns = max(stream_time_ns, record.timestamp_ns)
        if stretch:
            yield stretch

    async def _let_quiet_time_pass(self, next_ns: int) -> None:
        """Write the clock records that a worker would have written with the other definitions.

        The log has those that its own deadlines asked for. If one of these is missing where the
        log was quiet, nobody could write then (R27), with whatever definitions.
        """
        if next_ns - self._stream_time_ns <= OUTAGE_NS:
            return
        due_ns = self._before.next_due_ns()
        is_outage = due_ns is not None and next_ns - due_ns > OUTAGE_NS
        await self._after.run_on(due_ns if due_ns is not None and is_outage else next_ns)


class _Side:
    """One partition, judged by one set of definitions."""

    def __init__(self, place: TopicPartition, definitions: Definitions, evaluate: Evaluate) -> None:
        self._engine = Partition(place.topic, place.partition, definitions)
        self._evaluate = evaluate
        self._offset = 0
        self.lives: set[Life] = set()
        self.said: defaultdict[Life, list[Said]] = defaultdict(list)

    def next_due_ns(self) -> int | None:
        return self._engine.next_due_ns()

    async def judge(self, records: Sequence[Record]) -> None:
        self._offset = records[-1].offset
        judged = await judge(self._engine, records, self._evaluate)
        for out in judged.verdicts:
            verdict = orjson.loads(out.value)
            self.said[life_of(verdict)].append(_said(verdict))
        for key, state, _ in judged.states:
            if state is not None:
                flow, _, run_id = key.decode().partition("\0")
                self.lives.add(Life(flow, run_id, read_header(state).opened_at))

    async def run_on(self, until_ns: int) -> None:
        while (due_ns := self.next_due_ns()) is not None and due_ns <= until_ns:
            await self.judge([Record(self._offset, due_ns, None)])


def _said(verdict: Verdict) -> Said:
    is_incomplete = verdict["status"] == "incomplete"
    return Said(
        verdict["status"],
        frozenset((cause["node"], cause["kind"]) for cause in verdict["causes"]),
        frozenset(
            (node["node"], node["status"])
            for node in verdict["nodes"]
            if is_incomplete and node["status"] in {"missing", "unreached"}
        ),
        tuple(reasons(verdict)),
    )


def _alike(before: list[Said], after: list[Said]) -> bool:
    return len(before) == len(after) and all(map(Said.says_what, before, after))
