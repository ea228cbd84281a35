"""For the tests of a service: what it recorded, judged by the engine of the worker.

No broker and no waiting: time is an argument of the engine, so after the last event it runs on in
steps to each instant at which something falls due, until every run is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
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
from streams.flows.files import load_flow_file
from streams.scripts.limits import Limits
from streams.scripts.sandbox import create_sandbox

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


class Scripts:
    """The sandbox of the worker, for callers with or without an event loop of their own.

    Its processes start with the first script.
    """

    def __init__(self) -> None:
        # The loop lives in a thread of its own: a test may be a coroutine, in a running loop.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="duly-scripts")
        self._runner = asyncio.Runner()
        self._sandbox = create_sandbox(_PATIENT)
        self._thread.submit(lambda: self._runner.run(self._sandbox.start())).result()

    def evaluate(self, calls: Sequence[ScriptCall]) -> list[ScriptAnswer]:
        """Run scripts; the answers are in the order of the calls."""
        return self._thread.submit(lambda: self._runner.run(self._sandbox.evaluate(calls))).result()

    def close(self) -> None:
        """End the sandbox and its processes."""
        self._thread.submit(lambda: self._runner.run(self._sandbox.stop())).result()
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()


class FlowRun:
    """What a test recorded, and what Duly says of it.

    Attributes:
        events: the events as a worker reads them, in the order of the calls.
    """

    def __init__(self, events: list[dict[str, Any]], evaluate: Evaluate) -> None:
        self.events = events
        self._evaluate = evaluate
        self._definitions: list[Mapping[str, Any]] = []
        self._pauses: list[tuple[int, int]] = []

    def define(self, *flows: str | Path) -> None:
        """Judge by flow files too, as if they had been applied long ago.

        Raises:
            InvalidFlowFile: with every problem and its line.
        """
        self._definitions += [load_flow_file(path).definition for path in flows]

    def later(self, milliseconds: int) -> None:
        """Let time pass without waiting: events from here on happen that much later."""
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
        log = _Log(definitions, self._evaluate)
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
    """One partition with a log that is as quick as its events."""

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
        """Let each instant pass as it falls due, as the clock records of a worker do."""
        while (due_ns := self._partition.next_due_ns()) is not None and due_ns <= until_ns:
            yield self._judge(Record(self._offset, due_ns, None))

    def _judge(self, record: Record) -> Judged:
        self._offset += 1
        judgement = self._partition.judge([record])
        while judgement.calls:
            judgement.answer(list(self._evaluate(judgement.calls)))
        judged = judgement.judged
        for key, value in judged.learned:
            self._definitions.add(key, value, self._partition.stream_time_ns)
        return judged


@contextlib.contextmanager
def recorded_flow(scripts: Scripts, *, redact: Redaction | None = None) -> Generator[FlowRun]:
    """Keep events instead of sending them, to be judged; strict, as `producer_sdk.testing.recorded`.

    Args:
        scripts: runs validators and filters.
        redact: what to take out of the events; by default, what `initialize` was given.
    """
    with recorded(redact=redact) as events:
        yield FlowRun(events, scripts.evaluate)


__all__ = ["FlowRun", "Scripts", "Status", "Verdict", "recorded_flow"]
