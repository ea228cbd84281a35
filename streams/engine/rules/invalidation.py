"""Invalidation: entries to judge again when one comes to count, or no longer does (R3, R6, R7, R8, R9, R11, R23)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from operator import attrgetter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from streams.engine.definitions.node import Node
    from streams.engine.run.entries import Entry, NodeEvents, Standing
    from streams.engine.run.run import Run

_ts: Final = attrgetter("ts")


def set_standing(
    run: Run, node: Node, node_events: NodeEvents, entry: Entry, standing: Standing, now: int
) -> None:
    """Give an entry a new standing, move it to its place, and mark the entries that rest on it."""
    before = entry.standing
    entry.standing = standing
    if before == "counted":
        place = node_events.index(entry)
        after = node_events.counted[place + 1 : place + 2]
        node_events.discount(entry)
        node_events.others.append(entry)
        run.mark(node.id, after)
        _mark_affected(run, node, node_events, entry, added=False)
    elif standing == "counted":
        if before is not None:
            node_events.others.remove(entry)
            entry.admitted_at = now
        node_events.count(entry)
        _mark_affected(run, node, node_events, entry, added=True)
    elif before is None:
        node_events.others.append(entry)


def _mark_affected(
    run: Run, node: Node, node_events: NodeEvents, entry: Entry, *, added: bool
) -> None:
    """Mark the entries whose judgement may change because one entry came to count, or no longer does."""
    if (run.waiting or run.conditional) and len(node_events.counted) == (1 if added else 0):
        # The node came, or is absent again: that may excuse or oblige dependencies anywhere (R7, R11, R23).
        for other in (*run.waiting.values(), *run.conditional.values()):
            if other is not entry:
                run.mark(other.node, (other,))
    for dependant_id in node.dependants:
        dependant_events = run.nodes.get(dependant_id)
        if dependant_events is not None:
            dependant = run.definition.nodes[dependant_id]
            _mark_dependant(run, node, dependant, dependant_events, entry, added=added)
    if run.definition.timed_roots:
        _mark_roots(run, entry, added=added)


def _mark_dependant(
    run: Run, node: Node, dependant: Node, node_events: NodeEvents, entry: Entry, *, added: bool
) -> None:
    if dependant.scripted or not added or node.trigger or run.stamped_at_flush:
        run.mark(dependant.id, node_events.entries())
        return
    run.mark(dependant.id, [e for e in run.waiting.values() if e.node == dependant.id])
    if dependant.timeout_ns and node_events.counted and node_events.counted[-1].ts >= entry.ts:
        # Their base moves to this entry, up to the next one of its node.
        counted = run.nodes[node.id].counted
        place = bisect_right(counted, entry.ts, key=_ts)
        first = bisect_left(node_events.counted, entry.ts, key=_ts)
        last = (
            bisect_left(node_events.counted, counted[place].ts, key=_ts)
            if place < len(counted)
            else len(node_events.counted)
        )
        run.mark(dependant.id, node_events.counted[first:last])


def _mark_roots(run: Run, entry: Entry, *, added: bool) -> None:
    """Mark the events whose time limit counts from the run's first event, if that is another one now (R9)."""
    if not added or run.first() is entry:
        for root in run.definition.timed_roots:
            if root.id in run.nodes:
                run.mark(root.id, run.nodes[root.id].entries())
