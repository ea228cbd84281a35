"""Causes of a failure: which hold at an instant, and their texts (R4, R6, R7, R8, R9, R10, R15, R18, R19, R20, R23)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from streams.engine.rules.dependencies import dependency_reading, grace_due
from streams.engine.rules.lateness import base_of, time_limit
from streams.engine.rules.owed import deadline_of
from streams.engine.text import clock_text, duration_text, list_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.engine.definitions.node import Node
    from streams.engine.run.entries import Entry, ScriptResult
    from streams.engine.run.run import Run

CauseKey = tuple[str, str]
"""Node and kind, which identify a cause (R15)."""


def current_causes(run: Run, now: int) -> frozenset[CauseKey]:
    """Return the causes that hold at `now`."""
    found: set[CauseKey] = set()
    if run.failing or run.permanent:
        found.update(run.failing, run.permanent)
    for node, instant in run.timeouts.items():
        if instant <= now:
            found.add((node, "timeout"))
    for branch in run.definition.exclusive_branches:
        came = [node for node in run.definition.branches[branch] if run.came(node)]
        if len(came) > 1:
            found.update((node, "branch") for node in came)
    return frozenset(found) if found else NO_CAUSES


NO_CAUSES: Final[frozenset[CauseKey]] = frozenset()


def build_cause(run: Run, key: CauseKey) -> dict[str, Any]:
    """Return a cause in the form of the verdict."""
    node_id, kind = key
    cause: dict[str, Any] = {"expected": None, "observed": None, "event_ids": [], "deadline": None}
    if key in run.permanent:
        permanent = run.permanent[key]
        cause |= {"message": permanent.message, "event_ids": [permanent.event_id]}
    elif kind == "timeout":
        cause |= _describe_timeout(run, node_id)
    elif kind == "branch":
        cause |= _describe_branch(run, node_id)
    else:
        entries = run.failing[key]
        first = min(entries, key=lambda entry: (entry.ts, entry.event_id))
        cause |= _DESCRIBE[kind](run, run.definition.nodes[node_id], first)
        if len(entries) > 1:
            cause["message"] += f" (and {len(entries) - 1} more of its events)"
        cause["event_ids"] = [
            entry.event_id
            for entry in sorted(entries, key=lambda entry: (entry.ts, entry.event_id))
        ]
    return {"node": node_id, "kind": kind, **cause}


def rests_on_limit(run: Run, causes: frozenset[CauseKey]) -> bool:
    """Return True if a cause comes from a limit of the sandbox, so that a replay may differ (R6)."""
    for node, kind in causes:
        if kind in {"validator_error", "filter_error"}:
            for entry in run.failing[node, kind]:
                result = entry.validated if kind == "validator_error" else entry.filtered
                if result is not None and result.outcome == "limit":
                    return True
    return False


def _describe_timeout(run: Run, node_id: str) -> dict[str, Any]:
    deadline = deadline_of(run, node_id)
    assert deadline is not None, node_id  # noqa: S101 -- a timeout is read from a deadline
    at = clock_text(deadline.at_ns)
    # Of alternatives the one whose deadline is the last gives its time to all (R23).
    alternatives = run.definition.branches.get(run.definition.nodes[node_id].branch or "", ())
    last = next((node for node in alternatives if run.deadlines[node] is deadline), node_id)
    span = duration_text(run.definition.nodes[last].timeout_ns)
    return {
        "message": f"{node_id}: no event within {span} after {deadline.origin} (deadline {at})",
        "expected": f"an event by {at}",
        "observed": "none",
        "deadline": deadline.at_ns,
    }


def _describe_branch(run: Run, node_id: str) -> dict[str, Any]:
    branch = run.definition.nodes[node_id].branch
    assert branch is not None, node_id  # noqa: S101 -- only nodes of a branch exclude each other
    came = [node for node in run.definition.branches[branch] if run.came(node)]
    others = [node for node in came if node != node_id]
    return {
        "message": f"{node_id}: came beside {list_text(others)}, but only one node of branch {branch} may come",
        "expected": f"one of {list_text(run.definition.branches[branch])}",
        "observed": list_text(came),
        "event_ids": [entry.event_id for entry in run.nodes[node_id].counted],
    }


# -- causes of events ------------------------------------------------------------------------------------------------


def _describe_validator(_run: Run, node: Node, _entry: Entry) -> dict[str, Any]:
    return {
        "message": f"{node.id}: the validator says that the event is wrong",
        "expected": "True",
        "observed": "False",
    }


def _describe_validator_error(_run: Run, node: Node, entry: Entry) -> dict[str, Any]:
    return _describe_no_answer(node, "validator", entry.validated)


def _describe_filter_error(_run: Run, node: Node, entry: Entry) -> dict[str, Any]:
    return _describe_no_answer(node, "filter", entry.filtered)


def _describe_no_answer(node: Node, script: str, result: ScriptResult | None) -> dict[str, Any]:
    assert result is not None, node.id  # noqa: S101 -- what was not asked gave no wrong answer
    left_out = "it returned None" if result.outcome == "none" else "the run has no room for more"
    detail = result.detail or left_out
    return {
        "message": f"{node.id}: the {script} gave no answer: {detail}",
        "expected": "True or False",
        "observed": detail,
    }


def _describe_dependency(run: Run, node: Node, entry: Entry) -> dict[str, Any]:
    known = run.definition.nodes
    absent = [dep for dep in dependency_reading(run, node, entry).absent if dep in known]
    named = [
        f"{dep} (excluded by its filter)" if _only_excluded(run, dep) else dep for dep in absent
    ]
    grace = grace_due(run, entry)
    waited = duration_text(grace - entry.admitted_at)
    return {
        "message": f"{node.id}: came without {list_text(named)}, which did not follow within {waited}",
        "expected": f"{list_text(absent)} before {node.id}",
        "observed": "none",
        "deadline": grace,
    }


def _only_excluded(run: Run, node_id: str) -> bool:
    node_events = run.nodes.get(node_id)
    return node_events is not None and any(
        entry.standing == "excluded" for entry in node_events.others
    )


def _describe_order(run: Run, node: Node, entry: Entry) -> dict[str, Any]:
    dep = dependency_reading(run, node, entry).later[0]
    first = run.nodes[dep].counted[0]
    return {
        "message": (
            f"{node.id}: happened at {clock_text(entry.ts)}, "
            f"{duration_text(first.ts - entry.ts)} before {dep} at {clock_text(first.ts)}"
        ),
        "expected": f"{dep} before {node.id}",
        "observed": f"{dep} at {clock_text(first.ts)}, {node.id} at {clock_text(entry.ts)}",
        "deadline": grace_due(run, entry),
    }


def _describe_late(run: Run, node: Node, entry: Entry) -> dict[str, Any]:
    base = base_of(run, node, entry)
    assert base is not None, node.id  # noqa: S101 -- a late event has the base that it is late by
    limit = time_limit(node, entry, base)
    at = clock_text(limit)
    return {
        "message": (
            f"{node.id}: came {duration_text(entry.ts - limit)} too late, "
            f"due {duration_text(limit - base.ts)} after {base.node} (deadline {at})"
        ),
        "expected": f"an event by {at}",
        "observed": f"an event at {clock_text(entry.ts)}",
        "deadline": limit,
    }


def _describe_definition(run: Run, node: Node, entry: Entry) -> dict[str, Any]:
    for field, result in (("filter", entry.filtered), ("validator", entry.validated)):
        if result is not None and result.outcome == "not_compiled":
            return {
                "message": f"{node.id}: its {field} does not compile: {result.detail}",
                "observed": result.detail,
            }
    problem = run.definition.problems.get(node.id)
    if problem is None:
        unknown = [
            dep
            for dep in dependency_reading(run, node, entry).absent
            if dep not in run.definition.nodes
        ]
        problem = f"it depends on {list_text(unknown)}, which no definition and no event of this run knows"
    return {
        "message": f"{node.id}: the definition that came with its event is wrong: {problem}",
        "observed": problem,
    }


_DESCRIBE: Final[dict[str, Callable[[Run, Node, Entry], dict[str, Any]]]] = {
    "validator": _describe_validator,
    "validator_error": _describe_validator_error,
    "filter_error": _describe_filter_error,
    "dependency": _describe_dependency,
    "order": _describe_order,
    "late": _describe_late,
    "definition": _describe_definition,
}
