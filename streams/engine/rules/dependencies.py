"""How the events that came are judged: filter, dependencies, order, lateness, validator (R4, R6 to R9, R25).

An entry is judged when it comes and again whenever something that it rests on changes; `_counted_changed` knows what.
So an event costs what its own node and the nodes around it need, however many events the run has.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from mypy_extensions import mypyc_attr

from streams.engine.rules.owed import STAMPED_LATE_NS, listed_deps, may_skip
from streams.engine.rules.script_context import build_ctx
from streams.engine.run.run import (
    MAX_STATE_BYTES,
    Entry,
    EntryCause,
    Occurrences,
    Run,
    ScriptResult,
    Standing,
    text_bytes,
)
from streams.engine.run.timers import due
from streams.engine.script_calls import ScriptAnswer, ScriptCall

if TYPE_CHECKING:
    from streams.engine.definitions.definition import Node, Program

_ts: Final = attrgetter("ts")
_OUTCOME_CAUSE: Final[dict[str, EntryCause]] = {"false": "validator", "not_compiled": "definition"}
_STANDINGS: Final[dict[str, Standing]] = {
    "true": "counted",
    "false": "excluded",
    "none": "excluded",
    "not_compiled": "refused",
}


@mypyc_attr(acyclic=True)
class Question:
    """A script whose answer a run waits for."""

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

    def answer(self, answer: ScriptAnswer) -> None:
        """Remember the answer where the judging looks for it, so that it is never asked again (R6)."""
        run, entry = self.run, self.entry
        before = entry.filtered if self.kind == "filter" else entry.validated
        if before is not None:
            run.size_bytes -= text_bytes(before.detail)
        # The state has a limit, whatever scripts have to say (R20): what does not fit is not kept.
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


class DependencyReading(NamedTuple):
    """How an event stands to its dependencies (R7, R8)."""

    satisfied: bool
    leans: bool
    """An absent dependency was passed over because it may be skipped."""
    absent: tuple[str, ...]
    """Dependencies that have no counted event and may not be skipped."""
    later: tuple[str, ...]
    """Dependencies all of whose events are after this one, beyond the tolerance."""


_SATISFIED: Final = DependencyReading(satisfied=True, leans=False, absent=(), later=())


def judge_dirty(run: Run, now: int) -> list[Question]:
    """Judge all marked entries, dependencies before dependants; returns the questions that stand in the way.

    With questions returned, answer them and call again at the same `now`.
    """
    questions: list[Question] = []
    nodes = run.definition.nodes
    waiting: dict[str, dict[str, Entry]] = {}
    while run.dirty:
        node_id = (
            next(iter(run.dirty))
            if len(run.dirty) == 1
            else min(run.dirty, key=lambda node: nodes[node].rank)
        )
        entries = run.dirty.pop(node_id)
        node, occurrences = nodes[node_id], run.nodes[node_id]
        asked = {
            id_: e
            for id_, e in entries.items()
            if not _judge(run, node, occurrences, e, now, questions)
        }
        if asked:
            waiting.setdefault(node_id, {}).update(asked)
            if node.filter is not None:
                break  # What counts downstream depends on the answer.
    for node_id, asked in waiting.items():
        run.mark(node_id, asked.values())
    return questions


def read_dependencies(run: Run, node: Node, entry: Entry) -> DependencyReading:
    """Tell whether the dependencies of an event are satisfied, and which are in the way (R7, R8)."""
    listed = listed_deps(run, node)
    absent: list[str] = []
    later: list[str] = []
    nodes = run.nodes
    for dep in listed:
        occurrences = nodes.get(dep)
        if occurrences is None or not occurrences.counted:
            absent.append(dep)
        elif not _satisfies(run, occurrences, entry):
            later.append(dep)
    if not absent and not later:
        return _SATISFIED
    there = len(listed) - len(absent)
    if node.any_dep:
        return DependencyReading(
            there > len(later),
            leans=False,
            absent=() if there else tuple(absent),
            later=tuple(later),
        )
    due_absent = [dep for dep in absent if not may_skip(run, dep)] if there and absent else absent
    return DependencyReading(
        not due_absent and not later,
        leans=len(due_absent) < len(absent),
        absent=tuple(due_absent),
        later=tuple(later),
    )


def _satisfies(run: Run, occurrences: Occurrences, entry: Entry) -> bool:
    """Tell whether one of a dependency's events is not after this one, within the tolerance (R8, R25)."""
    first = occurrences.counted[0]
    if first.ts <= entry.ts:
        return True
    tolerance = run.definition.tolerance_ns
    if first.ts <= entry.ts + (max(tolerance, STAMPED_LATE_NS) if entry.stamped else tolerance):
        return True
    if not run.stamped:
        return False
    limit = entry.ts + max(tolerance, STAMPED_LATE_NS)
    return any(dep.stamped and dep.ts <= limit for dep in occurrences.counted)


