"""Due instants of a run: waits, close of the window, settling, forgetting (R11, R14, R21).

All are computed from the run's state. Nothing is set as an alarm, so none can be missed while a worker is down.
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
    """Return the later of an instant and the last wait; nearly always there is none."""
    return max(instant, *pending_dues(run)) if run.waiting or run.timeouts else instant


def sealed_at(run: Run) -> int:
    """Return the instant after which no event opens the window again (R11, `max_open_ms`)."""
    return due(run.opened_at + run.definition.max_open_ns, run.outages)


def closes_at(run: Run) -> int:
    """Return the instant at which the window closes, if nothing more comes (R11)."""
    return min(sealed_at(run), _behind_dues(run, _quiet_at(run)))


def is_closed(run: Run, now: int) -> bool:
    """Return True if the window is closed at `now`: `closes_at`, made cheap for the path of every event."""
    if run.last_arrival + run.definition.window_ns > now:
        return sealed_at(run) <= now
    return closes_at(run) <= now


def _quiet_at(run: Run) -> int:
    """Return the instant at which no event has come for the length of the window."""
    return due(run.last_arrival + run.definition.window_ns, run.outages)


def settles_at(run: Run) -> int:
    """Return the instant at which a definition that this run taught counts as complete (R14)."""
    return due(run.last_arrival + run.definition.settle_ns, run.outages)


def next_due(run: Run, now: int, *, failed: bool) -> int | None:
    """Return the next instant that can change the verdict, or None if only events can."""
    earliest: int | None = None
    if run.waiting or run.timeouts:
        for instant in pending_dues(run):
            if instant > now and (earliest is None or instant < earliest):
                earliest = instant
    if failed:
        # With a cause, neither the close of the window nor the settling can change the verdict.
        return earliest
    if run.owed:
        # While something is pending the window stays open, until it is sealed.
        closing = sealed_at(run)
        if earliest is None:
            closing = min(closing, _quiet_at(run))
    elif run.learned_here and not run.waiting:
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
