"""When a run's window closes, what falls due before, and when the run is forgotten (R11, R14, R21).

All of it is read from the run's state: nothing is set and nothing can be missed, whatever was asleep meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.engine.rules.dependencies import grace_due
from streams.engine.run.timers import due

if TYPE_CHECKING:
    from streams.engine.run.run import Run


def pending_dues(run: Run) -> list[int]:
    """Return the instants of all waits of R7, R8 and R10, passed or not."""
    dues = list(run.timeouts.values())
    if run.waiting:
        dues += [grace_due(run, entry) for entry in run.waiting.values()]
    return dues


def _behind_dues(run: Run, instant: int) -> int:
    """Return an instant, or that of the last wait if it is later; nearly always there is none."""
    return max(instant, *pending_dues(run)) if run.waiting or run.timeouts else instant


def sealed_at(run: Run) -> int:
    """Return the instant after which no event opens the window again (R11, `max_open_ms`)."""
    return due(run.opened_at + run.definition.max_open_ns, run.gaps)


def closes_at(run: Run) -> int:
    """Return the instant at which the window closes, if nothing more comes (R11)."""
    return min(sealed_at(run), _behind_dues(run, _quiet_at(run)))


def is_closed(run: Run, now: int) -> bool:
    """Tell whether the window is closed at `now`; the same as `closes_at`, for little on the way of every event."""
    if run.last_arrival + run.definition.window_ns > now:
        return sealed_at(run) <= now
    return closes_at(run) <= now


def _quiet_at(run: Run) -> int:
    """Return the instant at which no event has come for the length of the window."""
    return due(run.last_arrival + run.definition.window_ns, run.gaps)


def settles_at(run: Run) -> int:
    """Return the instant at which a definition that this run taught counts as complete (R14)."""
    return due(run.last_arrival + run.definition.settle_ns, run.gaps)


def next_due(run: Run, now: int, *, failed: bool) -> int | None:
    """Return the next instant that can change what is said of the run, or None when only events can."""
    earliest: int | None = None
    if run.waiting or run.timeouts:
        for instant in pending_dues(run):
            if instant > now and (earliest is None or instant < earliest):
                earliest = instant
    if failed:  # With a cause standing, neither the close of the window nor the settling can change the verdict.
        return earliest
    if run.owed:
        # While something is pending the window stays open, until it is sealed.
        closing = sealed_at(run)
        if earliest is None:
            closing = min(closing, _quiet_at(run))
    elif run.grew and not run.waiting:
        closing = settles_at(run)
    else:
        return earliest
    if closing <= now:
        return earliest
    return closing if earliest is None else min(earliest, closing)


def forgotten_at(run: Run) -> int:
    """Return the instant at which the run's state is removed (R21)."""
    last = _behind_dues(run, max(closes_at(run), run.last_arrival))
    return last + run.definition.forget_after_ns
