"""When things fall due: in whole milliseconds, later after an outage, by a wheel that wakes runs (R13, R27)."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Final, NamedTuple

from schemas.units import NS_PER_MS

OUTAGE_NS: Final = 2_000_000_000
"""A due instant that no record passed within this time: nobody could write the log (R27)."""
OUTAGE_GRACE_NS: Final = 10_000_000_000
"""How long producers may take to send what they held through an outage (R27)."""


class Gap(NamedTuple):
    """A stretch of the log without a record: instants after `start_ns` met the record at `end_ns` first."""

    start_ns: int
    end_ns: int


def ceil_ms(instant_ns: int) -> int:
    """Round an instant up to whole milliseconds, as record timestamps are."""
    return instant_ns + -instant_ns % NS_PER_MS


def due(instant_ns: int, gaps: list[Gap]) -> int:
    """Return when an instant fires: rounded up, and moved behind each outage that swallowed it (R27)."""
    instant_ns = ceil_ms(instant_ns)
    for start_ns, end_ns in gaps:
        if start_ns < instant_ns < end_ns - OUTAGE_NS:
            instant_ns = end_ns + OUTAGE_GRACE_NS
    return instant_ns


Waking = tuple[int, int, bytes]
"""A run to look at: when, the offset at which it opened, and its state key; runs due at the same instant come in the
order in which they opened (R15)."""


class Wheel:
    """The runs of a partition by the instant at which they must be looked at.

    An entry is a promise to look, not to fire: when a run's due instant moves back its entry stays, and whoever takes
    it looks at the run and puts it in again. So an event, which nearly always moves the window, costs nothing here.
    """

    def __init__(self) -> None:
        self._heap: list[Waking] = []
        self._earliest: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._earliest)

    def schedule(self, waking: Waking) -> None:
        """Make sure that the run is looked at by then."""
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
