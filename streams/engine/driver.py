"""Driver of one batch: advances its runs, hands out script calls, takes answers, ends with the effects (R13, R15).

    records ─ grouped by run ─▶ each run: let time pass, take the event, decide ─▶ effects, in log order

Runs do not see each other, so each goes through the whole batch alone; a run that waits for a script stops at that
record and goes on when all runs have been asked. A verdict bears the position in the log at which it was decided, and
verdicts are sorted by it at the end: how records are batched changes nothing.

The driver runs no script and awaits nothing, so one loop serves callers with an event loop and without:

    judgement = partition.judge(records)
    while judgement.calls:
        judgement.answer(evaluate(judgement.calls))     # or: await evaluate(…)
    produce(judgement.judged)
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Final

from streams.engine.run_in_batch import BatchState, RunInBatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.engine.partition import Partition
    from streams.engine.records import Judged, Record
    from streams.engine.rules.judging import PendingCall
    from streams.engine.script_calls import ScriptAnswer, ScriptCall

_position: Final = itemgetter(0)


class Judgement:
    """A batch that is being judged.

    Attributes:
        calls: the script calls without whose answers no run can go on; empty when the batch is judged.
    """

    def __init__(self, partition: Partition, records: Sequence[Record]) -> None:
        self.calls: list[ScriptCall] = []
        self._partition = partition
        self._batch = BatchState(
            partition.topic,
            partition.number,
            partition.definitions,
            records,
            partition.stream_time_ns,
        )
        self._underway = partition.begin(self._batch)
        self._pending: list[PendingCall] = []
        self._advance()

    def answer(self, answers: Sequence[ScriptAnswer]) -> None:
        """Take the answers to `calls`, in their order, and go on with the runs that waited for them."""
        for pending, answer in zip(self._pending, answers, strict=True):
            pending.take(answer)
        self._advance()

    @property
    def judged(self) -> Judged:
        """The effects of the batch; RuntimeError while a script call has no answer."""
        if self.calls:
            raise RuntimeError(f"{len(self.calls)} script calls have no answer yet")
        return self._batch.judged

    def _advance(self) -> None:
        """Take each run as far as it gets without an answer."""
        batch, partition = self._batch, self._partition
        pending: list[PendingCall] = []
        blocked: list[RunInBatch] = []
        for ours in self._underway:
            if asked := ours.advance(batch):
                pending += asked
                blocked.append(ours)
            else:  # Encode now, while the run is in the CPU cache, and release it.
                partition.store(ours, batch.judged)
                ours.run = None
        self._underway, self._pending = blocked, pending
        self.calls = [one.call for one in pending]
        if not blocked:
            self._finish()

    def _finish(self) -> None:
        """Put the effects in log order."""
        batch = self._batch
        judged = batch.judged
        batch.verdicts.sort(key=_position)
        batch.refused.sort(key=_position)
        if batch.accepted:
            judged.counts["accepted"] += batch.accepted
        judged.verdicts = [out for _, out in batch.verdicts]
        judged.refused = [refused for _, refused in batch.refused]
