"""Judges the lines of a recording: the engine of the worker, without a broker or a wall clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from schemas.topics import EVENTS
from streams.engine.partition import Partition
from streams.engine.records import Judged, Record
from streams.errors import BadLine
from streams.replay.recording import decode_line, numbered_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from schemas.wire import Event
    from streams.engine.definitions.registry import Definitions
    from streams.engine.script_calls import ScriptAnswer, ScriptCall
    from streams.replay.recording import ByteStream

    Evaluate = Callable[[Sequence[ScriptCall]], Sequence[ScriptAnswer]]

Until = Literal["end", "last"] | int
"""The end of stream time. `end`: when every run is closed. `last`: with the last line. An integer: at
that instant (ns); lines recorded later are not read."""

_END_OF_TIME_NS = 2**63 - 1
# From this many on, all lessons count as new again.
_MAX_LESSONS = 10_000


def judge_and_learn(
    partition: Partition, definitions: Definitions, records: list[Record], evaluate: Evaluate
) -> Judged:
    """Judge records where no topic carries what they teach: the definitions take it at once.

    Args:
        partition: the engine's side of it.
        definitions: those that it judges by.
        records: the next of its log.
        evaluate: runs scripts.
    """
    judgement = partition.judge(records)
    while judgement.calls:
        judgement.answer(list(evaluate(judgement.calls)))
    judged = judgement.judged
    for key, value in judged.learned:
        definitions.add(key, value, partition.stream_time_ns)
    return judged


class Replay:
    """One run of the engine over the lines of one recording, which has one stream time.

    Args:
        definitions: the flows to judge by, published already; what events teach is added.
        evaluate: runs scripts.
        until: where time stops.
        on_bad_line: called with a line that is no record, which is then left out; without it such
            a line is raised.
    """

    def __init__(
        self,
        definitions: Definitions,
        evaluate: Evaluate,
        *,
        until: Until = "end",
        on_bad_line: Callable[[BadLine], None] | None = None,
    ) -> None:
        self._definitions = definitions
        self._evaluate = evaluate
        self._on_bad_line = on_bad_line
        self._runs_on = until != "last"
        self._until_ns = until if isinstance(until, int) else _END_OF_TIME_NS
        self._partition = Partition(EVENTS.name, 0, definitions)
        self._lessons: dict[tuple[str, str], tuple[Any, Any]] = {}
        self._offset = 0
        self._over = False

    def judge(self, stream: ByteStream) -> Iterator[Judged]:
        """Judge all lines, in batches of what the stream has ready, then advance to each due instant.

        Raises:
            BadLine: after the effects of the lines before it.
        """
        for lines in numbered_lines(stream):
            for batch in self._batches(lines):
                yield self._judge(batch)
            if self._over:
                break
        if self._runs_on:
            yield from self._run_on()

    def _batches(self, lines: list[tuple[int, bytes]]) -> Iterator[list[Record]]:
        """Decode lines. A record that may teach something new ends its batch.

        So its lesson is known, from its own instant on, before a later run opens, and the verdicts
        do not depend on where a chunk of the file ends.
        """
        batch: list[Record] = []
        for number, line in lines:
            try:
                record = decode_line(number, line) if line.strip() else None
            except BadLine as bad_line:
                if self._on_bad_line is None:
                    yield batch
                    raise
                self._on_bad_line(bad_line)
                continue
            if record is None:
                continue
            self._over = record.timestamp_ns > self._until_ns
            if self._over:
                break
            batch.append(record)
            if record.event is not None and self._may_teach(record.event):
                yield batch
                batch = []
        yield batch

    def _may_teach(self, event: Event) -> bool:
        lesson = (event.teaches, event.options)
        if self._lessons.get((event.flow, event.node)) == lesson:
            return False
        if len(self._lessons) >= _MAX_LESSONS:
            self._lessons.clear()
        self._lessons[event.flow, event.node] = lesson
        return True

    def _judge(self, batch: list[Record]) -> Judged:
        if batch:
            self._offset = batch[-1].offset
        return judge_and_learn(self._partition, self._definitions, batch, self._evaluate)

    def _run_on(self) -> Iterator[Judged]:
        """Advance to each due instant, as the clock records of a worker do."""
        while (due_ns := self._partition.next_due_ns()) is not None and due_ns <= self._until_ns:
            yield self._judge([Record(self._offset + 1, due_ns, None)])
