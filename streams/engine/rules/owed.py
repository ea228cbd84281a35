"""Owed nodes: which absent nodes may be skipped, which are owed, and their deadlines (R10, R11, R23, R24, R25, R26)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.engine.run.run import Deadline, Run
from streams.engine.run.timers import STAMPED_LATE_NS, due

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.engine.definitions.node import Node


def is_skippable(run: Run, node_id: str) -> bool:
    """Return True if a node without counted event may be skipped, given what came so far (R11, without R26)."""
    definition = run.definition
    node = definition.nodes.get(node_id)
    if node is None:
        return False
    if not node.required or node.trigger or node.ends_run:
        return True
    if node.branch is not None and any(
        run.came(other) for other in definition.branches[node.branch] if other != node_id
    ):
        return True
    listed = listed_deps(run, node)
    return bool(listed) and all(not run.came(dep) and is_skippable(run, dep) for dep in listed)


def listed_deps(run: Run, node: Node) -> tuple[str, ...]:
    """Return the dependencies of a node, without triggers that have no event (R24)."""
    if not node.triggered:
        return node.deps
    nodes = run.definition.nodes
    return tuple(
        dep for dep in node.deps if not (dep in nodes and nodes[dep].trigger and not run.came(dep))
    )


def are_deps_satisfied(run: Run, node: Node) -> bool:
    """Return True if an event of an absent node that came now would find its dependencies (R7)."""
    listed = listed_deps(run, node)
    if not listed:
        return True
    came = [dep for dep in listed if run.came(dep)]
    if node.any_dep or len(came) == len(listed):
        return bool(came)
    return bool(came) and all(is_skippable(run, dep) for dep in listed if dep not in came)


def owed_nodes(run: Run) -> tuple[str, ...]:
    """Return the nodes that must still get a counted event, in the order of the definition."""
    definition = run.definition
    nodes = run.nodes
    absent = [node for node in definition.nodes if node not in nodes or not nodes[node].counted]
    if definition.all_owed:
        return tuple(absent)
    ended = [duties for node, duties in definition.run_enders.items() if run.came(node)]
    return tuple(
        node
        for node in absent
        if not is_skippable(run, node) and (not ended or any(node in duties for duties in ended))
    )


def refresh_deadlines(run: Run, now: int) -> None:
    """Refresh the deadlines and timeouts of the owed nodes; each counts from when it got its present value (R10)."""
    before, run.deadlines = run.deadlines, {}
    for node in _timed_candidates(run):
        base = deadline_value(run, node)
        if base is None or not (len(node.deps) < 2 or are_deps_satisfied(run, node)):  # noqa: PLR2004
            continue
        value, origin = base
        known = before.get(node.id)
        # The floor: a producer that was cut off sends old events late, and the next ones right behind.
        at = known.at_ns if known is not None and known.value_ns == value else max(value, now)
        run.deadlines[node.id] = Deadline(value, at, origin)
    refresh_timeouts(run)


def _timed_candidates(run: Run) -> Iterator[Node]:
    """Yield owed nodes with a timeout, and the alternatives to an owed node (R23)."""
    owed = run.owed
    branches = run.definition.branches
    for node in run.definition.timed:
        if node.id in owed or (
            node.branch is not None
            and not run.came(node.id)
            and any(other in owed for other in branches[node.branch])
        ):
            yield node


def deadline_value(run: Run, node: Node) -> tuple[int, str] | None:
    """Return base + timeout of an absent node, and the node of the base event; None while it has no base.

    A root's base is the run's first event, as in R9.
    """
    latest = None
    listed = listed_deps(run, node)
    for dep in listed:
        node_events = run.nodes.get(dep)
        if node_events is not None and node_events.counted:
            last = node_events.counted[-1]
            if latest is None or last.ts > latest.ts:
                latest = last
    if not listed:
        latest = run.first()
    if latest is None:
        return None
    return latest.ts + node.timeout_ns + (
        STAMPED_LATE_NS if latest.stamped_at_flush else 0
    ), latest.node


def deadline_of(run: Run, node_id: str) -> Deadline | None:
    """Return the deadline at which a node times out; alternatives time out together, at their last (R23)."""
    own = run.deadlines.get(node_id)
    if own is None or node_id not in run.owed:
        return None
    branch = run.definition.nodes[node_id].branch
    if branch is None:
        return own
    together = [run.deadlines.get(other) for other in run.definition.branches[branch]]
    if any(deadline is None for deadline in together):
        return None
    return max(
        (deadline for deadline in together if deadline is not None),
        key=lambda deadline: deadline.at_ns,
    )


def refresh_timeouts(run: Run) -> None:
    """Refresh the instants at which absences become timeouts: deadline + grace, moved by outages (R10, R25, R27)."""
    if not run.deadlines:
        run.timeouts = {}
        return
    grace = run.definition.grace_ns + (STAMPED_LATE_NS if run.stamped_at_flush else 0)
    run.timeouts = {
        node: due(deadline.at_ns + grace, run.outages)
        for node in run.deadlines
        # There is no timeout beside a filter error (R4).
        if (node, "filter_error") not in run.failing
        and (deadline := deadline_of(run, node)) is not None
    }
