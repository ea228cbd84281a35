"""Runs one partition: decode, judge, emit, remember, commit.

    batches ─▶ decode ─▶ judge ─┬─▶ emit ──────────────┬─▶ remember ─────┬─▶ commit
                 │        │ ▲   │   verdicts,          │   states of     │   the source
            dead letters  ▼ │   │   dead letters,      │   runs, to the  │   offset
                        scripts │   learned definitions│   changelog     │

Three tasks, with a mailbox between them: while the effects of one batch are written, the next is judged. Each of the
two that write takes all that has gathered meanwhile, so a busy partition writes large batches. A step begins when the
one before is acknowledged: a crash between two of them repeats work whose verdict ids are the same (R16). The engine
decides everything; the owner only moves bytes.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from schemas.units import NS_PER_MS
from streams.agents.events.backlog import Backlog
from streams.agents.events.decoder import Decoder
from streams.agents.events.mailbox import Mailbox
from streams.agents.events.outbox import Outbox, Work
from streams.agents.events.timekeeper import Timekeeper
from streams.agents.supervision import SupervisedTasks
from streams.kafka.dead_letters import dead_letter
from streams.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.agents.events.backlog import FetchedBatch
    from streams.agents.events.context import WorkerContext
    from streams.agents.events.decoder import Decoded
    from streams.engine.partition import Partition
    from streams.engine.records import Judged, Record

log = get_logger(__name__)


class PartitionOwner:
    """Judges one partition of the events topic from `start` to `close`.

    Args:
        partition: the engine's side of it, with the runs table's dict of runs.
        context: what all owners share.
        remembered: told the changelog offset that the runs are durable up to.
    """

    def __init__(
        self, partition: Partition, context: WorkerContext, *, remembered: Callable[[int], None]
    ) -> None:
        self._partition = partition
        self._context = context
        self._backlog = Backlog(partition.number, context.log)
        self._timekeeper = Timekeeper(partition, context)
        self._decoder = Decoder(context.destinations.events, partition.number, context.partitions)
        self._outbox = Outbox(
            partition.number, context.destinations, context.log, remembered=remembered
        )
        self._judged: Mailbox[Work] = Mailbox()
        self._emitted: Mailbox[list[Work]] = Mailbox()
        self._at_hand: list[FetchedBatch] = []
        self._at_hand_since = 0.0
        self._tasks = SupervisedTasks(context.fail)

    def start(self) -> None:
        """Begin to judge, to write and to keep time."""
        number = self._partition.number
        self._tasks.run(self._decode_and_judge(), f"judge-{number}")
        self._tasks.run(self._emit(), f"emit-{number}")
        self._tasks.run(self._remember_and_commit(), f"remember-{number}")
        self._tasks.run(self._timekeeper.keep(), f"keep-time-{number}")

    def accept(self, batch: FetchedBatch) -> None:
        """Take the next batch of the log; never blocks, pauses the partition when it has enough."""
        self._timekeeper.fetched(batch)
        self._backlog.put(batch)

    async def drain(self, timeout_s: float) -> None:
        """Drop what is not judged yet and let the rest become durable, for at most `timeout_s`."""
        self._backlog.drop_waiting()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._backlog.wait_drained(), timeout_s)

    def close(self) -> bool:
        """Stop at once; return True if all that was judged is durable."""
        self._tasks.cancel()
        return self._backlog.is_drained

    # --- the five verbs

    async def _decode_and_judge(self) -> NoReturn:
        while True:
            self._at_hand, self._at_hand_since = await self._backlog.take(), time.monotonic()
            source = [record for batch in self._at_hand for record in batch.message.value]
            decoded = self._decoder.decode(source)
            await self._context.definitions.wait_until_can_open(decoded.records[-1].timestamp_ns)
            judged = await self._judge(decoded.records)
            self._refuse(source, decoded, judged)
            self._judged.put(Work(judged, decoded.dead_letters, self._at_hand))
            self._at_hand = []
            self._timekeeper.judged()
            await asyncio.sleep(0)  # a full inbox must not starve other partitions

    async def _judge(self, records: list[Record]) -> Judged:
        """Run the engine over a batch; while scripts are out, the partition's clock stands."""
        judgement = self._partition.judge(records)
        while judgement.calls:
            began = time.perf_counter()
            answers = await self._context.sandbox.evaluate(judgement.calls)
            self._context.metrics.asked(judgement.calls, time.perf_counter() - began)
            judgement.answer(answers)
        return judgement.judged

    async def _emit(self) -> NoReturn:
        while True:
            works = await self._judged.take_all()
            await self._outbox.emit(works)
            verdicts = [verdict for work in works for verdict in work.judged.verdicts]
            self._context.metrics.emitted(verdicts, time.time_ns())
            self._emitted.put(works)

    async def _remember_and_commit(self) -> NoReturn:
        while True:
            works = [work for group in await self._emitted.take_all() for work in group]
            await self._outbox.remember(works)
            for work in works:
                self._commit(work)

    def _commit(self, work: Work) -> None:
        for batch in work.batches:
            batch.ack()
        self._backlog.remove(work.batches)

    # --- what is seen of it

    def measure(self) -> None:
        """Bring the gauges of this partition up to date, for whoever reads the metrics now."""
        now_ns = time.time_ns()
        self._context.metrics.stands(
            self._partition.number,
            open_runs=self._partition.open_runs,
            fetched=self._backlog.records,
            clock_lag_ns=max(0, now_ns - self._partition.stream_time_ns),
            oldest_ns=max(0, now_ns - _recorded_ns(self._at_hand[0])) if self._at_hand else 0,
        )

    def stuck_s(self) -> float:
        """Return for how long the batch at hand has been judged; 0 when there is none."""
        return time.monotonic() - self._at_hand_since if self._at_hand else 0.0

    def _refuse(self, source: list[Any], decoded: Decoded, judged: Judged) -> None:
        """Add the dead letters of what the engine has no room for, and tell of all."""
        topic, number = self._context.destinations.events, self._partition.number
        reasons = Counter(decoded.reasons)
        if judged.refused:
            by_offset = {record.offset: record for record in source}
            for refused in judged.refused:
                record = by_offset[refused.offset]
                decoded.dead_letters.append(
                    dead_letter(topic, number, record, refused.reason, refused.message)
                )
                reasons[refused.reason] += 1
        if reasons:
            log.warning(
                "dead letters",
                topic=topic,
                partition=number,
                offset=source[-1].offset,
                reasons=dict(reasons),
            )
        self._context.metrics.judged(judged, reasons)
        last = decoded.records[-1]
        if last.event is not None:
            self._context.metrics.sampled(last.event.ts, last.timestamp_ns)


def _recorded_ns(batch: FetchedBatch) -> int:
    """Return when the oldest record of a batch was recorded."""
    return batch.message.value[0].timestamp * NS_PER_MS
