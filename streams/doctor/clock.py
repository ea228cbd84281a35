"""Check of the broker's clock, by which deadlines fire, against the clock of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.doctor.findings import Finding
from streams.kafka.clock_offset import measure_clock_offset

if TYPE_CHECKING:
    from streams.kafka.clock_offset import ClockOffset
    from streams.settings.worker import WorkerSettings


async def check_clock(settings: WorkerSettings) -> Finding:
    """Append clock records to the events topic, as workers do, and compare the broker's timestamps."""
    offset = await measure_clock_offset(settings)
    if offset is None:
        message = (
            "the events topic has no LogAppendTime: deadlines depend on the clocks of producers"
        )
        return Finding("clock", "warning", message)
    return judge_offset(offset, tolerance_ms=settings.clock_tolerance_ms)


def judge_offset(offset: ClockOffset, *, tolerance_ms: int) -> Finding:
    """Compare the clocks with the tolerance.

    Producers on this machine stamp events by its clock. Two of them may differ by the tolerance
    (R8), so each by half of it from the broker.
    """
    ahead_ms, uncertainty_ms = offset
    way = "ahead of" if ahead_ms >= 0 else "behind"
    message = (
        f"the broker's clock is {abs(ahead_ms):.0f} ms {way} this machine's "
        f"(± {uncertainty_ms:.0f} ms)"
    )
    if abs(ahead_ms) - uncertainty_ms <= tolerance_ms / 2:
        return Finding("clock", "ok", message)
    advice = "that is more than half of DULY_CLOCK_TOLERANCE_MS: is NTP running on both?"
    return Finding("clock", "warning", f"{message}; {advice}")
