"""Drives the pure engine in tests: instants in ms after a fixed one, scripts run in process."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from schemas.ids import state_key
from schemas.units import NS_PER_MS
from schemas.wire import Event, decode_event
from streams.engine.definitions.registry import Definitions
from streams.engine.partition import Partition
from streams.engine.records import Judged, Record
from streams.engine.rules.verdicts import Decision, build_verdict, decision_at
from streams.engine.run.codec import decode_run
from streams.engine.run.timers import ceil_ms
from streams.engine.run.window import closes_at
from streams.engine.script_calls import ScriptAnswer, ScriptCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from streams.engine.run.run import Run

START_MS = 1_750_000_000_000
"""The zero of all instants in the tests: 2025-06-15 15:06:40 UTC."""
START_NS = START_MS * NS_PER_MS

Verdict = dict[str, Any]


def event(
    node: str,
    at: int = 0,
    *,
    id: str | None = None,
    run: str = "r1",
    flow: str = "f",
    **fields: Any,
) -> Event:
    """Return an event that happened `at` ms after the start."""
    content = {
        "event_id": id or f"{node}@{at}",
        "flow": flow,
        "node": node,
        "run_id": run,
        "type": "act",
        "ts": START_NS + at * NS_PER_MS,
        "data": fields.pop("data", {}),
        **fields,
    }
    return decode_event(orjson.dumps(content))


def flow(*nodes: Mapping[str, Any] | str, name: str = "f", **options: Any) -> dict[str, Any]:
    """Return a definition; a node that is a string depends on the one before it."""
    made: list[dict[str, Any]] = []
    for node in nodes:
        if isinstance(node, str):
            made.append({"id": node, "dep_ids": [made[-1]["id"]] if made else []})
        else:
            made.append(dict(node))
    return {"flow": name, "options": options, "nodes": made}


def python(source: str) -> dict[str, str]:
    """Return a script as a definition states it."""
    return {"engine": "python", "script": source}


def timeout(ms: int) -> list[dict[str, int]]:
    """Return the `conditions` of a node with that timeout."""
    return [{"timeout_ms": ms}]


def evaluate(call: ScriptCall) -> ScriptAnswer:
    """Answer a script call as the sandbox does, for expressions that tests write themselves."""
    try:
        scope = {"data": orjson.loads(call.data), "ctx": orjson.loads(call.ctx)}
        value = eval(call.source, {"__builtins__": {"len": len, "sum": sum}}, scope)
    except SyntaxError as error:
        return ScriptAnswer("not_compiled", f"python, line {error.lineno}: {error.msg}")
    except Exception as error:  # noqa: BLE001 -- any error of a script is its answer
        return ScriptAnswer("error", f"python, line 1: {type(error).__name__}: {error}")
    if value is None:
        return ScriptAnswer("none")
    if isinstance(value, bool):
        return ScriptAnswer("true" if value else "false")
    return ScriptAnswer("other", f"python: returned {value!r}")


class End(NamedTuple):
    """How a run is judged: what R3 compares."""

    status: str | None
    causes: list[str]
    nodes: dict[str, str]


class Log:
    """A partition that is fed record by record, and what it said."""

    def __init__(
        self,
        *definitions: Mapping[str, Any],
        script: Callable[[ScriptCall], ScriptAnswer] = evaluate,
    ) -> None:
        self.definitions = Definitions()
        for definition in definitions:
            self.definitions.publish(definition)
        self.partition = Partition("events", 0, self.definitions)
        self.stream_time_ns = 0
        self.script = script
        self.verdicts: list[Verdict] = []
        self.judged: list[Judged] = []
        self.calls: list[ScriptCall] = []
        self._offsets = itertools.count()

    def record(self, at: int, event: Event | None = None) -> Record:
        """Return the next record of the log, written `at` ms after the start."""
        return Record(next(self._offsets), START_NS + at * NS_PER_MS, event)

    def judge(self, records: Sequence[Record]) -> list[Verdict]:
        """Judge a batch and return the verdicts that it made."""
        self.stream_time_ns = max(
            [self.stream_time_ns, *(record.timestamp_ns for record in records)]
        )
        judgement = self.partition.judge(records)
        while judgement.calls:
            self.calls += judgement.calls
            judgement.answer([self.script(call) for call in judgement.calls])
        return self._note(judgement.judged)

    def _note(self, judged: Judged) -> list[Verdict]:
        self.judged.append(judged)
        for key, value in judged.learned:
            self.definitions.add(key, value, self.stream_time_ns)
        said = [orjson.loads(verdict.value) for verdict in judged.verdicts]
        self.verdicts += said
        return said

    def come(self, *events: Event, at: int | None = None) -> list[Verdict]:
        """Let events arrive, each when it happened or, with `at`, all at that instant."""
        said: list[Verdict] = []
        for one in events:
            # Whole milliseconds, as the timestamps of records are.
            happened = max(ceil_ms(one.ts), self.stream_time_ns) // NS_PER_MS - START_MS
            said += self.judge([self.record(happened if at is None else at, one)])
        return said

    def clock(self, at: int) -> list[Verdict]:
        """Let a clock record arrive."""
        return self.judge([self.record(at)])

    def run_on(self, until: int | None = None) -> list[Verdict]:
        """Let a clock record arrive whenever something is due, until nothing is (or until then)."""
        said: list[Verdict] = []
        while (due_ns := self.partition.next_due_ns()) is not None:
            at = due_ns // NS_PER_MS - START_MS
            if until is not None and at > until:
                break
            said += self.clock(at)
        return said if until is None else said + self.clock(until)

    def stored(self) -> dict[bytes, bytes]:
        """Return the stored form of every run."""
        return dict(self.partition.runs)

    def live(self, flow: str = "f", run: str = "r1") -> Run | None:
        """Return an open run as the partition holds it; None if only its stored form is kept."""
        held = self.partition._live  # pyright: ignore[reportPrivateUsage]
        return held.get(state_key(flow, run))

    def restart(self, states: Mapping[bytes, bytes] | None = None) -> None:
        """Lose the memory: go on with a new partition, from these stored runs or from all."""
        runs = self.stored() if states is None else dict(states)
        self.partition = Partition("events", 0, self.definitions, runs=runs)
        self.partition.restore()

    def end(self, flow: str = "f", run: str = "r1") -> End:
        """Return how a run stands when all time has passed, whether or not that was news."""
        key = state_key(flow, run)
        copy = decode_run(key, self.stored()[key], self.definitions)
        now = max(self.stream_time_ns, closes_at(copy))
        decision = decision_at(copy, now)
        # An undecided run has node statuses too; that it is undecided is told by `status`.
        shown = Decision(decision.status or "passed", decision.causes, decision.absent)
        verdict = build_verdict(copy, shown, now, "event", ("events", 0, 0))
        return End(decision.status, sorted(causes(verdict)), statuses(verdict))

    @property
    def last(self) -> Verdict:
        """The verdict that was said last."""
        return self.verdicts[-1]


def decided(verdict: Verdict) -> float:
    """Return when a verdict was decided, in ms after the start."""
    return (verdict["decided_at_ns"] - START_NS) / NS_PER_MS


def cause(verdict: Verdict, node: str, kind: str | None = None) -> dict[str, Any]:
    """Return the one cause of a node (and kind)."""
    (found,) = (
        one
        for one in verdict["causes"]
        if one["node"] == node and (kind is None or one["kind"] == kind)
    )
    return found


def reading(verdict: Verdict, node: str) -> dict[str, Any]:
    """Return what a verdict says of a node."""
    (found,) = (one for one in verdict["nodes"] if one["node"] == node)
    return found


def causes(verdict: Verdict) -> list[str]:
    """Return the causes of a verdict as `node kind`."""
    return [f"{cause['node']} {cause['kind']}" for cause in verdict["causes"]]


def statuses(verdict: Verdict) -> dict[str, str]:
    """Return node → status."""
    return {node["node"]: node["status"] for node in verdict["nodes"]}


def summary(verdicts: Iterable[Verdict]) -> list[str]:
    """Return what a reader wants to know: revision, status, and the causes or what is absent."""
    return [
        " ".join(
            [
                str(verdict["revision"]),
                verdict["status"],
                *(
                    causes(verdict)
                    or [
                        f"{n} {s}"
                        for n, s in statuses(verdict).items()
                        if s in {"missing", "unreached"}
                    ]
                ),
            ]
        )
        for verdict in verdicts
    ]
