"""Registry of the worker's metrics, each declared once; docs/metrics.md is generated from it.

Labels are bounded: never a run id, never a flow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, cast

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    disable_created_metrics,
    generate_latest,
)

from streams.metrics.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Mapping

MetricName = Literal[
    "duly_events_total",
    "duly_verdicts_total",
    "duly_causes_total",
    "duly_dead_letters_total",
    "duly_open_runs",
    "duly_deadline_lateness_seconds",
    "duly_event_to_verdict_seconds",
    "duly_clock_lag_seconds",
    "duly_clock_records_total",
    "duly_script_seconds",
    "duly_scripts_suspended_total",
    "duly_commit_lag",
    "duly_recovery_seconds",
    "duly_rebalances_total",
    "duly_producer_skew_seconds",
    "duly_oldest_unprocessed_seconds",
]
"""A misspelt name is a type error."""

Kind = Literal["counter", "gauge", "histogram"]

_LATENCY_S: Final = (0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0)
_SCRIPT_S: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_RECOVERY_S: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 120.0)
_SKEW_S: Final = (0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 30.0, 300.0)


class Metric(NamedTuple):
    """Declaration of a metric: kind, labels, help text, and the buckets of a histogram."""

    kind: Kind
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()


METRICS: Final[Mapping[MetricName, Metric]] = {
    "duly_events_total": Metric(
        "counter",
        ("outcome",),
        "Events taken in, by outcome: `accepted`, `duplicate` (R2), `conflicting_event` (R2), `unknown_node` (R19), "
        "`too_many_events` or `too_large` (R20); one whose `ts` was replaced (R22) is counted as `skewed` too",
    ),
    "duly_verdicts_total": Metric(
        "counter", ("status", "trigger"), "Verdicts written, by status and by what decided them"
    ),
    "duly_causes_total": Metric("counter", ("kind",), "Causes of the failed verdicts written"),
    "duly_dead_letters_total": Metric("counter", ("reason",), "Records that became dead letters"),
    "duly_open_runs": Metric(
        "gauge", ("partition",), "Runs that wait for a due instant that can change their verdict"
    ),
    "duly_deadline_lateness_seconds": Metric(
        "histogram", (), "Time from a due instant to the acknowledgement of its verdict", _LATENCY_S
    ),
    "duly_event_to_verdict_seconds": Metric(
        "histogram",
        (),
        "Time from an event's record timestamp to the acknowledgement of the verdict that it caused",
        _LATENCY_S,
    ),
    "duly_clock_lag_seconds": Metric(
        "gauge",
        ("partition",),
        "Stream time behind the wall clock: age of the newest judged record",
    ),
    "duly_clock_records_total": Metric("counter", (), "Clock records written"),
    "duly_script_seconds": Metric(
        "histogram", ("engine",), "Time of script evaluation, for all calls of a batch", _SCRIPT_S
    ),
    "duly_scripts_suspended_total": Metric(
        "counter",
        ("engine",),
        "Suspensions by the circuit breaker: scripts that kept going over their limits",
    ),
    "duly_commit_lag": Metric(
        "gauge", ("partition",), "Backlog: fetched records whose effects are not durable yet"
    ),
    "duly_recovery_seconds": Metric(
        "histogram",
        (),
        "Time from the start of a rebalance until partitions are assigned and recovered",
        _RECOVERY_S,
    ),
    "duly_rebalances_total": Metric(
        "counter", (), "Rebalances: assignments of partitions to this worker"
    ),
    "duly_producer_skew_seconds": Metric(
        "histogram", (), "Time by which the clock of a producer was ahead of the log", _SKEW_S
    ),
    "duly_oldest_unprocessed_seconds": Metric(
        "gauge",
        ("partition",),
        "Age of the oldest record that is fetched but not judged",
    ),
}


class Metrics:
    """The metrics of one worker process, in a registry of their own."""

    def __init__(self) -> None:
        disable_created_metrics()  # a series more for each counter, which nobody asks for
        self._registry = CollectorRegistry()
        self._known = {name: self._create(name, metric) for name, metric in METRICS.items()}

    def count(self, name: MetricName, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        counter = cast("Counter", self._known[name])
        (counter.labels(**labels) if labels else counter).inc(amount)

    def set(self, name: MetricName, value: float, **labels: str) -> None:
        """Set a gauge."""
        gauge = cast("Gauge", self._known[name])
        (gauge.labels(**labels) if labels else gauge).set(value)

    def observe(self, name: MetricName, value: float, times: int = 1, **labels: str) -> None:
        """Add an observation to a histogram, or as many equal ones."""
        histogram = cast("Histogram", self._known[name])
        histogram.observe(tuple([labels[label] for label in METRICS[name].labels]), value, times)

    def forget_partition(self, partition: int) -> None:
        """Drop what was said of a partition that is no longer ours."""
        for name, metric in METRICS.items():
            if metric.labels == ("partition",):
                cast("Gauge", self._known[name]).remove(str(partition))

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def _create(self, name: MetricName, metric: Metric) -> Counter | Gauge | Histogram:
        if metric.kind == "counter":
            return Counter(name, metric.help, metric.labels, registry=self._registry)
        if metric.kind == "gauge":
            return Gauge(name, metric.help, metric.labels, registry=self._registry)
        histogram = Histogram(name, metric.help, metric.labels, metric.buckets)
        self._registry.register(histogram)
        return histogram
