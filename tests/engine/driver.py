"""Drives the pure engine in tests: events in milliseconds after a fixed instant, scripts answered by a Python expression."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from schemas.wire import Event, decode_event
from streams.engine.definitions import Definitions
from streams.engine.partition import Judged, Partition, Record
from streams.engine.runs import Run
from streams.engine.scripts import ScriptAnswer, ScriptCall
from streams.engine.state import encode_run

MS = 1_000_000
START_MS = 1_750_000_000_000
"""The zero of all instants in the tests."""

Verdict = dict[str, Any]


def event(
    node: str,
    at: float = 0,
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
        "ts": int((START_MS + at) * MS),
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


def evaluate(call: ScriptCall) -> ScriptAnswer:
    """Answer a script call as the sandbox does, for expressions that tests write themselves."""
    try:
        scope = {"data": orjson.loads(call.data), "ctx": orjson.loads(call.ctx)}
        value = eval(call.source, {"__builtins__": {"len": len, "sum": sum}}, scope)  # noqa: S307 -- our own text
    except SyntaxError as error:
        return ScriptAnswer("not_compiled", f"python, line {error.lineno}: {error.msg}")
    except Exception as error:  # noqa: BLE001 -- any error of a script is its answer
        return ScriptAnswer("error", f"python, line 1: {type(error).__name__}: {error}")
    outcomes: dict[Any, Any] = {True: "true", False: "false", None: "none"}
    if value is None or isinstance(value, bool):
        return ScriptAnswer(outcomes[value])
    return ScriptAnswer("other", f"python: returned {value!r}")


class Log:
    """A partition that is fed record by record, and what it said."""

    def __init__(
        self,
        *definitions: Mapping[str, Any],
        script: Callable[[ScriptCall], ScriptAnswer] = evaluate,
    ) -> None:
        self.definitions = Definitions(learns_at_once=True)
        for definition in definitions:
            self.definitions.publish(definition)
        self.partition = Partition("events", 0, self.definitions)
        self.script = script
        self.verdicts: list[Verdict] = []
        self.judged: list[Judged] = []
        self.calls: list[ScriptCall] = []
        self._offsets = itertools.count()

    def record(self, at: float, event: Event | None = None) -> Record:
        """Return the next record of the log, written `at` ms after the start."""
        return Record(next(self._offsets), int((START_MS + at) * MS), event)

    def judge(self, records: Sequence[Record]) -> list[Verdict]:
        """Judge a batch and return the verdicts that it made."""
        judging = self.partition.judge(records)
        try:
            calls = next(judging)
            while True:
                self.calls += calls
                calls = judging.send([self.script(call) for call in calls])
        except StopIteration as done:
            return self._note(done.value)

    def _note(self, judged: Judged) -> list[Verdict]:
        self.judged.append(judged)
        said = [orjson.loads(verdict.value) for verdict in judged.verdicts]
        self.verdicts += said
        return said

    def come(self, *events: Event, at: float | None = None) -> list[Verdict]:
        """Let events arrive, each when it happened or, with `at`, all at that instant."""
        said: list[Verdict] = []
        for one in events:
            arrival = (
                at
                if at is not None
                else max(one.ts / MS - START_MS, self.partition.clock_ns / MS - START_MS)
            )
            said += self.judge([self.record(arrival, one)])
        return said

    def clock(self, at: float) -> list[Verdict]:
        """Let a clock record arrive."""
        return self.judge([self.record(at)])

    def run_on(self, until: float | None = None) -> list[Verdict]:
        """Let time run on without a gap."""
        said: list[Verdict] = []
        for judged in self.partition.run_on(
            None if until is None else int((START_MS + until) * MS)
        ):
            said += self._note(judged)
        return said

    def restart(self) -> None:
        """Lose the memory: go on with a new partition from the stored form of every run."""
        stored = {
            key: encode_run(run) if isinstance(run, Run) else run
            for key, run in self.partition.runs.items()
        }
        self.partition = Partition(
            "events", 0, self.definitions, clock_ns=self.partition.clock_ns, runs=dict(stored)
        )
        self.partition.restore()

    @property
    def last(self) -> Verdict:
        """The verdict that was said last."""
        return self.verdicts[-1]


def causes(verdict: Verdict) -> list[str]:
    """Return the causes of a verdict as `node kind`."""
    return [f"{cause['node']} {cause['kind']}" for cause in verdict["causes"]]


def statuses(verdict: Verdict) -> dict[str, str]:
    """Return node → status."""
    return {node["node"]: node["status"] for node in verdict["nodes"]}


def summary(verdicts: Iterable[Verdict]) -> list[str]:
    """Return what a reader wants to know of each verdict: revision, status, causes or what is absent."""
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
