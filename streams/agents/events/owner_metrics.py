"""Metrics of the partitions of a worker: counts and times, taken a batch at a time."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING

from schemas.units import NS_PER_S
from streams.metrics.registry import Metrics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from schemas.errors import DeadLetterReason
    from streams.engine.records import Judged, VerdictOut
    from streams.engine.script_calls import ScriptCall


_SAID = attrgetter("status", "trigger", "decided_at_ns")
_CAUSE_KINDS = attrgetter("cause_kinds")


class OwnerMetrics:
    """Counts for the partitions of one worker; costs a few calls a batch, nothing a record."""

    def __init__(self, metrics: Metrics | None = None) -> None:
        self.registry = metrics or Metrics()

    def judged(self, judged: Judged, reasons: Mapping[DeadLetterReason, int]) -> None:
        """Take in how the events of a batch were received, and which became dead letters."""
        for outcome, number in judged.counts.items():
            self.registry.count("duly_events_total", number, outcome=outcome)
        for reason, number in reasons.items():
            self.registry.count("duly_dead_letters_total", number, reason=reason)

    def sampled(self, event_ts_ns: int, recorded_ns: int) -> None:
        """Take in one event of a batch: how far its producer's clock ran ahead of the log."""
        skew_ns = max(0, event_ts_ns - recorded_ns)
        self.registry.observe("duly_producer_skew_seconds", skew_ns / NS_PER_S)

    def asked(self, calls: Sequence[ScriptCall], seconds: float) -> None:
        """Take in how long the sandbox took to answer the calls."""
        for engine in {call.engine for call in calls}:
            self.registry.observe("duly_script_seconds", seconds, engine=engine)

    def emitted(self, verdicts: Sequence[VerdictOut], now_ns: int) -> None:
        """Take in verdicts that are acknowledged now, by this worker's wall clock."""
        said: Counter[tuple[str, str, int]] = Counter(map(_SAID, verdicts))
        for (status, trigger, decided_at_ns), number in said.items():
            self.registry.count("duly_verdicts_total", number, status=status, trigger=trigger)
            self.registry.observe(
                "duly_event_to_verdict_seconds"
                if trigger == "event"
                else "duly_deadline_lateness_seconds",
                max(0, now_ns - decided_at_ns) / NS_PER_S,
                number,
            )
        kinds = chain.from_iterable(map(_CAUSE_KINDS, verdicts))
        for kind, number in Counter(kinds).items():
            self.registry.count("duly_causes_total", number, kind=kind)

    def wrote_clock_record(self) -> None:
        """Count a clock record."""
        self.registry.count("duly_clock_records_total")

    def suspended_script(self, engine: str) -> None:
        """Count a script that is not run for a while, by its language."""
        self.registry.count("duly_scripts_suspended_total", engine=engine)

    def assigned(self, recovery_ms: int | None) -> None:
        """Count an assignment of partitions; its recovery took so long, None at the start of the worker."""
        self.registry.count("duly_rebalances_total")
        if recovery_ms is not None:
            self.registry.observe("duly_recovery_seconds", recovery_ms / 1_000)

    def given_up(self, partition: int) -> None:
        """Drop the gauges of a partition that is no longer ours."""
        self.registry.forget_partition(partition)

    def stands(
        self, partition: int, *, open_runs: int, fetched: int, clock_lag_ns: int, oldest_ns: int
    ) -> None:
        """Take in how a partition stands: runs that wait, records on their way, age of time and of the inbox."""
        label = str(partition)
        self.registry.set("duly_open_runs", open_runs, partition=label)
        self.registry.set("duly_commit_lag", fetched, partition=label)
        self.registry.set("duly_clock_lag_seconds", clock_lag_ns / NS_PER_S, partition=label)
        self.registry.set("duly_oldest_unprocessed_seconds", oldest_ns / NS_PER_S, partition=label)
