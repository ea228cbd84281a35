"""Due instants: rounded to whole milliseconds, moved by outages, kept in a wheel that wakes runs (R13, R25, R27)."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Final, NamedTuple

from schemas.units import NS_PER_MS
from streams.engine.records import OUTAGE_NS

OUTAGE_GRACE_NS: Final = 10_000_000_000
"""Time for producers to send what they held through an outage (R27)."""
STAMPED_LATE_NS: Final = 6_000 * NS_PER_MS
"""Least grace, tolerance and added time for events that clients stamp when they flush (R25)."""
SKEW_NS: Final = 300_000_000_000
"""Furthest that a producer's clock may run ahead of the log (R22)."""


class Outage(NamedTuple):
    """A stretch without a record: the first record to pass an instant after `start_ns` was the one at `end_ns`."""

    start_ns: int
    end_ns: int


def ceil_ms(instant_ns: int) -> int:
    """Round an instant up to whole milliseconds, as record timestamps are."""
    return instant_ns + -instant_ns % NS_PER_MS


def due(instant_ns: int, outages: list[Outage]) -> int:
    """Return when an instant fires: rounded up, and moved past each outage that it fell into (R27)."""
    instant_ns = ceil_ms(instant_ns)
    for start_ns, end_ns in outages:
        if start_ns < instant_ns < end_ns - OUTAGE_NS:
            instant_ns = end_ns + OUTAGE_GRACE_NS
    return instant_ns


Waking = tuple[int, int, bytes]
"""A run to look at: instant, offset at which it opened, state key; so runs due at one instant sort by opening (R15)."""


class Wheel:
    """Runs of a partition, by the instant at which each must be looked at.

    An entry is a reminder to look, not to fire: when a run's due instant moves back, its entry stays, and whoever takes
    it looks at the run and schedules it again. So an event, which nearly always moves the window, costs nothing here.
    """

    def __init__(self) -> None:
        self._heap: list[Waking] = []
        self._earliest: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._earliest)

    def schedule(self, waking: Waking) -> None:
        """Have the run looked at by then."""
        due_ns, _, key = waking
        earliest = self._earliest.get(key)
        if earliest is None or due_ns < earliest:
            self._earliest[key] = due_ns
            heappush(self._heap, waking)

    def next_due_ns(self) -> int | None:
        """Return the earliest instant at which a run must be looked at."""
        return self._heap[0][0] if self._heap else None

    def take_due(self, until_ns: int) -> list[Waking]:
        """Remove and return the entries due up to `until_ns`, inclusive, each run once, earliest first."""
        taken: list[Waking] = []
        while self._heap and self._heap[0][0] <= until_ns:
            waking = heappop(self._heap)
            due_ns, _, key = waking
            if self._earliest.get(key) == due_ns:
                del self._earliest[key]
                taken.append(waking)
        return taken
