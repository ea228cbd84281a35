"""What is said of a run, and when: status, revision, identity (R12, R14, R15, R16)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from mypy_extensions import mypyc_attr

from schemas.encoding import encode_to_keep
from schemas.ids import verdict_id
from streams.engine.rules.causes import NO_CAUSES, CauseKey, describe, read_causes, rests_on_limit
from streams.engine.rules.dependencies import base_of
from streams.engine.rules.owed import deadline_of, deps_satisfied
from streams.engine.run.run import Entry, Occurrences, Run, Said
from streams.engine.run.window import is_closed, settles_at

if TYPE_CHECKING:
    from streams.engine.definitions.definition import Node

Status = Literal["passed", "failed", "incomplete"]
Trigger = Literal["event", "deadline", "window", "definition"]

_NOBODY: Final[frozenset[tuple[str, str]]] = frozenset()


@mypyc_attr(acyclic=True)
class Decision:
    """How a run stands at an instant.

    Attributes:
        status: what is said of it; None while it is undecided and the last verdict stands.
        causes: node and kind of what is wrong.
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


def decide(run: Run, now: int) -> Decision:
    """Read the status of a run at `now` (R12)."""
    causes = read_causes(run, now)
    if causes:
        return Decision("failed", causes, _NOBODY)
    if run.owed and not is_closed(run, now):
        return _UNDECIDED
    if not any(occurrences.counted for occurrences in run.nodes.values()):
        return _UNDECIDED  # Nothing counted and nothing wrong: nothing to say.
    if run.owed:
        absent = frozenset((node, _absence(run, node)) for node in run.owed)
        return Decision("incomplete", NO_CAUSES, absent)
    if run.waiting or (run.grew and settles_at(run) > now):
        return _UNDECIDED
    return _PASSED


def is_news(run: Run, decision: Decision) -> bool:
    """Tell whether a decision makes the next revision (R15)."""
    said = run.said
    return decision.status is not None and not (
        decision.status == said.status
        and decision.causes == said.causes
        and decision.absent == said.absent
    )


def state_verdict(
    run: Run, decision: Decision, now: int, trigger: Trigger, source: tuple[str, int, int]
) -> dict[str, Any]:
    """Return the verdict that says a decision, and remember that it was said."""
    before = run.said
    revision = before.revision + 1
    assert decision.status is not None  # noqa: S101 -- an undecided run says nothing
    run.said = Said(revision, decision.status, decision.causes, decision.absent)
    topic, partition, offset = source
    closed = is_closed(run, now)
    event_ids = {
        node: [entry.event_id for entry in occurrences.counted]
        for node, occurrences in run.nodes.items()
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
            _read_node(run, node, decision, event_ids, closed=closed)
            for node in run.definition.nodes.values()
        ],
        "causes": [describe(run, key) for key in sorted(decision.causes)],
    }


def encode_verdict(verdict: dict[str, Any]) -> bytes:
    """Return the value of the verdict's record."""
    return encode_to_keep(verdict)


# -- node status -----------------------------------------------------------------------------------------------------


def _absence(run: Run, node_id: str) -> Literal["missing", "unreached"]:
    return "missing" if deps_satisfied(run, run.definition.nodes[node_id]) else "unreached"


def _read_node(
    run: Run, node: Node, decision: Decision, event_ids: dict[str, list[str]], *, closed: bool
) -> dict[str, Any]:
    """Return how a node stands; `event_ids` are those of the counted events by node."""
    node_id, deps = node.id, node.deps
    occurrences = run.nodes.get(node_id, _ABSENT)
    counted = occurrences.counted
    if counted and decision.status == "passed":
        status: str = "passed"
    else:
        status = _node_status(run, node, occurrences, decision, closed=closed)
    ids = event_ids.get(node_id, [])
    if occurrences.others:
        ids = [*ids, *(entry.event_id for entry in occurrences.others)]
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


_ABSENT: Final = Occurrences()


def _node_status(
    run: Run, node: Node, occurrences: Occurrences, decision: Decision, *, closed: bool
) -> str:
    if any(cause_node == node.id for cause_node, _ in decision.causes):
        return "failed"
    if run.waiting and any(entry.event_id in run.waiting for entry in occurrences.entries()):
        return "waiting"
    if occurrences.counted:
        return "passed"
    if node.id in run.owed:
        return _absence(run, node.id) if closed else "pending"
    if any(entry.standing == "excluded" for entry in occurrences.others):
        return "excluded"
    return "skipped"


def _latency_ms(run: Run, node: Node, first: Entry) -> float | None:
    """Return the time from the dependency that came last to the node's first event; None where none came before it."""
    base_ts = first.base_ts
    if base_ts is None or base_ts == first.ts:  # of itself, or of another at the same instant
        base = base_of(run, node, first)
        if base is None or base is first:
            return None
        base_ts = base.ts
    return (first.ts - base_ts) / 1_000_000