def grace_due(run: Run, entry: Entry) -> int:
    """Return the instant at which an unsatisfied dependency becomes a cause (R7, R25)."""
    grace = run.definition.grace_ns
    return due(
        entry.admitted_at + (max(grace, STAMPED_LATE_NS) if entry.stamped else grace), run.gaps
    )


def base_of(run: Run, node: Node, entry: Entry) -> Entry | None:
    """Return the event from which an event's time runs; itself where all its dependencies are after it (R9)."""
    listed = listed_deps(run, node)
    if not listed:
        return run.first()
    base: Entry | None = None
    for dep in listed:
        occurrences = run.nodes.get(dep)
        if occurrences is None or not occurrences.counted:
            continue
        candidate = occurrences.counted[-1]
        if candidate.ts > entry.ts:
            place = bisect_right(occurrences.counted, entry.ts, key=_ts)
            if place == 0:
                continue
            candidate = occurrences.counted[place - 1]
        if base is None or candidate.ts > base.ts:
            base = candidate
    return base or entry


def time_limit(node: Node, entry: Entry, base: Entry) -> int:
    """Return the latest `ts` at which an event is in time (R9, R25)."""
    return base.ts + _time_allowed(node, entry, base_stamped=base.stamped)


def _time_allowed(node: Node, entry: Entry, *, base_stamped: bool) -> int:
    return node.timeout_ns + (STAMPED_LATE_NS if entry.stamped or base_stamped else 0)


# -- one entry -------------------------------------------------------------------------------------------------------


def _judge(
    run: Run,
    node: Node,
    occurrences: Occurrences,
    entry: Entry,
    now: int,
    questions: list[Question],
) -> bool:
    """Judge one entry anew; False when it waits for a script."""
    reading = read_dependencies(run, node, entry) if node.deps else _SATISFIED
    standing: Standing = "counted"
    if node.filter is not None or entry.literal:
        answered = _read_standing(run, node, entry, reading, questions)
        if answered is None:
            return False
        standing = answered
    if standing != entry.standing:
        _place(run, node, occurrences, entry, standing, now)
        if node.branch is not None:
            # It may itself excuse what it depends on, as an alternative to that (R23).
            reading = read_dependencies(run, node, entry)
    if standing == "counted":
        causes = _judge_counted(run, node, entry, reading, now, questions)
        if causes is None:
            return False
    else:
        causes = _judge_uncounted(run, entry, reading, now)
    if run.definition.problems and node.id in run.definition.problems:
        causes = (*causes, "definition") if "definition" not in causes else causes
    if node.timeout_ns:
        _judge_lateness(run, node, occurrences, entry, causes)
    else:
        run.set_causes(entry, causes)
    return True


