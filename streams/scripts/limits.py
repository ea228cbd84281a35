"""Limits and budgets of scripts, in one place."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20

TRIALS = 3
"""New scripts tried at the same time."""


@dataclass(frozen=True)
class Limits:
    """Budgets of scripts. A call that goes over its own is answered `limit` (R6)."""

    call_ms: int = 50
    """Time of one call."""

    memory_mb: int = 64
    """Heap of one call in MiB, its data not counted."""

    trial_ms: int = 10
    """Time of the first call of a new script; one that needs more is quarantined."""

    program_ms: int = 250
    """Time that one script may waste within one batch: cheap calls do not count.

    And that all quarantined scripts may waste at a stretch; it refills by a fifth of the time that
    passes.
    """

    batch_ms: int = 1_000
    """Time that all scripts of a batch may waste; then each gets one more `program_ms`."""

    processes: int = 2
    """Known scripts that run at the same time, beside `TRIALS` new ones and one in quarantine."""

    strikes: int = 2
    """Calls over their budget within `suspension_ms` after which a script is suspended.

    One is enough for a script that has answered no call yet.
    """

    suspension_ms: int = 60_000
    """Length of a first suspension: the script is not run, its calls are answered `limit` at once."""

    engine_reply_ms: int = 10_000
    """Time in which the python interpreter must reply to any request, also one that runs no script.

    A frozen process is found out by it. The time of a call, with its grace, is far shorter.
    """

    @property
    def call_s(self) -> float:
        """Time of one call in seconds."""
        return self.call_ms / 1_000

    @property
    def trial_s(self) -> float:
        """Time of the first call of a new script in seconds."""
        return min(self.trial_ms, self.call_ms) / 1_000

    @property
    def program_s(self) -> float:
        """Time that one script may waste in seconds."""
        return self.program_ms / 1_000

    @property
    def memory_bytes(self) -> int:
        """Heap of one call in bytes."""
        return self.memory_mb * MIB
