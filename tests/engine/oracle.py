"""A second implementation of the rules, for published flows: slow, and from scratch at every instant.

It shares no code with the engine. It keeps the events that came and, beside them, only what the rules
say has a history: since when an event counts, since when a deadline has its value, which outages
there were, and what was said last. Everything else is computed anew whenever it is asked for.
Instants are milliseconds here, but for `ts`, which is nanoseconds as on the wire.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import orjson

from schemas.units import NS_PER_MS
from streams.engine.script_calls import ScriptCall
from tests.engine.driver import START_NS, evaluate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from schemas.wire import Event

STAMPED_MS = 6_000
OUTAGE_MS, OUTAGE_GRACE_MS = 2_000, 10_000
Causes = frozenset[tuple[str, str]]


class Statement(NamedTuple):
    """What a verdict says, as far as the oracle knows."""

    status: str
    causes: list[tuple[str, str]]
    decided_at: int
    nodes: dict[str, str]


@dataclass
class Came:
    """An event of the run."""

    event: Event
    ts: int
    arrival: int
    counts_since: int
    counted: bool = False
    answer: str = "true"
    """What its filter says of it."""

    @property
    def order(self) -> tuple[int, str]:
        return self.ts, self.event.event_id


@dataclass
class Oracle:
    """One run of one flow."""

    definition: Mapping[str, Any]
    came: list[Came] = field(default_factory=list[Came])
    unknown: dict[str, str] = field(default_factory=dict[str, str])
    """Events of nodes that a closed flow does not have: event id → node."""
    clock: int = 0
    opened: int | None = None
    last_arrival: int = 0
    fired: int = 0
    gaps: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    deadlines: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    said: list[Statement] = field(default_factory=list[Statement])
    _last: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        self.nodes: dict[str, Mapping[str, Any]] = {n["id"]: n for n in self.definition["nodes"]}
        self.options = {
            "window_ms": 900_000,
            "max_open_ms": 604_800_000,
            "grace_ms": 1_000,
            "clock_tolerance_ms": 2_000,
            **self.definition["options"],
        }

    # -- the log -------------------------------------------------------------------------------------------------------

    def read(self, at: int, event: Event | None) -> None:
        """Take one record, written at `at`."""
        self._let_time_pass(max(self.clock, at))
        self.clock = max(self.clock, at)
        known = {one.event.event_id for one in self.came}.union(self.unknown)
        if event is None or event.event_id in known:
            return
        self.opened = self.clock if self.opened is None else self.opened
        self.last_arrival = self.fired = self.clock
        if event.node not in self.nodes:
            self.unknown[event.event_id] = event.node
        else:
            self.came.append(Came(event, event.ts, self.clock, self.clock))
        self._count()
        self._note_deadlines()
        self._say(self.clock)

    def run_on(self) -> None:
        """Let time run on without a gap until nothing is due."""
        while (instant := self._next_due()) is not None:
            self._let_time_pass(instant)
            self.clock = max(self.clock, instant)

    def _let_time_pass(self, until: int) -> None:
        while (instant := self._next_due()) is not None and instant <= until:
            if until - instant > OUTAGE_MS:
                # All that a run remembers of the log before it is when something last happened to it.
                self.gaps.append((self.fired, until))
            else:
                self.fired = instant
                self._say(instant)

    def _next_due(self) -> int | None:
        """The next instant that can change what is said: silence about nothing is no outage."""
        if self.opened is None:
            return None
        dues = self._pending()
        if self._owed() and not self._causes(self.fired) and not self._closed(self.fired):
            dues += [self._sealed(), *([] if self._pending_at(self.fired) else [self._quiet()])]
        return min((instant for instant in dues if instant > self.fired), default=None)

    def _moved(self, instant: int) -> int:
        for start, end in self.gaps:
            if start < instant < end - OUTAGE_MS:
                instant = end + OUTAGE_GRACE_MS
        return instant

    # -- what counts ---------------------------------------------------------------------------------------------------

    def _count(self) -> None:
        """R4, dependencies first: a filter sees what counts before it."""
        done: set[str] = set()
        while len(done) < len(self.nodes):
            for name, node in self.nodes.items():
                if name in done or not done.issuperset(node.get("dep_ids", ())):
                    continue
                for one in self._events(name):
                    counted_before = one.counted
                    one.answer = self._ask("filter", one) if not one.event.excluded else "false"
                    one.counted = one.answer == "true"
                    if one.counted and not counted_before:
                        one.counts_since = self.clock
                done.add(name)

    def _ask(self, kind: Literal["filter", "validator"], one: Came) -> str:
        script = self.nodes[one.event.node].get(kind)
        if script is None:
            return "true"
        ctx = orjson.dumps(self._ctx(one))
        call = ScriptCall(script["engine"], script["script"], kind, one.event.data, ctx)
        return evaluate(call).outcome

    def _ctx(self, one: Came) -> dict[str, Any]:
        """R5."""
        deps = list(dict.fromkeys(self.nodes[one.event.node].get("dep_ids", ())))
        seen = [other for dep in deps for other in self._counted(dep)]
        ctx: dict[str, Any] = {
            "deps": [
                {"flow": "f", "id": c.event.node, "data": orjson.loads(c.event.data)} for c in seen
            ]
        }
        if len(deps) == 1:
            before = [c for c in seen if c.ts <= one.ts]
            within = [c for c in seen if c.ts <= one.ts + self._tolerance(one, c)]
            chosen = before[-1:] or within[:1]
            if chosen:
                ctx["data"] = orjson.loads(chosen[0].event.data)
        return ctx

    def _events(self, node: str) -> list[Came]:
        return sorted((c for c in self.came if c.event.node == node), key=lambda c: c.order)

    def _counted(self, node: str) -> list[Came]:
        return [one for one in self._events(node) if one.counted]

    def _has(self, node: str) -> bool:
        return bool(self._counted(node))

    # -- dependencies --------------------------------------------------------------------------------------------------

    def _deps(self, node: str) -> list[str]:
        """R24: a trigger without an event is as if not listed."""
        return [
            dep
            for dep in dict.fromkeys(self.nodes[node].get("dep_ids", ()))
            if self.nodes[dep].get("type") != "trigger" or self._has(dep)
        ]

    def _tolerance(self, one: Came, dep: Came) -> int:
        tolerance = self.options["clock_tolerance_ms"]
        stamped = one.event.stamped or dep.event.stamped
        return (max(tolerance, STAMPED_MS) if stamped else tolerance) * NS_PER_MS

    def _in_order(self, one: Came, dep: str) -> bool:
        return any(c.ts <= one.ts + self._tolerance(one, c) for c in self._counted(dep))

    def _lacks(self, one: Came) -> set[str]:
        """R7, R8: the kinds of cause that the event has once its grace is over."""
        node = one.event.node
        deps = self._deps(node)
        if not deps:
            return set()
        present = [dep for dep in deps if self._has(dep)]
        later = [dep for dep in present if not self._in_order(one, dep)]
        if self.nodes[node].get("dep_mode") == "any":
            if len(later) < len(present):
                return set()
            return {"order"} if present else {"dependency"}
        absent = [d for d in deps if d not in present and not (present and self._may_skip(d))]
        return {kind for kind, deps in (("dependency", absent), ("order", later)) if deps}

    def _waits(self) -> list[Came]:
        """Events that count, or cannot be filtered yet, and lack a dependency."""
        return [c for c in self.came if (c.counted or self._odd(c)) and self._lacks(c)]

    def _odd(self, one: Came) -> bool:
        return one.answer in {"other", "error", "limit"}

    def _grace_due(self, one: Came) -> int:
        grace = self.options["grace_ms"]
        return self._moved(
            one.counts_since + (max(grace, STAMPED_MS) if one.event.stamped else grace)
        )

    # -- absence -------------------------------------------------------------------------------------------------------

    def _may_skip(self, node: str) -> bool:
        """R11, R23, R24, R26."""
        given = self.nodes[node]
        if (
            not given.get("required", True)
            or given.get("ends_run")
            or given.get("type") == "trigger"
        ):
            return True
        others = self._alternatives(node)
        if any(self._has(other) for other in others if other != node):
            return True
        deps = self._deps(node)
        return bool(deps) and all(not self._has(d) and self._may_skip(d) for d in deps)

    def _alternatives(self, node: str) -> list[str]:
        label = self.nodes[node].get("branch")
        return [n for n in self.nodes if label and self.nodes[n].get("branch") == label]

    def _follows(self, node: str, end: str) -> bool:
        deps = self.nodes[node].get("dep_ids", ())
        return end in deps or any(self._follows(dep, end) for dep in deps)

    def _owed(self) -> list[str]:
        ends = [n for n in self.nodes if self.nodes[n].get("ends_run") and self._has(n)]
        return [
            node
            for node in self.nodes
            if not self._has(node)
            and not self._may_skip(node)
            and (not ends or any(self._follows(node, end) for end in ends))
        ]

    def _reached(self, node: str) -> bool:
        """Whether the dependencies of a node without event are satisfied."""
        deps = self._deps(node)
        present = [dep for dep in deps if self._has(dep)]
        if not deps or (present and self.nodes[node].get("dep_mode") == "any"):
            return True
        return bool(present) and all(d in present or self._may_skip(d) for d in deps)

    def _note_deadlines(self) -> None:
        """R10: each deadline with the instant by which it is waited for, never before its record."""
        known, self.deadlines = self.deadlines, {}
        for node in self.nodes:
            value = self._deadline(node)
            if value is not None:
                same = node in known and known[node][0] == value
                at = known[node][1] if same else max(value, self.clock * NS_PER_MS + START_NS)
                self.deadlines[node] = (value, at)

    def _timeout_ms(self, node: str) -> int:
        return max((c["timeout_ms"] for c in self.nodes[node].get("conditions", ())), default=0)

    def _deadline(self, node: str) -> int | None:
        owed = self._owed()
        beside = any(other in owed for other in self._alternatives(node))
        if self._has(node) or not (node in owed or beside) or not self._reached(node):
            return None
        base = self._latest([c for dep in self._deps(node) for c in self._counted(dep)])
        if not self._deps(node):
            base = self._first()
        if base is None or not self._timeout_ms(node):
            return None
        return base.ts + (self._timeout_ms(node) + STAMPED_MS * base.event.stamped) * NS_PER_MS

    def _latest(self, events: list[Came]) -> Came | None:
        return max(events, key=lambda c: c.ts, default=None)

    def _first(self) -> Came | None:
        return min((c for c in self.came if c.counted), key=lambda c: c.order, default=None)

    def _timeouts(self) -> dict[str, int]:
        """Node → the instant at which its absence is a timeout."""
        stamped = any(c.event.stamped for c in self.came)
        grace = self.options["grace_ms"] + STAMPED_MS * stamped
        found: dict[str, int] = {}
        for node in self._owed():
            together = [self.deadlines.get(n) for n in self._alternatives(node) or [node]]
            errors = [c for c in self._events(node) if self._odd(c) and not self._lacks(c)]
            if errors or node not in self.deadlines or None in together:
                continue
            last = max(d[1] for d in together if d is not None)
            found[node] = self._moved(-(-(last - START_NS) // NS_PER_MS) + grace)
        return found

    # -- the window ----------------------------------------------------------------------------------------------------

    def _pending(self) -> list[int]:
        return [*map(self._grace_due, self._waits()), *self._timeouts().values()]

    def _pending_at(self, now: int) -> bool:
        return any(instant > now for instant in self._pending())

    def _quiet(self) -> int:
        return self._moved(self.last_arrival + self.options["window_ms"])

    def _sealed(self) -> int:
        assert self.opened is not None
        return self._moved(self.opened + self.options["max_open_ms"])

    def _closed(self, now: int) -> bool:
        return now >= self._sealed() or (now >= self._quiet() and not self._pending_at(now))

    # -- the verdict ---------------------------------------------------------------------------------------------------

    def _causes(self, now: int) -> Causes:
        found = {(node, "unknown_node") for node in self.unknown.values()}
        for one in self.came:
            node = one.event.node
            lacks = self._lacks(one)
            if self._odd(one) and not lacks:
                found.add((node, "filter_error"))
            elif lacks and (one.counted or self._odd(one)):
                if now >= self._grace_due(one):
                    found |= {(node, kind) for kind in lacks}
            elif one.counted:
                answer = self._ask("validator", one)
                if answer != "true":
                    kind = "validator" if answer == "false" else "validator_error"
                    found.add((node, kind))
        found |= {(node, "late") for node in self.nodes if self._is_late(node)}
        found |= {(node, "timeout") for node, due in self._timeouts().items() if now >= due}
        for node, given in self.nodes.items():
            others = [n for n in self._alternatives(node) if n != node and self._has(n)]
            if given.get("exclusive") and self._has(node) and others:
                found.add((node, "branch"))
        return frozenset(found)

    def _is_late(self, node: str) -> bool:
        """R9: of the events with one base the earliest must be in time."""
        earliest: dict[int, tuple[Came, Came]] = {}
        for one in self._counted(node):
            if self._timeout_ms(node) and not self._lacks(one):
                deps = self._deps(node)
                before = [c for d in deps for c in self._counted(d) if c.ts <= one.ts]
                base = self._latest(before) if deps else self._first()
                earliest.setdefault((base or one).ts, (one, base or one))
        return any(
            one.ts
            > base.ts
            + (self._timeout_ms(node) + STAMPED_MS * (one.event.stamped or base.event.stamped))
            * NS_PER_MS
            for one, base in earliest.values()
        )

    def _say(self, now: int) -> None:
        """R12, R15."""
        causes, owed = self._causes(now), self._owed()
        counted = any(c.counted for c in self.came)
        absent: Causes = frozenset()
        if causes:
            status = "failed"
        elif not counted:
            return
        elif not owed and not self._waits():
            status = "passed"
        elif owed and self._closed(now):
            status = "incomplete"
            absent = frozenset((n, "missing" if self._reached(n) else "unreached") for n in owed)
        else:
            return
        if (status, causes, absent) != self._last:
            self._last = (status, causes, absent)
            nodes = {node: self._status(node, causes, now) for node in self.nodes}
            self.said.append(Statement(status, sorted(causes), now, nodes))

    def _status(self, node: str, causes: Iterable[tuple[str, str]], now: int) -> str:
        if any(of == node for of, _ in causes):
            return "failed"
        if any(one.event.node == node for one in self._waits()):
            return "waiting"
        if self._has(node):
            return "passed"
        if node in self._owed():
            if not self._closed(now):
                return "pending"
            return "missing" if self._reached(node) else "unreached"
        return "excluded" if self._events(node) else "skipped"
