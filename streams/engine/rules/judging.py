"""Judging of the events that came: filter, dependencies, validator, lateness (R4, R6, with R7 to R9 and R18).

An entry is judged when it comes and again whenever something that it rests on changes (`invalidation.py`). So an event
costs what its own node and the nodes around it need, however many events the run has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from mypy_extensions import mypyc_attr

from streams.engine.rules.dependencies import (
    SATISFIED,
    DependencyReading,
    dependency_reading,
    grace_due,
)
from streams.engine.rules.invalidation import set_standing
from streams.engine.rules.lateness import base_of, set_lateness
from streams.engine.rules.script_context import build_ctx
from streams.engine.run.entries import (
    Entry,
    EntryCause,
    NodeEvents,
    ScriptResult,
    Standing,
    text_bytes,
)
from streams.engine.run.run import MAX_STATE_BYTES, Run
from streams.engine.script_calls import ScriptAnswer, ScriptCall

if TYPE_CHECKING:
    from streams.engine.definitions.node import Node, NodeScript

_OUTCOME_CAUSE: Final[dict[str, EntryCause]] = {"false": "validator", "not_compiled": "definition"}
_STANDINGS: Final[dict[str, Standing]] = {
    "true": "counted",
    "false": "excluded",
    "none": "excluded",
    "not_compiled": "refused",
}


@mypyc_attr(acyclic=True)
class PendingCall:
    """A script call that a run waits for."""

    __slots__ = ("call", "entry", "kind", "run", "seen")

    def __init__(
        self,
        run: Run,
        entry: Entry,
        kind: Literal["filter", "validator"],
        seen: tuple[int, ...],
        call: ScriptCall,
    ) -> None:
        self.run = run
        self.entry = entry
        self.kind: Literal["filter", "validator"] = kind
        self.seen = seen
        self.call = call

    def take(self, answer: ScriptAnswer) -> None:
        """Store the answer in the entry, so that this call is never made again (R6)."""
        run, entry = self.run, self.entry
        before = entry.filtered if self.kind == "filter" else entry.validated
        if before is not None:
            run.size_bytes -= text_bytes(before.detail)
        # The state has a limit, whatever scripts return (R20): a text that does not fit is dropped.
        fits = run.size_bytes + text_bytes(answer.detail) <= MAX_STATE_BYTES
        detail = answer.detail if fits else ""
        run.size_bytes += text_bytes(detail)
        result = ScriptResult(self.seen, answer.outcome, detail)
        if self.kind == "filter":
            entry.filtered = result
        else:
            entry.validated = result
        if answer.outcome != "true":
            run.mark(entry.node, (entry,))


def judge_dirty(run: Run, now: int) -> list[PendingCall]:
    """Judge all marked entries, dependencies before dependants; return the script calls that are missing.

    When calls are returned, let each take its answer and call this again at the same `now`.
    """
    pending: list[PendingCall] = []
    nodes = run.definition.nodes
    waiting: dict[str, dict[str, Entry]] = {}
    while run.dirty:
        node_id = (
            next(iter(run.dirty))
            if len(run.dirty) == 1
            else min(run.dirty, key=lambda node: nodes[node].rank)
        )
        entries = run.dirty.pop(node_id)
        node, node_events = nodes[node_id], run.nodes[node_id]
        asked = {
            id_: e
            for id_, e in entries.items()
            if not _judge(run, node, node_events, e, now, pending)
        }
        if asked:
            waiting.setdefault(node_id, {}).update(asked)
            if node.filter is not None:
                break  # What counts downstream depends on the answer.
    for node_id, asked in waiting.items():
        run.mark(node_id, asked.values())
    return pending


def _judge(
    run: Run,
    node: Node,
    node_events: NodeEvents,
    entry: Entry,
    now: int,
    pending: list[PendingCall],
) -> bool:
    """Judge one entry; return False if it waits for a script."""
    reading = dependency_reading(run, node, entry) if node.deps else SATISFIED
    standing: Standing = "counted"
    if node.filter is not None or entry.excluded_by_client:
        answered = _filter(run, node, entry, reading, pending)
        if answered is None:
            return False
        standing = answered
    if standing != entry.standing:
        set_standing(run, node, node_events, entry, standing, now)
        if node.branch is not None:
            # It may itself excuse what it depends on, as an alternative to that (R23).
            reading = dependency_reading(run, node, entry)
    if standing == "counted":
        causes = _judge_counted(run, node, entry, reading, now, pending)
        if causes is None:
            return False
    else:
        causes = _judge_uncounted(run, entry, reading, now)
    if run.definition.problems and node.id in run.definition.problems:
        causes = (*causes, "definition") if "definition" not in causes else causes
    if node.timeout_ns:
        set_lateness(run, node, node_events, entry, causes)
    else:
        run.set_causes(entry, causes)
    return True


def _filter(
    run: Run, node: Node, entry: Entry, reading: DependencyReading, pending: list[PendingCall]
) -> Standing | None:
    """Return the standing that the filter gives an event; None if it must be called first (R4)."""
    if entry.excluded_by_client or node.filter is None:
        return "excluded"
    result = call_script(run, node, entry, "filter", node.filter, pending)
    if result is None:
        return None
    # A value that is no answer, or an error, is "not yet" while a dependency is still to come.
    return _STANDINGS.get(result.outcome) or ("refused" if reading.satisfied else "undecided")


def call_script(
    run: Run,
    node: Node,
    entry: Entry,
    kind: Literal["filter", "validator"],
    script: NodeScript,
    pending: list[PendingCall],
) -> ScriptResult | None:
    """Return a script's result for the present context; if there is none, add a pending call and return None (R6)."""
    seen = tuple([run.nodes[dep].version if dep in run.nodes else 0 for dep in node.deps])
    known = entry.filtered if kind == "filter" else entry.validated
    if known is not None and known.seen == seen:
        return known
    # An entry may be judged twice before its call is answered, when others came to count meanwhile.
    if any(p.entry is entry and p.kind == kind and p.seen == seen for p in pending):
        return None
    call = ScriptCall(script.engine, script.source, kind, entry.data, build_ctx(run, node, entry))
    pending.append(PendingCall(run, entry, kind, seen, call))
    return None


