"""The owner of one partition: its runs, its time, its way out (design.md, "One partition, one owner object").

Batches come in by `accept`, in log order. Each is decoded and given to the pure engine; script
calls are answered while the partition stands, and its effects go to the outbox. Time is kept by
clock records. The engine decides everything; the owner only moves bytes.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from schemas.units import NS_PER_MS
from streams.agents.events.clock_records import ClockRecords
from streams.agents.events.decoder import CLOCK_HEADER, Decoder
from streams.agents.events.mailbox import Mailbox
from streams.agents.events.outbox import Append, Destinations, Outbox, Work
from streams.agents.events.owner_metrics import Meter
from streams.kafka.dead_letters import dead_letter
from streams.kafka.rows import OutRecord
from streams.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from schemas.errors import DeadLetterReason
    from streams.engine.partition import Partition
    from streams.engine.records import Judged, Record
    from streams.engine.script_calls import ScriptAnswer, ScriptCall

log = get_logger(__name__)

MOST_RECORDS = 20_000
"""Records between fetch and commit at which a partition is no longer fetched from."""

MOST_BATCHES = 64
"""The same in batches: one holds about 1 MiB at most, a single larger record apart."""

JUDGED_AT_ONCE = 8_000
"""Records that are judged together where batches have gathered: a run's state is written once for
all of them. More would keep the other partitions waiting for longer than a deadline may be late."""


class Batch(Protocol):
    """A fetched batch, as Faust delivers it (`faust.Event`)."""

    message: Any
    """`message.value` is the list of records, each with offset, timestamp, key, value and headers."""

    def ack(self) -> Any:
        """Release its offset for the next commit."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the owners of all partitions share.

    Attributes:
        destinations: the topics.
        partitions: how many partitions the events topic has.
        can_open: waits until definitions are read far enough for a record timestamp, in ns.
        evaluate: answers script calls, in order.
        append: writes records, acknowledged.
        generation: the consumer group's generation.
        committed: the offset up to which a partition is committed, by its number.
        hold: stop fetching a partition, by number.
        release: fetch it again.
        fail: ends the worker, non-zero.
        meter: counts and times for the metrics.
    """

    destinations: Destinations
    partitions: int
    can_open: Callable[[int], Awaitable[None]]
    evaluate: Callable[[Sequence[ScriptCall]], Awaitable[list[ScriptAnswer]]]
    append: Append
    generation: Callable[[], int]
    committed: Callable[[int], int]
    hold: Callable[[int], None]
    release: Callable[[int], None]
    fail: Callable[[BaseException], None]
    meter: Meter = field(default_factory=Meter)


class PartitionOwner:
    """Judges one partition of the events topic from `start` to `close`.

    Args:
        partition: the engine's side of it, with the runs table's dict of runs.
        around: what all owners share.
        remembered: told the changelog offset that the runs are durable up to.
    """

    def __init__(
        self,
        partition: Partition,
        around: Surroundings,
        *,
        remembered: Callable[[int], None],
    ) -> None:
        number = partition.number
        self._number = number
        self._around = around
        self._partition = partition
        self._decoder = Decoder(around.destinations.events, number, around.partitions)
        self._clock = ClockRecords()
        self._inbox: Mailbox[Batch] = Mailbox()
        self._outbox = Outbox(
            number,
            around.destinations,
            append=around.append,
            generation=around.generation,
            remembered=remembered,
            committed=partial(around.committed, number),
            emitted=self._emitted,
        )
        self._records = 0  # between fetch and commit
        self._batches = 0
        self._at_hand: list[Batch] = []
        self._at_hand_since = 0.0
        self._is_held = False
        self._settled = asyncio.Event()
        self._settled.set()
        self._moved = asyncio.Event()
        self._tasks: list[asyncio.Task[NoReturn]] = []

    def start(self) -> None:
        """Begin to judge, to write and to keep time."""
        self._run(self._judge_batches(), "judge")
        self._run(self._outbox.emit(), "emit")
        self._run(self._outbox.remember(), "remember")
        self._run(self._keep_time(), "keep-time")

    def accept(self, batch: Batch) -> None:
        """Take the next batch of the log; never blocks, holds the partition when it has enough."""
        records = batch.message.value
        self._clock.seen(records[-1].timestamp * NS_PER_MS, time.time_ns())
        self._records += len(records)
        self._batches += 1
        self._settled.clear()
        self._inbox.put(batch)
        if self._has_enough() and not self._is_held:
            self._is_held = True
            self._around.hold(self._number)

    async def settle(self, timeout_s: float) -> None:
        """Drop what is not judged yet and let the rest become durable, for at most `timeout_s`."""
        for batch in self._inbox.clear():
            self._leave(batch)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._settled.wait(), timeout_s)

    def close(self) -> bool:
        """Stop at once and tell whether all that was judged is durable."""
        for task in self._tasks:
            task.cancel()
        return self._settled.is_set()

    def measure(self) -> None:
        """Bring the gauges of this partition up to date, for whoever reads the metrics now."""
        now_ns = time.time_ns()
        self._around.meter.stands(
            self._number,
            open_runs=self._partition.open_runs,
            fetched=self._records,
            clock_lag_ns=max(0, now_ns - self._partition.stream_time_ns),
            oldest_ns=max(0, now_ns - _recorded_ns(self._at_hand[0])) if self._at_hand else 0,
        )

    def stuck_s(self) -> float:
        """Return for how long the batch at hand has been judged; 0 when there is none."""
        return time.monotonic() - self._at_hand_since if self._at_hand else 0.0

    # --- judging

    async def _judge_batches(self) -> NoReturn:
        while True:
            self._at_hand, self._at_hand_since = await self._take_batches(), time.monotonic()
            self._outbox.put(await self._judge(self._at_hand))
            self._at_hand = []
            self._moved.set()
            await asyncio.sleep(0)  # a full inbox must not starve other partitions

    async def _take_batches(self) -> list[Batch]:
        """Return the next batches of the log, as many as are judged together."""
        batches = [await self._inbox.take()]
        records = len(batches[0].message.value)
        while records < JUDGED_AT_ONCE and (batch := self._inbox.take_now()) is not None:
            batches.append(batch)
            records += len(batch.message.value)
        return batches

    async def _judge(self, batches: list[Batch]) -> Work:
        source = [record for batch in batches for record in batch.message.value]
        decoded = self._decoder.decode(source)
        await self._around.can_open(decoded.records[-1].timestamp_ns)
        judged = await self._ask(decoded.records)
        letters, reasons = decoded.dead_letters, Counter(decoded.reasons)
        if judged.refused:
            by_offset = {record.offset: record for record in source}
            for refused in judged.refused:
                record = by_offset[refused.offset]
                letters.append(
                    dead_letter(
                        self._around.destinations.events,
                        self._number,
                        record,
                        refused.reason,
                        refused.message,
                    )
                )
                reasons[refused.reason] += 1
        if letters:
            log.warning(
                "dead letters",
                topic=self._around.destinations.events,
                partition=self._number,
                offset=source[-1].offset,
                reasons=dict(reasons),
            )
        self._measure(decoded.records, judged, reasons)
        return Work(judged, letters, lambda: self._done(batches))

    async def _ask(self, records: list[Record]) -> Judged:
        """Run the engine over a batch; while scripts are out, the partition's clock stands."""
        judgement = self._partition.judge(records)
        while judgement.calls:
            began = time.perf_counter()
            answers = await self._around.evaluate(judgement.calls)
            self._around.meter.asked(judgement.calls, time.perf_counter() - began)
            judgement.answer(answers)
        return judgement.judged

    # --- time

    async def _keep_time(self) -> NoReturn:
        while True:
            self._moved.clear()
            wait_ns = self._clock.wait_ns(self._partition.next_due_ns(), time.time_ns())
            if wait_ns == 0:
                await self._append_clock_record()
            else:
                timeout_s = None if wait_ns is None else wait_ns / 1e9
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._moved.wait(), timeout_s)

    async def _append_clock_record(self) -> None:
        sent_ns = time.time_ns()
        self._clock.appended(sent_ns)
        self._around.meter.wrote_clock_record()
        appended = await self._around.append(
            self._around.destinations.events,
            self._number,
            [OutRecord(None, None, [CLOCK_HEADER])],
        )
        if appended is not None:
            timestamp_ns = appended.timestamp_ms * NS_PER_MS
            self._clock.acknowledged(timestamp_ns, sent_ns, time.time_ns())

    # --- metrics

    def _emitted(self, works: list[Work]) -> None:
        verdicts = [verdict for work in works for verdict in work.judged.verdicts]
        self._around.meter.emitted(verdicts, time.time_ns())

    def _measure(
        self, records: list[Record], judged: Judged, reasons: Counter[DeadLetterReason]
    ) -> None:
        self._around.meter.judged(judged, reasons)
        last = records[-1]
        if last.event is not None:
            self._around.meter.sampled(last.event.ts, last.timestamp_ns)

    # --- bounds

    def _has_enough(self) -> bool:
        return self._records >= MOST_RECORDS or self._batches >= MOST_BATCHES

    def _has_room(self) -> bool:
        return self._records <= MOST_RECORDS // 2 and self._batches <= MOST_BATCHES // 2

    def _done(self, batches: list[Batch]) -> None:
        for batch in batches:
            batch.ack()
            self._leave(batch)

    def _leave(self, batch: Batch) -> None:
        self._records -= len(batch.message.value)
        self._batches -= 1
        if not self._batches:
            self._settled.set()
        if self._is_held and self._has_room():
            self._is_held = False
            self._around.release(self._number)

    # --- tasks

    def _run(self, work: Coroutine[Any, Any, NoReturn], name: str) -> None:
        task = asyncio.create_task(work, name=f"{name}-{self._number}")
        task.add_done_callback(self._report)
        self._tasks.append(task)

    def _report(self, task: asyncio.Task[NoReturn]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._around.fail(error)


def _recorded_ns(batch: Batch) -> int:
    """Return when the oldest record of a batch was recorded."""
    return batch.message.value[0].timestamp * NS_PER_MS
