"""One run on its way through a batch: time passes, events come, verdicts are decided (R13, R14, R15, R17, R20, R27)."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from mypy_extensions import mypyc_attr

from streams.engine.records import OUTAGE_NS, Judged, RefusedEvent, VerdictOut
from streams.engine.rules.causes import current_causes
from streams.engine.rules.fast_path import take_on_fast_path
from streams.engine.rules.judging import PendingCall, judge_dirty
from streams.engine.rules.owed import owed_nodes, refresh_deadlines, refresh_timeouts
from streams.engine.rules.verdicts import (
    Trigger,
    build_verdict,
    decision_at,
    encode_verdict,
    is_new_revision,
    set_last_verdict,
)
from streams.engine.run.intake import OPTIONS, receive
from streams.engine.run.run import Run
from streams.engine.run.timers import SKEW_NS, Outage
from streams.engine.run.window import forgotten_at, next_due

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.engine.definitions.registry import Definitions
    from streams.engine.records import Record

AT_INSTANT, AT_EVENT = False, True

LogPosition = tuple[int, bool, int, int]
"""Where in the log a verdict was decided: position in the batch, `AT_EVENT` or `AT_INSTANT`, the instant, and the
offset at which its run opened. Sorts in the order of verdicts (R15)."""

_TRIGGERS: Final[dict[str, Trigger]] = {
    "failed": "deadline",
    "incomplete": "window",
    "passed": "definition",
}
"""Status → the only kind of instant that can bring it."""


class BatchState:
    """A batch of records and the effects so far, shared by all its runs."""

    def __init__(
        self,
        topic: str,
        number: int,
        definitions: Definitions,
        records: Sequence[Record],
        stream_time_ns: int,
    ) -> None:
        self.topic = topic
        self.number = number
        self.definitions = definitions
        self.records = records
        self.stream_times: list[int] = []
        """Stream time just after each record."""
        for record in records:
            stream_time_ns = max(stream_time_ns, record.timestamp_ns)
            self.stream_times.append(stream_time_ns)
        self.accepted = 0
        """Events taken on the fast path."""
        self.verdicts: list[tuple[LogPosition, VerdictOut]] = []
        self.refused: list[tuple[int, RefusedEvent]] = []
        self.judged = Judged()


@mypyc_attr(acyclic=True)
class RunInBatch:
    """One run on its way through a batch."""

    __slots__ = (
        "applied",
        "changed",
        "events",
        "key",
        "next_event",
        "on_fast_path",
        "pending",
        "run",
        "taking",
        "tombstone_offset",
    )

    def __init__(self, key: bytes, run: Run | None) -> None:
        self.key = key
        self.run = run
        self.applied = -1 if run is None else run.offset
        """Offset up to which the run as loaded has its events."""
        self.events: list[int] = []
        """Positions of the run's events in the batch."""
        self.next_event = 0
        self.taking = False
        """True while the event at hand is judged: a script may be awaited."""
        self.on_fast_path = False
        """True if the event at hand was judged on the fast path, all but its validator."""
        self.pending: list[PendingCall] = []
        self.changed = False
        self.tombstone_offset: int | None = None

    def advance(self, batch: BatchState) -> list[PendingCall]:
        """Go as far through the batch as possible; return the script calls that stop it."""
        events = self.events
        while True:
            if self.taking:
                if pending := self._judge_event(batch):
                    return pending
                self.next_event += 1
            if self.next_event == len(events):
                self._let_time_pass(len(batch.stream_times) - 1, batch)
                return []
            position = events[self.next_event]
            self._let_time_pass(position, batch)
            if not self._take(position, batch):
                self.next_event += 1

    # -- time --------------------------------------------------------------------------------------------------------

    def _let_time_pass(self, until: int, batch: BatchState) -> None:
        """Fire what falls due up to the record at that position, inclusive, in order of instant (R13, R21, R27)."""
        stream_times = batch.stream_times
        run = self.run
        while run is not None:
            instant = run.forget_at if run.wake_at is None else run.wake_at
            if instant > stream_times[until]:
                return
            # The first record that passes the instant: nothing of the run fell due before it.
            position = bisect_left(stream_times, instant)
            self.changed = True
            run.offset = max(run.offset, batch.records[position].offset)
            if run.wake_at is None:
                self.tombstone_offset = run.offset
                self.run = run = None
            elif stream_times[position] - instant > OUTAGE_NS:
                run.outages.append(Outage(run.touched_at, stream_times[position]))
                refresh_timeouts(run)
                failed = bool(current_causes(run, run.touched_at))
                run.wake_at = next_due(run, run.touched_at, failed=failed)
            else:
                self._fire(run, instant, position, batch)

    def _fire(self, run: Run, instant: int, position: int, batch: BatchState) -> None:
        for entry in run.waiting.values():
            run.mark(entry.node, (entry,))
        judge_dirty(run, instant)
        _decide(run, instant, (position, AT_INSTANT, instant, run.opened_offset), batch)

    # -- events ------------------------------------------------------------------------------------------------------

    def _take(self, position: int, batch: BatchState) -> bool:
        """Take an event into the run, which it may open; return True if it must be judged now."""
        record = batch.records[position]
        offset, recorded_at, event = record.offset, record.timestamp_ns, record.event
        now = batch.stream_times[position]
        assert event is not None, offset  # noqa: S101 -- `events` has the positions of events
        run = self.run
        if run is None:
            definition = batch.definitions.at(event.flow, recorded_at)
            run = self.run = Run(
                event.flow, event.run_id, self.key, definition, recorded_at, offset
            )
            run.reopened = event.ts < recorded_at - definition.forget_after_ns
            if snapshot := batch.definitions.snapshot(definition):
                batch.judged.learned.append(snapshot)
        elif offset <= self.applied:
            # Read again after a crash: the stored run has it already.
            batch.judged.counts["duplicate"] += 1
            return False
        if take_on_fast_path(run, event, now, recorded_at, self.pending):
            batch.accepted += 1
            run.offset = max(run.offset, offset)
            self.changed = self.taking = self.on_fast_path = True
            return True
        definition = run.definition
        received = receive(run, event, now, recorded_at)
        batch.judged.counts[received.reception] += 1
        if received.reception in {"duplicate", "conflicting_event"}:
            return False
        if event.ts > recorded_at + SKEW_NS:
            batch.judged.counts["skewed"] += 1
        if received.refusal is not None:
            batch.refused.append((position, RefusedEvent(offset, *received.refusal)))
        if run.definition is not definition:
            _offer_lessons(run, event.node, now, batch)
        run.offset = max(run.offset, offset)
        self.changed = self.taking = True
        return True

    def _judge_event(self, batch: BatchState) -> list[PendingCall]:
        """Judge what the event at hand touches and decide; return the script calls that are missing."""
        if self.pending:
            pending, self.pending = self.pending, []
            return pending
        position = self.events[self.next_event]
        run, now = self.run, batch.stream_times[position]
        assert run is not None, self.key  # noqa: S101 -- an event is taken by a run
        if run.dirty and (pending := judge_dirty(run, now)):
            return pending
        ordinary = self.on_fast_path and not run.failing
        self.taking = self.on_fast_path = False
        if ordinary:
            if run.owed:  # No verdict yet: only the next due instant moves.
                run.touched_at = now
                run.wake_at = next_due(run, now, failed=False)
                return []
        else:
            run.owed = owed_nodes(run)
            refresh_deadlines(run, now)
        _decide(run, now, (position, AT_EVENT, 0, 0), batch)
        return []


