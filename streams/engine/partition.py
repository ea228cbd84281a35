"""One partition of the events topic, judged batch by batch, record by record (R13, R15, R27).

    records ─ grouped by run ─▶ each run: let time pass, take the event, decide ─▶ effects, in log order

Runs do not see each other, so each goes through the whole batch alone; a run that waits for a script stops at that
record and goes on when all runs have been asked. What is said bears the place in the log at which it was decided, and
is put in that order at the end: how records are batched changes nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from schemas.ids import state_key
from streams.engine.records import (
    AT_EVENT,
    AT_INSTANT,
    Batch,
    Judged,
    Passage,
    Refused,
    VerdictOut,
)
from streams.engine.rules.causes import read_causes
from streams.engine.rules.dependencies import Question, judge_dirty
from streams.engine.rules.fast_path import take_plainly
from streams.engine.rules.owed import read_deadlines, read_owed, read_timeouts
from streams.engine.rules.verdicts import Trigger, decide, encode_verdict, is_news, state_verdict
from streams.engine.run.codec import decode_run, encode_run, read_waking
from streams.engine.run.intake import OPTIONS, receive
from streams.engine.run.run import SKEW_NS, Run
from streams.engine.run.timers import OUTAGE_NS, Gap, Wheel
from streams.engine.run.window import forgotten_at, next_due

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from streams.engine.definitions.registry import Definitions
    from streams.engine.records import Place, Record
    from streams.engine.run.timers import Waking
    from streams.engine.script_calls import ScriptAnswer, ScriptCall

LIVE_RUNS: Final = 5_000
"""So many open runs, those that were touched last, are kept as objects. The others are read from their stored form when
an event or an instant reaches them: that takes a fifth of the memory, and some µs."""

_place: Final = itemgetter(0)

_TRIGGERS: Final[dict[str, Trigger]] = {
    "failed": "deadline",
    "incomplete": "window",
    "passed": "definition",
}
"""What an instant that changed the verdict was: each status can come of one kind of instant only."""


class Partition:
    """The runs of one partition, its stream clock and its wheel."""

    def __init__(
        self,
        topic: str,
        number: int,
        definitions: Definitions,
        *,
        clock_ns: int = 0,
        runs: dict[bytes, bytes] | None = None,
    ) -> None:
        self.topic = topic
        self.number = number
        self.clock_ns = clock_ns
        self.runs: dict[bytes, bytes] = {} if runs is None else runs
        """The stored form of every run, by state key."""
        self._live: OrderedDict[bytes, Run] = OrderedDict()
        """Open runs as objects, the one that was touched last at the end."""
        self._definitions = definitions
        self._due = Wheel()
        self._forget = Wheel()

    @property
    def open_runs(self) -> int:
        """How many runs wait for an instant."""
        return len(self._due)

    def restore(self) -> None:
        """Build the wheel from the stored runs, after their recovery."""
        for key, stored in self.runs.items():
            self._schedule(key, *read_waking(stored))

    def next_due_ns(self) -> int | None:
        """Return the next instant at which a verdict may fall due, in nanoseconds, whole milliseconds."""
        while (instant := self._due.next_due_ns()) is not None:
            # An entry may be older than the run's present deadline: put it where it belongs.
            due = [
                waking
                for waking in self._due.take_due(instant)
                if not self._put_off(waking, instant)
            ]
            for waking in due:
                self._due.schedule(waking)
            if due:
                return instant
        return None

    def judge(
        self, records: Sequence[Record]
    ) -> Generator[list[ScriptCall], list[ScriptAnswer], Judged]:
        """Judge a batch of records, in log order.

        Yields the script calls without whose answers no run can go on, and is sent the answers in the same order.
        """
        batch = Batch(records, self.clock_ns)
        underway = self._passages(batch)
        while underway:
            asked: list[Question] = []
            blocked: list[Passage] = []
            for passage in underway:
                if questions := self._advance(passage, batch):
                    asked += questions
                    blocked.append(passage)
                else:  # At once, and let go of: what it is made of is still in the processor's cache.
                    self._store(passage, batch.judged)
                    passage.run = None
            if asked:
                for question, answer in zip(
                    asked, (yield [question.call for question in asked]), strict=True
                ):
                    question.answer(answer)
            underway = blocked
        return self._finish(batch)

    # -- the runs of a batch -----------------------------------------------------------------------------------------

    def _passages(self, batch: Batch) -> list[Passage]:
        """Return the runs that a batch concerns: those with events in it, in order, then those that fall due."""
        found: dict[bytes, Passage] = {}
        for position, record in enumerate(batch.records):
            event = record.event
            if event is not None:
                key = state_key(event.flow, event.run_id)
                passage = found.get(key)
                if passage is None:
                    passage = found[key] = self._load(key)
                passage.events.append(position)
        if batch.clocks:
            self.clock_ns = batch.clocks[-1]
            for wheel in (self._due, self._forget):
                for waking in wheel.take_due(self.clock_ns):
                    key = waking[2]
                    if key not in found and not self._put_off(waking, self.clock_ns):
                        found[key] = self._load(key)
        return list(found.values())

    def _load(self, key: bytes) -> Passage:
        run = self._live.get(key)
        if run is None and (stored := self.runs.get(key)) is not None:
            run = decode_run(key, stored, self._definitions)
        return Passage(key, run)

    def _put_off(self, waking: Waking, until_ns: int) -> bool:
        """Put a wheel entry off if its run need not be looked at up to `until_ns`, without decoding the run."""
        key = waking[2]
        stored = self.runs.get(key)
        if stored is None:
            return True
        wake_at, forget_at, opened_offset = read_waking(stored)
        if (wake_at or forget_at) <= until_ns:
            return False
        self._schedule(key, wake_at, forget_at, opened_offset)
        return True

    def _schedule(self, key: bytes, wake_at: int, forget_at: int, opened_offset: int) -> None:
        """Put a run on the wheel of what falls due or, if nothing does any more, of what is forgotten."""
        wheel = self._due if wake_at else self._forget
        wheel.schedule((wake_at or forget_at, opened_offset, key))

    def _advance(self, passage: Passage, batch: Batch) -> list[Question]:
        """Take a run as far through the batch as it gets; returns the questions that it stops at."""
        events = passage.events
        while True:
            if passage.taking:
                if questions := self._judge_event(passage, batch):
                    return questions
                passage.next_event += 1
            if passage.next_event == len(events):
                self._let_time_pass(passage, len(batch.clocks) - 1, batch)
                return []
            position = events[passage.next_event]
            self._let_time_pass(passage, position, batch)
            if not self._take(passage, position, batch):
                passage.next_event += 1

    # -- time --------------------------------------------------------------------------------------------------------

    def _let_time_pass(self, passage: Passage, until: int, batch: Batch) -> None:
        """Fire what falls due up to the record at that position, inclusive, in order of instant (R13)."""
        clocks = batch.clocks
        run = passage.run
        while run is not None:
            instant = run.forget_at if run.wake_at is None else run.wake_at
            if instant > clocks[until]:
                return
            # The first record that passes the instant: nothing of the run fell due before it.
            position = bisect_left(clocks, instant)
            passage.changed = True
            run.offset = max(run.offset, batch.records[position].offset)
            if run.wake_at is None:
                passage.tombstone_offset = run.offset
                passage.run = run = None
            elif clocks[position] - instant > OUTAGE_NS:
                run.gaps.append(Gap(run.touched_at, clocks[position]))
                read_timeouts(run)
                run.wake_at = next_due(
                    run, run.touched_at, failed=bool(read_causes(run, run.touched_at))
                )
            else:
                self._fire(run, instant, position, batch)

    def _fire(self, run: Run, instant: int, position: int, batch: Batch) -> None:
        for entry in run.waiting.values():
            run.mark(entry.node, (entry,))
        judge_dirty(run, instant)
        self._decide(
            run,
            instant,
            (position, AT_INSTANT, instant, run.opened_offset),
            batch,
        )

    # -- events ------------------------------------------------------------------------------------------------------

    def _take(self, passage: Passage, position: int, batch: Batch) -> bool:
        """Let an event into its run; True if it must be judged now."""
        record = batch.records[position]
        offset, recorded_at, event = record.offset, record.timestamp_ns, record.event
        now = batch.clocks[position]
        assert event is not None, offset  # noqa: S101 -- a passage has the places of events
        run = passage.run
        if run is None:
            definition = self._definitions.at(event.flow, recorded_at)
            run = passage.run = Run(
                event.flow, event.run_id, passage.key, definition, recorded_at, offset
            )
            run.reopened = event.ts < recorded_at - definition.forget_after_ns
            if snapshot := self._definitions.snapshot(definition):
                batch.judged.learned.append(snapshot)
        elif offset <= passage.applied:
            batch.judged.counts["duplicate"] += (
                1  # Read again after a crash: the stored run has it already.
            )
            return False
        if take_plainly(run, event, now, recorded_at, passage.asked):
            batch.accepted += 1
            run.offset = max(run.offset, offset)
            passage.changed = passage.taking = passage.plain = True
            return True
        definition = run.definition
        received = receive(run, event, now, recorded_at)
        batch.judged.counts[received.reception] += 1
        if received.reception in {"duplicate", "conflicting_event"}:
            return False
        if event.ts > recorded_at + SKEW_NS:
            batch.judged.counts["skewed"] += 1
        if received.refusal is not None:
            batch.refused.append((position, Refused(offset, *received.refusal)))
        if run.definition is not definition:
            self._offer_lessons(run, event.node, now, batch)
        run.offset = max(run.offset, offset)
        passage.changed = passage.taking = True
        return True

    def _offer_lessons(self, run: Run, node: str, now: int, batch: Batch) -> None:
        """Make what the run's events teach known to later runs, unless it is wrong (R14, R18)."""
        if node in run.definition.problems:
            return
        given, options = (
            run.lessons[of].given() if of in run.lessons else {} for of in (node, OPTIONS)
        )
        if record := self._definitions.offer(run.flow, node, given, options, now):
            batch.judged.learned.append(record)

    def _judge_event(self, passage: Passage, batch: Batch) -> list[Question]:
        """Judge what the event at hand touches and decide; returns the questions that stand in the way."""
        if passage.asked:
            asked, passage.asked = passage.asked, []
            return asked
        position = passage.events[passage.next_event]
        run, now = passage.run, batch.clocks[position]
        assert run is not None, passage.key  # noqa: S101 -- an event is taken by a run
        if run.dirty and (questions := judge_dirty(run, now)):
            return questions
        plain = passage.plain and not run.failing
        passage.taking = passage.plain = False
        if plain:
            if run.owed:  # Nothing is said yet: only the next due instant moves.
                run.touched_at = now
                run.wake_at = next_due(run, now, failed=False)
                return []
        else:
            run.owed = read_owed(run)
            read_deadlines(run, now)
        self._decide(run, now, (position, AT_EVENT, 0, 0), batch)
        return []

    # -- decisions ---------------------------------------------------------------------------------------------------

    def _decide(self, run: Run, now: int, place: Place, batch: Batch) -> None:
        run.touched_at = now
        decision = decide(run, now)
        if is_news(run, decision):
            position, at_event, _, _ = place
            trigger = "event" if at_event else _TRIGGERS[decision.status or ""]
            source = (self.topic, self.number, batch.records[position].offset)
            verdict = state_verdict(run, decision, now, trigger, source)
            out = VerdictOut(
                run.run_id.encode(),
                encode_verdict(verdict),
                verdict["status"],
                trigger,
                now,
                tuple([kind for _, kind in decision.causes]),
            )
            batch.said.append((place, out))
        run.wake_at = next_due(run, now, failed=bool(decision.causes))
        if run.wake_at is None:
            run.forget_at = forgotten_at(run)

    def _finish(self, batch: Batch) -> Judged:
        judged = batch.judged
        batch.said.sort(key=_place)
        batch.refused.sort(key=_place)
        if batch.accepted:
            judged.counts["accepted"] += batch.accepted
        judged.verdicts = [out for _, out in batch.said]
        judged.refused = [refused for _, refused in batch.refused]
        return judged

    def _store(self, passage: Passage, judged: Judged) -> None:
        key, run = passage.key, passage.run
        if run is None:
            if passage.tombstone_offset is not None:
                self.runs.pop(key, None)
                self._live.pop(key, None)
                judged.states.append((key, None, passage.tombstone_offset))
            return
        if passage.changed:
            stored = self.runs[key] = encode_run(run)
            judged.states.append((key, stored, run.offset))
        if run.wake_at is None:
            self._live.pop(key, None)
        else:
            self._keep(key, run)
        self._schedule(key, run.wake_at or 0, run.forget_at, run.opened_offset)

    def _keep(self, key: bytes, run: Run) -> None:
        """Keep a run as an object, in place of the one that was not touched for the longest time.

        One for one: to let go of many at a time would call the garbage collector for each such time.
        """
        self._live[key] = run
        self._live.move_to_end(key)
        if len(self._live) > LIVE_RUNS:
            self._live.popitem(last=False)
