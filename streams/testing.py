"""Judges what the tests of a service recorded, by the engine of the worker.

No broker and no waiting: time is an argument of the engine. After the last event it is advanced to
each due instant, until every run is closed.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import orjson

from producer_sdk.testing import recorded
from schemas.encoding import encode_json
from schemas.topics import EVENTS
from schemas.units import NS_PER_MS
from schemas.wire import decode_event
from streams.engine.definitions.registry import Definitions
from streams.engine.partition import Partition
from streams.engine.records import Judged, Record
from streams.flows.checks import check_files
from streams.flows.files import load_flow_file
from streams.replay.recorded import judge_and_learn
from streams.scripts.limits import Limits
from streams.scripts.sync import SyncSandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from pathlib import Path

    from producer_sdk import Redaction
    from streams.engine.script_calls import ScriptAnswer, ScriptCall

    Evaluate: TypeAlias = Callable[[Sequence[ScriptCall]], Sequence[ScriptAnswer]]

Status: TypeAlias = Literal["passed", "failed", "incomplete"]
Verdict: TypeAlias = "dict[str, Any]"
"""A verdict as it stands on the wire, see `schemas.v1.verdict`."""

_END_OF_TIME_NS = 2**63 - 1
# A machine that runs many tests at once is slow; a script that hangs is still ended.
_PATIENT = Limits(call_ms=1_000, program_ms=5_000, batch_ms=60_000)


def start_sandbox() -> SyncSandbox:
    """Start the sandbox that tests share; close it after the last one."""
    return SyncSandbox(_PATIENT)


class FlowRun:
    """The events that a test recorded, and the verdicts on them.

    Attributes:
        events: the events as a worker reads them, in the order of the calls.
    """

    def __init__(self, events: list[dict[str, Any]], scripts: SyncSandbox) -> None:
        self.events = events
        self._scripts = scripts
        self._definitions: list[Mapping[str, Any]] = []
        self._pauses: list[tuple[int, int]] = []

    def define(self, *flows: str | Path) -> None:
        """Judge by flow files too, as if they had been applied long ago.

        Raises:
            InvalidFlowFile: with every problem and its line.
        """
        files = [load_flow_file(path) for path in flows]
        self._scripts.run(lambda sandbox: check_files(files, sandbox))
        self._definitions += [file.definition for file in files]

    def later(self, milliseconds: int) -> None:
        """Advance time without waiting: events from here on happen that much later."""
        self._pauses.append((len(self.events), milliseconds * NS_PER_MS))

    def verdict(self, flow: str, run_id: str) -> Verdict | None:
        """Return the last verdict on a run, None if there is none."""
        return self.verdicts().get((flow, run_id))

    def verdicts(self) -> dict[tuple[str, str], Verdict]:
        """Return the last verdict on every run, once all are closed, by flow and run id."""
        latest: dict[tuple[str, str], Verdict] = {}
        for judged in self._judged():
            for out in judged.verdicts:
                verdict: Verdict = orjson.loads(out.value)
                latest[verdict["flow"], verdict["run_id"]] = verdict
        return latest

    def assert_flow(self, flow: str, run_id: str, status: Status = "passed") -> Verdict:
        """Assert that a run ends with a status, and return its last verdict.

        Raises:
            AssertionError: it does not; says why, node by node.
        """
        verdict = self.verdict(flow, run_id)
        if verdict is None or verdict["status"] != status:
            raise AssertionError(self._complaint(flow, run_id, status, verdict))
        return verdict

    def _judged(self) -> Generator[Judged]:
        definitions = Definitions(forgets=False)
        for definition in self._definitions:
            definitions.publish(definition)
        log = _Log(definitions, self._scripts.evaluate)
        for event in self._stamped():
            yield from log.take(encode_json(event))
        yield from log.run_on(_END_OF_TIME_NS)

    def _stamped(self) -> Generator[dict[str, Any]]:
        for number, event in enumerate(self.events):
            passed_ns = sum(pause for before, pause in self._pauses if before <= number)
            yield event | {"ts": event["ts"] + passed_ns}

    def _complaint(self, flow: str, run_id: str, status: Status, verdict: Verdict | None) -> str:
        said = "there is no verdict" if verdict is None else f"it is {verdict['status']}"
        lines = [f"run {run_id} of {flow} should be {status}, but {said}"]
        if verdict is not None:
            lines += [f"  {cause['kind']}: {cause['message']}" for cause in verdict["causes"]]
            lines += [
                f"  {node['node']}: {node['status']}"
                for node in verdict["nodes"]
                if node["status"] != "passed"
            ]
        nodes = [
            event["node"]
            for event in self.events
            if (event["flow"], event["run_id"]) == (flow, run_id)
        ]
        lines.append(f"  recorded in this run: {', '.join(nodes) or 'nothing'}")
        others = {(event["flow"], event["run_id"]) for event in self.events} - {(flow, run_id)}
        lines += [f"  recorded too: run {other} of {of}" for of, other in sorted(others)]
        return "\n".join(lines)


class _Log:
    """One partition, whose log takes each event at its own `ts`."""

    def __init__(self, definitions: Definitions, evaluate: Evaluate) -> None:
        self._definitions = definitions
        self._evaluate = evaluate
        self._partition = Partition(EVENTS.name, 0, definitions)
        self._offset = 0

    def take(self, value: bytes) -> Generator[Judged]:
        """Judge an event, after what falls due before it."""
        event = decode_event(value)
        recorded_ns = -(-event.ts // NS_PER_MS) * NS_PER_MS
        yield from self.run_on(recorded_ns - 1)
        yield self._judge(Record(self._offset, recorded_ns, event))

    def run_on(self, until_ns: int) -> Generator[Judged]:
        """Advance to each due instant, as the clock records of a worker do."""
        while (due_ns := self._partition.next_due_ns()) is not None and due_ns <= until_ns:
            yield self._judge(Record(self._offset, due_ns, None))

    def _judge(self, record: Record) -> Judged:
        self._offset += 1
        return judge_and_learn(self._partition, self._definitions, [record], self._evaluate)


@contextlib.contextmanager
def recorded_flow(scripts: SyncSandbox, *, redact: Redaction | None = None) -> Generator[FlowRun]:
    """Keep events instead of sending them, to be judged; strict, as `producer_sdk.testing.recorded`.

    Args:
        scripts: runs validators and filters; see `start_sandbox`.
        redact: what to take out of the events; by default, what `initialize` was given.
    """
    with recorded(redact=redact) as events:
        yield FlowRun(events, scripts)


__all__ = ["FlowRun", "Status", "SyncSandbox", "Verdict", "recorded_flow", "start_sandbox"]
