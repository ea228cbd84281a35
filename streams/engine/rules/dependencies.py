"""Dependencies of an event: which are satisfied, absent or later, and until when it waits (R7, R8, R24, R25)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from streams.engine.rules.owed import is_skippable, listed_deps
from streams.engine.run.timers import STAMPED_LATE_NS, due

if TYPE_CHECKING:
    from streams.engine.definitions.node import Node
    from streams.engine.run.entries import Entry, NodeEvents
    from streams.engine.run.run import Run


class DependencyReading(NamedTuple):
    """State of an event's dependencies (R7, R8)."""

    satisfied: bool
    conditional: bool
    """True if an absent dependency was passed over because it may be skipped."""
    absent: tuple[str, ...]
    """Dependencies that have no counted event and may not be skipped."""
    later: tuple[str, ...]
    """Dependencies all of whose events are after this one, beyond the tolerance."""


SATISFIED: Final = DependencyReading(satisfied=True, conditional=False, absent=(), later=())


def dependency_reading(run: Run, node: Node, entry: Entry) -> DependencyReading:
    """Return whether the dependencies of an event are satisfied, and which are not (R7, R8)."""
    listed = listed_deps(run, node)
    absent: list[str] = []
    later: list[str] = []
    nodes = run.nodes
    for dep in listed:
        node_events = nodes.get(dep)
        if node_events is None or not node_events.counted:
            absent.append(dep)
        elif not _satisfies(run, node_events, entry):
            later.append(dep)
    if not absent and not later:
        return SATISFIED
    there = len(listed) - len(absent)
    if node.any_dep:
        return DependencyReading(
            there > len(later),
            conditional=False,
            absent=() if there else tuple(absent),
            later=tuple(later),
        )
    due_absent = (
        [dep for dep in absent if not is_skippable(run, dep)] if there and absent else absent
    )
    return DependencyReading(
        not due_absent and not later,
        conditional=len(due_absent) < len(absent),
        absent=tuple(due_absent),
        later=tuple(later),
    )


def _satisfies(run: Run, node_events: NodeEvents, entry: Entry) -> bool:
    """Return True if one of a dependency's events is not after this one, within the tolerance (R8, R25)."""
    first = node_events.counted[0]
    if first.ts <= entry.ts:
        return True
    tolerance = run.definition.tolerance_ns
    widened = max(tolerance, STAMPED_LATE_NS)
    if first.ts <= entry.ts + (widened if entry.stamped_at_flush else tolerance):
        return True
    if not run.stamped_at_flush:
        return False
    limit = entry.ts + widened
    return any(dep.stamped_at_flush and dep.ts <= limit for dep in node_events.counted)


def grace_due(run: Run, entry: Entry) -> int:
    """Return the instant at which an unsatisfied dependency becomes a cause (R7, R25)."""
    grace = run.definition.grace_ns
    if entry.stamped_at_flush:
        grace = max(grace, STAMPED_LATE_NS)
    return due(entry.admitted_at + grace, run.outages)
