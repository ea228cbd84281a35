"""Fast path for ordinary events: first of their node, after its dependencies, in time, in a run with nothing amiss.

The general rules come to the same result (`tests/engine/test_fast_path.py` holds both to the same verdicts, states and
instants); here it takes a third of the time, when the event comes and when its stored run is decoded. The conditions
are checked before anything is written: an event or a run that fails one is left untouched to the general way.

    rule                 left to the general way
    R2  once             an event id that the run has
    R4  filter           a node with a filter; an event that its client excluded
    R6  validator        none: the script is called, and an answer other than `true` marks the event to be judged again
    R7  dependencies     an absent or unknown dependency; an entry that waits; a flow with `dep_mode: any`
    R8  order            a dependency after the event, even within the tolerance; a dependant that came before
    R9  late             an event beyond its limit; a second event of a node; a flow that limits a root
    R10 absence          none: deadlines are moved here
    R11, R23, R24, R26   a flow in which any node may be skipped: optional, branch, trigger, `ends_run`
    R11 max_open_ms      an event at or after it
    R14 learned flows    an event that states something new; a run that its own events taught
    R15 revision         a run that has a cause or a verdict
    R18 bad definitions  a flow whose learned layer has problems
    R19 unknown node     a node that the pinned definition does not have
    R20 limits           an event that the run has no room for
    R22 skew             an event too far ahead of its record
    R25 stamped late     an event stamped at flush, a run that has one
    R27 outage           a run that an outage touched
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.engine.rules.judging import PendingCall, call_script
from streams.engine.rules.owed import deadline_value
from streams.engine.run.entries import Entry, NodeEvents
from streams.engine.run.intake import size_of
from streams.engine.run.run import MAX_STATE_BYTES, Deadline, Run
from streams.engine.run.timers import SKEW_NS, ceil_ms

if TYPE_CHECKING:
    from schemas.wire import Event
    from streams.engine.definitions.definition import Definition
    from streams.engine.definitions.node import Node


def take_on_fast_path(
    run: Run, event: Event, now: int, recorded_at: int, pending: list[PendingCall]
) -> bool:
    """Take an ordinary event into its run and judge it; for any other, change nothing and return False.

    Afterwards the run is as the general rules leave it, except for the decision and the next due instant. A validator
    call is added to `pending`; unless its answer is `true`, the answer marks the event to be judged again.
    """
    definition, nodes, node_id = run.definition, run.nodes, event.node
    node = definition.fast_nodes.get(node_id)
    if (
        node is None
        or node_id in nodes
        or not _is_in_order(run, event, now)
        or not _is_ordinary(event, definition, recorded_at)
    ):
        return False
    for dependant in node.dependants:
        if dependant in nodes:
            return False
    base = _base(run, node, event.ts)
    size = size_of(run, event)
    if (node.deps and base is None) or run.size_bytes + size > MAX_STATE_BYTES:
        return False
    entry = Entry(event, event.ts, now, skewed=False)
    entry.standing = "counted"
    entry.set_base(base if node.timeout_ns else None)
    run.owed = _without(run.owed if run.entries else definition.ids, node_id)
    run.entries[event.event_id] = entry
    nodes[node_id] = NodeEvents(entry)
    run.last_arrival = now
    run.size_bytes += size
    if definition.timed:
        _move_deadlines(run, entry, definition, now)
    if node.validator is not None:
        call_script(run, node, entry, "validator", node.validator, pending)
    return True


def restore_on_fast_path(run: Run) -> bool:
    """Set the bases of the entries of a stored run if all are ordinary; else change nothing and return False."""
    if _has_something_amiss(run):
        return False
    definition = run.definition
    bases: list[tuple[Entry, Entry | None]] = []
    for entry in run.entries.values():
        node = definition.fast_nodes.get(entry.node)
        if node is None or entry.standing != "counted" or len(run.nodes[entry.node].counted) > 1:
            return False
        base = _base(run, node, entry.ts)
        if (node.deps and base is None) or not _is_settled(run, node, entry):
            return False
        bases.append((entry, base if node.timeout_ns else None))
    for entry, base in bases:
        entry.set_base(base)
    return True


def _is_settled(run: Run, node: Node, entry: Entry) -> bool:
    """Return True if a stored entry needs no validator, or has the answer `true` for the present context (R6)."""
    result = entry.validated
    if node.validator is None:
        return result is None
    return (
        result is not None
        and result.outcome == "true"
        and result.seen == tuple([run.nodes[dep].version for dep in node.deps])
    )


def _is_ordinary(event: Event, definition: Definition, recorded_at: int) -> bool:
    """Return True if the event carries no lesson, option or mark (R4, R14, R22, R25)."""
    return (
        (event.teaches is None or event.teaches == definition.nothing_new.get(event.node))
        and event.options is None
        and not event.excluded
        and not event.stamped
        and event.ts <= recorded_at + SKEW_NS
    )


def _is_in_order(run: Run, event: Event, now: int) -> bool:
    """Return True if nothing is amiss in the run, the event is new to it, and it has room and time for one."""
    definition = run.definition
    return not (
        event.event_id in run.entries
        or _has_something_amiss(run)
        or len(run.entries) >= definition.max_events
        or run.opened_at + definition.max_open_ns <= now
    )


def _has_something_amiss(run: Run) -> bool:
    """Return True if the run has a verdict, or anything else that an ordinary run lacks."""
    return bool(
        run.waiting
        or run.conditional
        or run.failing
        or run.permanent
        or run.outages
        or run.stamped_at_flush
        or run.last_verdict.revision
        or run.definition is not run.pinned
    )


def _base(run: Run, node: Node, ts: int) -> Entry | None:
    """Return the dependencies' latest event if all came by `ts` and that is in time; else None (R7 to R9)."""
    nodes = run.nodes
    base: Entry | None = None
    for dep in node.deps:
        node_events = nodes.get(dep)
        if node_events is None or not node_events.counted:
            return None
        last = node_events.counted[-1]
        if last.ts > ts:
            return None
        if base is None or last.ts > base.ts:
            base = last
    if base is not None and node.timeout_ns and ts > base.ts + node.timeout_ns:
        return None
    return base


def _without(owed: tuple[str, ...], node_id: str) -> tuple[str, ...]:
    """Return `owed` without a node; mostly its first, which comes next."""
    if owed and owed[0] == node_id:
        return owed[1:]
    return tuple([other for other in owed if other != node_id])


def _move_deadlines(run: Run, entry: Entry, definition: Definition, now: int) -> None:
    """End the wait for a node that came, and begin the wait for nodes whose last dependency it was (R10)."""
    deadlines, timeouts, node_id = run.deadlines, run.timeouts, entry.node
    if node_id in deadlines:
        del deadlines[node_id]
        if node_id in timeouts:
            del timeouts[node_id]
    for dependant in definition.timed_after[node_id]:
        value, origin = entry.ts + dependant.timeout_ns, node_id
        if len(dependant.deps) > 1:
            if not all(run.came(dep) for dep in dependant.deps):
                continue
            value, origin = deadline_value(run, dependant) or (now, node_id)
        at = max(value, now)
        deadlines[dependant.id] = Deadline(value, at, origin)
        timeouts[dependant.id] = ceil_ms(at + definition.grace_ns)
