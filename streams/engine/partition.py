"""State of one partition of the events topic: runs by flow and run id, stream time, timers (R1, R13, R21)."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from schemas.ids import state_key
from streams.engine.driver import Judgement
from streams.engine.run.codec import decode_run, encode_run, read_waking
from streams.engine.run.timers import Wheel
from streams.engine.run_in_batch import RunInBatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.engine.definitions.registry import Definitions
    from streams.engine.records import Judged, Record
    from streams.engine.run.run import Run
    from streams.engine.run.timers import Waking
    from streams.engine.run_in_batch import BatchState

LIVE_RUNS: Final = 5_000
"""Open runs kept as objects, those touched last. The others are decoded from their stored form when an event or an
instant reaches them: that takes a fifth of the memory and costs some µs (docs/decisions/0008)."""


class Partition:
    """The runs of one partition, its stream time and its timers."""

    def __init__(
        self,
        topic: str,
        number: int,
        definitions: Definitions,
        *,
        stream_time_ns: int = 0,
        runs: dict[bytes, bytes] | None = None,
    ) -> None:
        self.topic = topic
        self.number = number
        self.definitions = definitions
        self.stream_time_ns = stream_time_ns
        self.runs: dict[bytes, bytes] = {} if runs is None else runs
        """State key → stored form of every run."""
        self._live: OrderedDict[bytes, Run] = OrderedDict()
        """Open runs as objects, the one touched last at the end."""
        self._due = Wheel()
        self._forget = Wheel()

    @property
    def open_runs(self) -> int:
        """Number of runs that wait for an instant."""
        return len(self._due)

    def judge(self, records: Sequence[Record]) -> Judgement:
        """Begin to judge a batch of records, in log order; nothing else may be judged until it is done."""
        return Judgement(self, records)

    def restore(self) -> None:
        """Rebuild the timers from the stored runs, after recovery."""
        for key, stored in self.runs.items():
            self._schedule(key, *read_waking(stored))

    def next_due_ns(self) -> int | None:
        """Return the next instant at which a verdict may fall due: nanoseconds, whole milliseconds."""
        while (instant := self._due.next_due_ns()) is not None:
            # An entry may be older than the run's present deadline: put it where it belongs.
            due = [
                waking
                for waking in self._due.take_due(instant)
                if not self._postpone(waking, instant)
            ]
            for waking in due:
                self._due.schedule(waking)
            if due:
                return instant
        return None

    # -- for the driver ----------------------------------------------------------------------------------------------

    def begin(self, batch: BatchState) -> list[RunInBatch]:
        """Advance stream time and return the runs to look at: those with events, in order, then those that fall due."""
        found: dict[bytes, RunInBatch] = {}
        for position, record in enumerate(batch.records):
            event = record.event
            if event is not None:
                key = state_key(event.flow, event.run_id)
                ours = found.get(key)
                if ours is None:
                    ours = found[key] = self._load(key)
                ours.events.append(position)
        if batch.stream_times:
            self.stream_time_ns = batch.stream_times[-1]
            for wheel in (self._due, self._forget):
                for waking in wheel.take_due(self.stream_time_ns):
                    key = waking[2]
                    if key not in found and not self._postpone(waking, self.stream_time_ns):
                        found[key] = self._load(key)
        return list(found.values())

    def store(self, ours: RunInBatch, judged: Judged) -> None:
        """Store a run that went through a batch, schedule its next instant, and add its state to the effects."""
        key, run = ours.key, ours.run
        if run is None:
            if ours.tombstone_offset is not None:
                self.runs.pop(key, None)
                self._live.pop(key, None)
                judged.states.append((key, None, ours.tombstone_offset))
            return
        if ours.changed:
            stored = self.runs[key] = encode_run(run)
            judged.states.append((key, stored, run.offset))
        if run.wake_at is None:
            self._live.pop(key, None)
        else:
            self._keep(key, run)
        self._schedule(key, run.wake_at or 0, run.forget_at, run.opened_offset)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _load(self, key: bytes) -> RunInBatch:
        run = self._live.get(key)
        if run is None and (stored := self.runs.get(key)) is not None:
            run = decode_run(key, stored, self.definitions)
        return RunInBatch(key, run)

    def _postpone(self, waking: Waking, until_ns: int) -> bool:
        """Reschedule a run that need not be looked at up to `until_ns`, without decoding it; return True if so."""
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
        """Put a run on the wheel of due instants or, if it has none, on that of forgetting."""
        wheel = self._due if wake_at else self._forget
        wheel.schedule((wake_at or forget_at, opened_offset, key))

    def _keep(self, key: bytes, run: Run) -> None:
        """Keep a run as an object, in place of the one not touched for the longest time.

        One for one: to drop many at a time would call the garbage collector each time.
        """
        self._live[key] = run
        self._live.move_to_end(key)
        if len(self._live) > LIVE_RUNS:
            self._live.popitem(last=False)
