"""What a script may cost, in one place."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Budgets of scripts. A call that goes over its own twice is answered `limit` (R6)."""

    call_ms: int = 50
    """Time of one call."""

    memory_mb: int = 64
    """Heap of one call in MiB, its data not counted."""

    program_ms: int = 250
    """Time that one script may waste within one batch: cheap calls do not count."""

    batch_ms: int = 1_000
    """Time that all scripts of a batch may waste; then each gets one more `program_ms`."""

    processes: int = 2
    """Scripts that run at the same time; one more of those that went over their limits."""

    strikes: int = 2
    """Calls over their budget within `bench_ms` after which a script is benched."""

    bench_ms: int = 60_000
    """How long a benched script is not run at first; its calls are answered `limit` at once."""

    @property
    def call_s(self) -> float:
        """Time of one call in seconds."""
        return self.call_ms / 1_000

    @property
    def memory_bytes(self) -> int:
        """Heap of one call in bytes."""
        return self.memory_mb * MIB
