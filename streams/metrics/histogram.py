"""Histogram that takes many equal observations at once.

A batch brings hundreds of verdicts that were decided at a few instants. prometheus_client's own
takes observations one by one, with a lock each, which was a twentieth of a loaded worker's time.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Histogram(Collector):
    """Observations by bucket, for each combination of labels; to be used from one thread.

    Args:
        name: of the metric.
        documentation: what it says.
        labels: the names of its labels.
        buckets: their upper bounds, inclusive, in rising order; one without a bound is added.
    """

    def __init__(
        self, name: str, documentation: str, labels: Sequence[str], buckets: Sequence[float]
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self._bounds = (*buckets, math.inf)
        self._counts: dict[tuple[str, ...], list[int]] = {}
        self._sums: dict[tuple[str, ...], float] = {}
        if not labels:
            self._begin(())

    def observe(self, labels: tuple[str, ...], value: float, times: int) -> None:
        """Add the same observation so many times; `labels` are the values, in their order."""
        if labels not in self._counts:
            self._begin(labels)
        self._counts[labels][bisect_left(self._bounds, value)] += times
        self._sums[labels] += value * times

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield what was observed, in prometheus_client's form."""
        family = HistogramMetricFamily(self._name, self._documentation, labels=self._labels)
        bounds = [*map(str, self._bounds[:-1]), "+Inf"]
        for labels, counts in self._counts.items():
            buckets = list(zip(bounds, accumulate(counts), strict=True))
            family.add_metric(labels, buckets, self._sums[labels])
        yield family

    def _begin(self, labels: tuple[str, ...]) -> None:
        self._counts[labels] = [0] * len(self._bounds)
        self._sums[labels] = 0.0