def _read_standing(
    run: Run, node: Node, entry: Entry, reading: DependencyReading, questions: list[Question]
) -> Standing | None:
    """Return what the filter makes of an event; None when it must be asked first (R4)."""
    if entry.literal or node.filter is None:
        return "excluded"
    result = ask(run, node, entry, "filter", node.filter, questions)
    if result is None:
        return None
    # A value or an error that makes no sense is "not yet" while a dependency is still to come.
    return _STANDINGS.get(result.outcome) or ("refused" if reading.satisfied else "undecided")


def ask(
    run: Run,
    node: Node,
    entry: Entry,
    kind: Literal["filter", "validator"],
    program: Program,
    questions: list[Question],
) -> ScriptResult | None:
    """Return what a script said of the present context; else add the question, and return None."""
    seen = tuple([run.nodes[dep].version if dep in run.nodes else 0 for dep in node.deps])
    known = entry.filtered if kind == "filter" else entry.validated
    if known is not None and known.seen == seen:
        return known
    # An entry may be judged twice before its question is answered, when others came to count meanwhile.
    if any(q.entry is entry and q.kind == kind and q.seen == seen for q in questions):
        return None
    call = ScriptCall(program.engine, program.source, kind, entry.data, build_ctx(run, node, entry))
    questions.append(Question(run, entry, kind, seen, call))
    return None


def _judge_counted(
    run: Run,
    node: Node,
    entry: Entry,
    reading: DependencyReading,
    now: int,
    questions: list[Question],
) -> tuple[EntryCause, ...] | None:
    """Return the causes of a counted event but for its lateness; None when its validator must be asked first."""
    _note_dependencies(run, entry, reading)
    if not reading.satisfied:
        entry.run_from(None)
        return _unsatisfied_causes(run, entry, reading, now)
    entry.run_from(base_of(run, node, entry) if node.timeout_ns else None)
    if node.validator is None:
        return ()
    result = ask(run, node, entry, "validator", node.validator, questions)
    if result is None:
        return None
    return (
        () if result.outcome == "true" else (_OUTCOME_CAUSE.get(result.outcome, "validator_error"),)
    )


def _judge_uncounted(
    run: Run, entry: Entry, reading: DependencyReading, now: int
) -> tuple[EntryCause, ...]:
    entry.run_from(None)
    compiled = entry.filtered is None or entry.filtered.outcome != "not_compiled"
    if entry.standing == "excluded" or not compiled:
        run.waiting.pop(entry.event_id, None)
        run.leaning.pop(entry.event_id, None)
        return () if compiled else ("definition",)
    # A filter error rests on its dependencies as much as "not yet" does: they may come to lack again.
    _note_dependencies(run, entry, reading)
    if entry.standing == "refused":
        return ("filter_error",)
    return _unsatisfied_causes(run, entry, reading, now)


def _note_dependencies(run: Run, entry: Entry, reading: DependencyReading) -> None:
    if not reading.satisfied:
        run.waiting[entry.event_id] = entry
    elif run.waiting:
        run.waiting.pop(entry.event_id, None)
    if reading.leans:
        run.leaning[entry.event_id] = entry
    elif run.leaning:
        run.leaning.pop(entry.event_id, None)


def _unsatisfied_causes(
    run: Run, entry: Entry, reading: DependencyReading, now: int
) -> tuple[EntryCause, ...]:
    """Return the causes of an event that lacks dependencies; none before its grace is over (R7, R8, R18)."""
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


def _judge_lateness(
    run: Run, node: Node, occurrences: Occurrences, entry: Entry, causes: tuple[EntryCause, ...]
) -> None:
    """Settle `late` for an entry and the next: of those with one base only the earliest must be in time (R9)."""
    counted = occurrences.counted
    if entry.standing != "counted" or len(counted) == 1:
        late = _is_late(node, entry, None)
        run.set_causes(entry, (*causes, "late") if late else causes)
        return
    place = occurrences.index(entry)
    before = _neighbour(counted, range(place - 1, -1, -1))
    late = _is_late(node, entry, before)
    run.set_causes(entry, (*causes, "late") if late else causes)
    behind = _neighbour(counted, range(place + 1, len(counted)))
    if behind is not None:
        others: tuple[EntryCause, ...] = tuple(
            [cause for cause in behind.causes if cause != "late"]
        )
        late = _is_late(node, behind, before if entry.base_ts is None else entry)
        run.set_causes(behind, (*others, "late") if late else others)


