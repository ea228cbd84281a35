"""The way of nearly every event: first of its node, after its dependencies, in time, in a run with nothing amiss.

What the rules conclude of such an event is plain, and here it is done directly, for a third of the time: when it comes,
and when its stored run is read again. Whatever is not plain is left to them untouched.
tests/engine/test_fast_path.py holds both ways to the same verdicts, states and instants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.engine.rules.dependencies import Question, ask
from streams.engine.rules.owed import deadline_value
from streams.engine.run.intake import size_of
from streams.engine.run.run import MAX_STATE_BYTES, SKEW_NS, Deadline, Entry, Occurrences, Run
from streams.engine.run.timers import ceil_ms

if TYPE_CHECKING:
    from schemas.wire import Event
    from streams.engine.definitions.definition import Definition, Node


def take_plainly(
    run: Run, event: Event, now: int, recorded_at: int, questions: list[Question]
) -> bool:
    """Let an event into its run and judge it, if it is plain; else change nothing and return False.

    Afterwards all is as the general rules leave it, but for the decision and the next due instant. A validator that
    must be asked is added to `questions`; unless its answer is `true`, the answer marks the event to be judged again.
    """
    definition, nodes, node_id = run.definition, run.nodes, event.node
    node = definition.plain.get(node_id)
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
    entry.run_from(base if node.timeout_ns else None)
    run.owed = _without(run.owed if run.entries else definition.ids, node_id)
    run.entries[event.event_id] = entry
    nodes[node_id] = Occurrences(entry)
    run.last_arrival = now
    run.size_bytes += size
    if definition.timed:
        _move_deadlines(run, entry, definition, now)
    if node.validator is not None:
        ask(run, node, entry, "validator", node.validator, questions)
    return True


def restore_plainly(run: Run) -> bool:
    """Read what the entries of a stored run rest on, if all of them are plain; else change nothing and return False."""
    if _has_something_amiss(run):
        return False
    definition = run.definition
    bases: list[tuple[Entry, Entry | None]] = []
    for entry in run.entries.values():
        node = definition.plain.get(entry.node)
        if node is None or entry.standing != "counted" or len(run.nodes[entry.node].counted) > 1:
            return False
        base = _base(run, node, entry.ts)
        if (node.deps and base is None) or not _is_settled(run, node, entry):
            return False
        bases.append((entry, base if node.timeout_ns else None))
    for entry, base in bases:
        entry.run_from(base)
    return True


def _is_settled(run: Run, node: Node, entry: Entry) -> bool:
    """Tell whether a stored entry needs no answer of its validator but the one it has, which is `true` (R6)."""
    result = entry.validated
    if node.validator is None:
        return result is None
    return (
        result is not None
        and result.outcome == "true"
        and result.seen == tuple([run.nodes[dep].version for dep in node.deps])
    )


def _is_ordinary(event: Event, definition: Definition, recorded_at: int) -> bool:
    """Tell whether the event brings nothing but itself: no lesson, no option, no mark (R4, R14, R22, R25)."""
    return (
        (event.teaches is None or event.teaches == definition.nothing_new.get(event.node))
        and event.options is None
        and not event.excluded
        and not event.stamped
        and event.ts <= recorded_at + SKEW_NS
    )


def _is_in_order(run: Run, event: Event, now: int) -> bool:
    """Tell whether nothing is amiss in the run, the event is new to it, and it has room and time for one."""
    definition = run.definition
    return not (
        event.event_id in run.entries
        or _has_something_amiss(run)
        or len(run.entries) >= definition.max_events
        or run.opened_at + definition.max_open_ns <= now
    )


def _has_something_amiss(run: Run) -> bool:
    """Tell whether something was said of the run, or it has anything that an ordinary run lacks."""
    return bool(
        run.waiting
        or run.leaning
        or run.failing
        or run.sticky
        or run.gaps
        or run.stamped
        or run.said.revision
        or run.definition is not run.pinned
    )


def _base(run: Run, node: Node, ts: int) -> Entry | None:
    """Return the dependencies' latest event, if all came before `ts` and that is in time; else None (R7 to R9)."""
    nodes = run.nodes
    base: Entry | None = None
    for dep in node.deps:
        occurrences = nodes.get(dep)
        if occurrences is None or not occurrences.counted:
            return None
        last = occurrences.counted[-1]
        if last.ts > ts:
            return None
        if base is None or last.ts > base.ts:
            base = last
    if base is not None and node.timeout_ns and ts > base.ts + node.timeout_ns:
        return None
    return base


def _without(owed: tuple[str, ...], node_id: str) -> tuple[str, ...]:
    """Return what is owed but for a node; mostly it is the first that comes next."""
    if owed and owed[0] == node_id:
        return owed[1:]
    return tuple([other for other in owed if other != node_id])


def _move_deadlines(run: Run, entry: Entry, definition: Definition, now: int) -> None:
    """End the wait for a node that came, and begin that for the nodes whose last dependency it was (R10)."""
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