def _offer_lessons(run: Run, node: str, now: int, batch: BatchState) -> None:
    """Offer what the run's events teach to later runs, unless it is wrong (R14, R18)."""
    if node in run.definition.problems:
        return
    given, options = (
        run.lessons[of].given() if of in run.lessons else {} for of in (node, OPTIONS)
    )
    if record := batch.definitions.offer(run.flow, node, given, options, now):
        batch.judged.learned.append(record)


def _decide(run: Run, now: int, place: LogPosition, batch: BatchState) -> None:
    """Decide a run at an instant: the next revision of its verdict, if there is one, and its next due instant."""
    run.touched_at = now
    decision = decision_at(run, now)
    if is_new_revision(run, decision):
        position, at_event, _, _ = place
        trigger = "event" if at_event else _TRIGGERS[decision.status or ""]
        source = (batch.topic, batch.number, batch.records[position].offset)
        verdict = build_verdict(run, decision, now, trigger, source)
        set_last_verdict(run, decision)
        out = VerdictOut(
            run.run_id.encode(),
            encode_verdict(verdict),
            verdict["status"],
            trigger,
            now,
            tuple([kind for _, kind in decision.causes]),
        )
        batch.verdicts.append((place, out))
    run.wake_at = next_due(run, now, failed=bool(decision.causes))
    if run.wake_at is None:
        run.forget_at = forgotten_at(run)