def _neighbour(counted: list[Entry], places: range) -> Entry | None:
    """Return the first entry at these places that has a base; those that wait for their dependencies have none."""
    return next((counted[place] for place in places if counted[place].base_ts is not None), None)


def _is_late(node: Node, entry: Entry, before: Entry | None) -> bool:
    base_ts = entry.base_ts
    if base_ts is None:
        return False
    if entry.ts <= base_ts + _time_allowed(node, entry, base_stamped=entry.base_stamped):
        return False
    return before is None or before.base_ts is None or before.base_ts != base_ts


# -- what a change touches -------------------------------------------------------------------------------------------


def _place(
    run: Run, node: Node, occurrences: Occurrences, entry: Entry, standing: Standing, now: int
) -> None:
    """Move an entry to where its new standing puts it, and mark all that rests on it."""
    before = entry.standing
    entry.standing = standing
    if before == "counted":
        behind = occurrences.counted[occurrences.index(entry) + 1 : occurrences.index(entry) + 2]
        occurrences.discount(entry)
        occurrences.others.append(entry)
        run.mark(node.id, behind)
        _counted_changed(run, node, occurrences, entry, added=False)
    elif standing == "counted":
        if before is not None:
            occurrences.others.remove(entry)
            entry.admitted_at = now
        occurrences.count(entry)
        _counted_changed(run, node, occurrences, entry, added=True)
    elif before is None:
        occurrences.others.append(entry)


def _counted_changed(
    run: Run, node: Node, occurrences: Occurrences, entry: Entry, *, added: bool
) -> None:
    """Mark the entries whose judgement may change because one entry came to count, or no longer does."""
    if (run.waiting or run.leaning) and len(occurrences.counted) == (1 if added else 0):
        # The node came, or is absent again: that may excuse or oblige dependencies anywhere (R7, R11, R23).
        for other in (*run.waiting.values(), *run.leaning.values()):
            if other is not entry:
                run.mark(other.node, (other,))
    for dependant_id in node.dependants:
        dependant = run.nodes.get(dependant_id)
        if dependant is not None:
            _mark_dependant(
                run, node, run.definition.nodes[dependant_id], dependant, entry, added=added
            )
    if run.definition.timed_roots:
        _mark_roots(run, entry, added=added)


def _mark_dependant(
    run: Run, node: Node, dependant: Node, there: Occurrences, entry: Entry, *, added: bool
) -> None:
    if dependant.scripted or not added or node.trigger or run.stamped:
        run.mark(dependant.id, there.entries())
        return
    run.mark(dependant.id, [e for e in run.waiting.values() if e.node == dependant.id])
    if dependant.timeout_ns and there.counted and there.counted[-1].ts >= entry.ts:
        # Their base moves to this entry, up to the next one of its node.
        counted = run.nodes[node.id].counted
        place = bisect_right(counted, entry.ts, key=_ts)
        first = bisect_left(there.counted, entry.ts, key=_ts)
        last = (
            bisect_left(there.counted, counted[place].ts, key=_ts)
            if place < len(counted)
            else len(there.counted)
        )
        run.mark(dependant.id, there.counted[first:last])


def _mark_roots(run: Run, entry: Entry, *, added: bool) -> None:
    """Mark the events whose time runs from the run's first event, if that is another one now (R9)."""
    if not added or run.first() is entry:
        for root in run.definition.timed_roots:
            if root.id in run.nodes:
                run.mark(root.id, run.nodes[root.id].entries())
