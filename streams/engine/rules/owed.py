"""Nodes without a counted event: what may be skipped, what is owed, and until when (R10, R11, R23, R24, R26)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from schemas.units import NS_PER_MS
from streams.engine.run.run import Deadline, Run
from streams.engine.run.timers import due

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.engine.definitions.definition import Node

STAMPED_LATE_NS: Final = 6_000 * NS_PER_MS
"""What clients that stamp when they send a batch are allowed beyond the flow's options (R25)."""


def may_skip(run: Run, node_id: str) -> bool:
    """Tell whether a node without counted event may be skipped, for whatever came so far (R11, without R26)."""
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
    return bool(listed) and all(not run.came(dep) and may_skip(run, dep) for dep in listed)


def listed_deps(run: Run, node: Node) -> tuple[str, ...]:
    """Return the dependencies of a node; one on a trigger without an event is as if not listed (R24)."""
    if not node.triggered:
        return node.deps
    nodes = run.definition.nodes
    return tuple(
        dep for dep in node.deps if not (dep in nodes and nodes[dep].trigger and not run.came(dep))
    )


def deps_satisfied(run: Run, node: Node) -> bool:
    """Tell whether the dependencies of an absent node are satisfied: would an event that comes now find them (R7)?"""
    listed = listed_deps(run, node)
    if not listed:
        return True
    came = [dep for dep in listed if run.came(dep)]
    if node.any_dep or len(came) == len(listed):
        return bool(came)
    return bool(came) and all(may_skip(run, dep) for dep in listed if dep not in came)


def read_owed(run: Run) -> tuple[str, ...]:
    """Return the nodes that must still get a counted event, in the order of the definition."""
    definition = run.definition
    nodes = run.nodes
    absent = [node for node in definition.nodes if node not in nodes or not nodes[node].counted]
    if definition.all_owed:
        return tuple(absent)
    ended = [duties for node, duties in definition.enders.items() if run.came(node)]
    return tuple(
        node
        for node in absent
        if not may_skip(run, node) and (not ended or any(node in duties for duties in ended))
    )


def read_deadlines(run: Run, now: int) -> None:
    """Bring the deadlines of the owed nodes up to date; each runs from when it got its present value (R10)."""
    before, run.deadlines = run.deadlines, {}
    for node in _timed_candidates(run):
        base = deadline_value(run, node)
        if base is None or not (len(node.deps) < 2 or deps_satisfied(run, node)):  # noqa: PLR2004
            continue
        value, origin = base
        known = before.get(node.id)
        # The floor: who was cut off sends old events late, and what is due after them comes right behind.
        at = known.at_ns if known is not None and known.value_ns == value else max(value, now)
        run.deadlines[node.id] = Deadline(value, at, origin)
    read_timeouts(run)


def _timed_candidates(run: Run) -> Iterator[Node]:
    """Owed nodes with a timeout, and the alternatives that stand beside an owed one (R23)."""
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
    """Return base + timeout of an absent node, and the node that base belongs to; None while it has no base.

    A root's base is the run's first event, as in R9.
    """
    latest = None
    listed = listed_deps(run, node)
    for dep in listed:
        occurrences = run.nodes.get(dep)
        if occurrences is not None and occurrences.counted:
            last = occurrences.counted[-1]
            if latest is None or last.ts > latest.ts:
                latest = last
    if not listed:
        latest = run.first()
    if latest is None:
        return None
    return latest.ts + node.timeout_ns + (STAMPED_LATE_NS if latest.stamped else 0), latest.node


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


def read_timeouts(run: Run) -> None:
    """Read when each absence becomes a timeout: at its deadline and the grace behind it (R10, R25, R27)."""
    if not run.deadlines:
        run.timeouts = {}
        return
    grace = run.definition.grace_ns + (STAMPED_LATE_NS if run.stamped else 0)
    run.timeouts = {
        node: due(deadline.at_ns + grace, run.gaps)
        for node in run.deadlines
        # There is no timeout beside a filter error (R4).
        if (node, "filter_error") not in run.failing
        and (deadline := deadline_of(run, node)) is not None
    }
