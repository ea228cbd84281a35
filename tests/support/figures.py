"""Throughput and latency, in the shape in which they are printed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Throughput:
    """How fast a program took the job's events.

    Attributes:
        what: the program.
        events: how many it took in the measured span.
        seconds: how long it took, by the wall.
        cpu_seconds: CPU time of its process, without the sandbox's.
        ceiling: events a second of the bare consumer in the same run; None for that itself.
    """

    what: str
    events: int
    seconds: float
    cpu_seconds: float
    ceiling: float | None = None

    @property
    def per_second(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    def and_again(self, other: Throughput) -> Throughput:
        """Return what two measures of the same program come to together."""
        return Throughput(
            self.what,
            self.events + other.events,
            self.seconds + other.seconds,
            self.cpu_seconds + other.cpu_seconds,
        )

    def below(self, ceiling: Throughput) -> Throughput:
        """Return the same figure with its ceiling."""
        return replace(self, ceiling=ceiling.per_second)

    def row(self) -> dict[str, Any]:
        """Return the figure as it is printed."""
        ratio = None if self.ceiling is None else round(self.per_second / self.ceiling, 2)
        return {
            "measured": self.what,
            "events/s": round(self.per_second),
            "events per CPU-s": round(self.events / self.cpu_seconds),
            "of the ceiling": ratio,
        }


@dataclass(frozen=True, slots=True)
class Latency:
    """How long something took, many times.

    Attributes:
        what: from where to where.
        seconds: every single one.
    """

    what: str
    seconds: Sequence[float]

    def row(self) -> dict[str, Any]:
        """Return the figure as it is printed, in milliseconds."""
        ordered = sorted(self.seconds)
        return {
            "measured": self.what,
            "n": len(ordered),
            **{
                f"p{share} ms": round(_quantile(ordered, share) * 1_000, 1)
                for share in (50, 90, 99)
            },
            "max ms": round(ordered[-1] * 1_000, 1),
        }


def _quantile(ordered: Sequence[float], percent: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