def _judge_counted(
    run: Run,
    node: Node,
    entry: Entry,
    reading: DependencyReading,
    now: int,
    pending: list[PendingCall],
) -> tuple[EntryCause, ...] | None:
    """Return the causes of a counted event except `late`; None if its validator must be called first."""
    _note_dependencies(run, entry, reading)
    if not reading.satisfied:
        entry.set_base(None)
        return _unsatisfied_causes(run, entry, reading, now)
    entry.set_base(base_of(run, node, entry) if node.timeout_ns else None)
    if node.validator is None:
        return ()
    result = call_script(run, node, entry, "validator", node.validator, pending)
    if result is None:
        return None
    return (
        () if result.outcome == "true" else (_OUTCOME_CAUSE.get(result.outcome, "validator_error"),)
    )


def _judge_uncounted(
    run: Run, entry: Entry, reading: DependencyReading, now: int
) -> tuple[EntryCause, ...]:
    entry.set_base(None)
    compiled = entry.filtered is None or entry.filtered.outcome != "not_compiled"
    if entry.standing == "excluded" or not compiled:
        run.waiting.pop(entry.event_id, None)
        run.conditional.pop(entry.event_id, None)
        return () if compiled else ("definition",)
    # A filter error rests on its dependencies as much as "not yet" does: one of them may be excluded again.
    _note_dependencies(run, entry, reading)
    if entry.standing == "refused":
        return ("filter_error",)
    return _unsatisfied_causes(run, entry, reading, now)


def _note_dependencies(run: Run, entry: Entry, reading: DependencyReading) -> None:
    if not reading.satisfied:
        run.waiting[entry.event_id] = entry
    elif run.waiting:
        run.waiting.pop(entry.event_id, None)
    if reading.conditional:
        run.conditional[entry.event_id] = entry
    elif run.conditional:
        run.conditional.pop(entry.event_id, None)


def _unsatisfied_causes(
    run: Run, entry: Entry, reading: DependencyReading, now: int
) -> tuple[EntryCause, ...]:
    """Return the causes of an event with unsatisfied dependencies; none before its grace is over (R7, R8, R18)."""
    if grace_due(run, entry) > now:
        return ()
    causes: list[EntryCause] = []
    known = run.definition.nodes
    if any(dep in known for dep in reading.absent):
        causes.append("dependency")
    if any(dep not in known for dep in reading.absent):
        # Only now: until its grace is over, an event of this very run may still teach the node.
        causes.append("definition")
    if reading.later:
        causes.append("order")
    return tuple(causes)
