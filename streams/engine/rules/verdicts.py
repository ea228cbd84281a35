"""Verdicts: status of a run, revision, identity, status of its nodes (R12, R14, R15, R16, R17, R21)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from mypy_extensions import mypyc_attr

from schemas.encoding import encode_to_keep
from schemas.ids import verdict_id
from streams.engine.rules.causes import (
    NO_CAUSES,
    CauseKey,
    build_cause,
    current_causes,
    rests_on_limit,
)
from streams.engine.rules.lateness import base_of
from streams.engine.rules.owed import are_deps_satisfied, deadline_of
from streams.engine.run.entries import Entry, NodeEvents
from streams.engine.run.run import LastVerdict, Run
from streams.engine.run.window import is_closed, settles_at

if TYPE_CHECKING:
    from streams.engine.definitions.node import Node

Status = Literal["passed", "failed", "incomplete"]
Trigger = Literal["event", "deadline", "window", "definition"]

_NOBODY: Final[frozenset[tuple[str, str]]] = frozenset()


@mypyc_attr(acyclic=True)
class Decision:
    """Status of a run at an instant.

    Attributes:
        status: None while the run is undecided and the last verdict stands.
        causes: node and kind of each.
        absent: at the close of an incomplete run, node and whether it is `missing` or `unreached`.
    """

    __slots__ = ("absent", "causes", "status")

    def __init__(
        self,
        status: Status | None,
        causes: frozenset[CauseKey],
        absent: frozenset[tuple[str, str]],
    ) -> None:
        self.status: Status | None = status
        self.causes = causes
        self.absent = absent


_UNDECIDED: Final = Decision(None, NO_CAUSES, _NOBODY)
_PASSED: Final = Decision("passed", NO_CAUSES, _NOBODY)


def decision_at(run: Run, now: int) -> Decision:
    """Return the decision on a run at `now` (R12)."""
    causes = current_causes(run, now)
    if causes:
        return Decision("failed", causes, _NOBODY)
    if run.owed and not is_closed(run, now):
        return _UNDECIDED
    if not any(node_events.counted for node_events in run.nodes.values()):
        return _UNDECIDED  # Nothing counted and nothing wrong: no verdict.
    if run.owed:
        absent = frozenset((node, _absence(run, node)) for node in run.owed)
        return Decision("incomplete", NO_CAUSES, absent)
    if run.waiting or (run.learned_here and settles_at(run) > now):
        return _UNDECIDED
    return _PASSED


def is_new_revision(run: Run, decision: Decision) -> bool:
    """Return True if a decision makes the next revision (R15)."""
    last = run.last_verdict
    return decision.status is not None and not (
        decision.status == last.status
        and decision.causes == last.causes
        and decision.absent == last.absent
    )


def build_verdict(
    run: Run, decision: Decision, now: int, trigger: Trigger, source: tuple[str, int, int]
) -> dict[str, Any]:
    """Return the next revision of the run's verdict, which states a decision (R12, R15, R16, R17)."""
    before = run.last_verdict
    revision = before.revision + 1
    topic, partition, offset = source
    closed = is_closed(run, now)
    event_ids = {
        node: [entry.event_id for entry in node_events.counted]
        for node, node_events in run.nodes.items()
    }
    return {
        "v": 1,
        "verdict_id": verdict_id(run.flow, run.run_id, run.opened_at, revision),
        "flow": run.flow,
        "run_id": run.run_id,
        "revision": revision,
        "supersedes": verdict_id(run.flow, run.run_id, run.opened_at, before.revision)
        if before.revision
        else None,
        "status": decision.status,
        "previous_status": before.status or None,
        "trigger": trigger,
        "opened_at_ns": run.opened_at,
        "decided_at_ns": now,
        "window_closed": closed,
        "definition_version": run.pinned.version,
        "learned": any(
            node in run.nodes or node in run.owed for node in run.definition.learned_ids
        ),
        "reopened": run.reopened,
        "script_limit": rests_on_limit(run, decision.causes),
        "source": {"topic": topic, "partition": partition, "offset": offset},
        "nodes": [
            _node_reading(run, node, decision, event_ids, closed=closed)
            for node in run.definition.nodes.values()
        ],
        "causes": [build_cause(run, key) for key in sorted(decision.causes)],
    }


def set_last_verdict(run: Run, decision: Decision) -> None:
    """Store in the run that a decision was stated (R15)."""
    assert decision.status is not None  # noqa: S101 -- an undecided run makes no verdict
    revision = run.last_verdict.revision + 1
    run.last_verdict = LastVerdict(revision, decision.status, decision.causes, decision.absent)


def encode_verdict(verdict: dict[str, Any]) -> bytes:
    """Return the value of the verdict's record."""
    return encode_to_keep(verdict)


# -- node status -----------------------------------------------------------------------------------------------------


def _absence(run: Run, node_id: str) -> Literal["missing", "unreached"]:
    return "missing" if are_deps_satisfied(run, run.definition.nodes[node_id]) else "unreached"


def _node_reading(
    run: Run, node: Node, decision: Decision, event_ids: dict[str, list[str]], *, closed: bool
) -> dict[str, Any]:
    """Return a node's part of the verdict; `event_ids` are those of the counted events by node."""
    node_id, deps = node.id, node.deps
    node_events = run.nodes.get(node_id, _ABSENT)
    counted = node_events.counted
    if counted and decision.status == "passed":
        status: str = "passed"
    else:
        status = _node_status(run, node, node_events, decision, closed=closed)
    ids = event_ids.get(node_id, [])
    if node_events.others:
        ids = [*ids, *(entry.event_id for entry in node_events.others)]
    deadline = None if counted or node_id not in run.deadlines else deadline_of(run, node_id)
    return {
        "node": node_id,
        "status": status,
        "event_ids": ids,
        "upstream_event_ids": event_ids.get(deps[0], [])
        if len(deps) == 1
        else [event_id for dep in deps for event_id in event_ids.get(dep, ())],
        "latency_ms": _latency_ms(run, node, counted[0]) if counted and deps else None,
        "deadline_ns": None if deadline is None else deadline.at_ns,
    }


_ABSENT: Final = NodeEvents()


def _node_status(
    run: Run, node: Node, node_events: NodeEvents, decision: Decision, *, closed: bool
) -> str:
    if any(cause_node == node.id for cause_node, _ in decision.causes):
        return "failed"
    if run.waiting and any(entry.event_id in run.waiting for entry in node_events.entries()):
        return "waiting"
    if node_events.counted:
        return "passed"
    if node.id in run.owed:
        return _absence(run, node.id) if closed else "pending"
    if any(entry.standing == "excluded" for entry in node_events.others):
        return "excluded"
    return "skipped"


def _latency_ms(run: Run, node: Node, first: Entry) -> float | None:
    """Return the time from the latest dependency to the node's first event; None if none came before it."""
    base_ts = first.base_ts
    if base_ts is None or base_ts == first.ts:  # its own, or that of another at the same instant
        base = base_of(run, node, first)
        if base is None or base is first:
            return None
        base_ts = base.ts
    return (first.ts - base_ts) / 1_000_000
