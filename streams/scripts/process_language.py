"""Engines whose scripts run in sandbox processes of ours, spoken to over sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from streams.engine.script_calls import ScriptAnswer
from streams.scripts.language import (
    MAX_SOURCE_CHARS,
    PROBE_S,
    EngineFailed,
    Fault,
    NotCompiled,
    OverLimits,
    Pass,
    cut,
    first_calls,
)
from streams.scripts.process_pool import ProcessPool
from streams.scripts.sandbox_process.interpreter import FALSE, NONE, TRUE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.engine.script_calls import ScriptCall
    from streams.scripts.limits import Limits
    from streams.scripts.process_client import Reply

COMPILE_S = 0.5
"""Time to compile a script; far more than any takes that is meant well."""

COMPILE_TRIES = 2
"""A fault twice in compiling a script counts: once may be chance."""

_SMALLEST = "true"
"""A script of every language."""

_PLAIN: dict[bytes, ScriptAnswer] = {
    TRUE: ScriptAnswer("true"),
    FALSE: ScriptAnswer("false"),
    NONE: ScriptAnswer("none"),
}


class ProcessEngine:
    """An engine in sandbox processes; see `Engine`.

    Args:
        name: of the engine.
        limits: what a script may cost.
        stops_by_itself: whether the engine ends a script in its process when its time is over.
    """

    def __init__(self, name: str, limits: Limits, *, stops_by_itself: bool) -> None:
        self.name = name
        self.stops_by_itself = stops_by_itself
        self.processes = ProcessPool(name, limits)
        self.apart = ProcessPool(name, limits, apart=True)

    def stop(self) -> None:
        """See `Engine`."""
        self.processes.stop()
        self.apart.stop()

    def compile(self, source: str) -> ProcessProgram:
        """See `Engine`."""
        if len(source) > MAX_SOURCE_CHARS:
            raise NotCompiled(
                f"{self.name}: the script has {len(source):,} characters, "
                f"at most {MAX_SOURCE_CHARS:,} are allowed"
            )
        faults: list[Fault] = []
        while (reply := self.processes.ask(source, [], [], COMPILE_S)).fault is not None:
            self._take_compile_fault(reply, faults)
        if reply.refusal is not None:
            raise NotCompiled(f"{self.name}{reply.refusal}")
        return ProcessProgram(self, source)

    def probe(self, *, apart: bool) -> None:
        """See `Program.probe_engine`."""
        processes = self.apart if apart else self.processes
        reply = processes.ask(_SMALLEST, [b"{}", b"{}"], [False], PROBE_S)
        if reply.lines != [TRUE]:
            why = "was not answered" if reply.fault is None else reply.fault.message
            raise EngineFailed(f"{self.name}: the engine does not work: a trivial script {why}")

    def _take_compile_fault(self, reply: Reply, faults: list[Fault]) -> None:
        """Say whose a fault in compiling is, or let it be tried again.

        Args:
            reply: what became of it.
            faults: those before, to which it is added.

        Raises:
            OverLimits: the script crashes its engine.
            NotCompiled: it takes too much time or memory.
            EngineFailed: it is not the script's.
        """
        fault = reply.fault
        if fault is None:
            return
        if deaths := fault.deaths_to_blame:
            self.probe(apart=False)
        faults.append(fault)
        if len(faults) < (deaths or COMPILE_TRIES):
            return
        message = f"{self.name}: when it was compiled, it {fault.message}, {len(faults)} times"
        if deaths:
            raise OverLimits(message)
        is_starved = fault.is_starved(reply.used_s, COMPILE_S)
        raise EngineFailed(message) if is_starved else NotCompiled(message)


class ProcessProgram:
    """A script that has compiled in a sandbox process; see `Program`."""

    def __init__(self, engine: ProcessEngine, source: str) -> None:
        self.is_cheap_to_stop = engine.stops_by_itself
        self._engine = engine
        self._source = source

    def run(self, calls: Sequence[ScriptCall], seconds: float, *, apart: bool) -> Pass:
        """See `Program`."""
        calls = first_calls(calls)
        texts = [text for call in calls for text in (call.data, call.ctx)]
        explain = [call.kind == "validator" for call in calls]
        processes = self._engine.apart if apart else self._engine.processes
        reply = processes.ask(self._source, texts, explain, seconds)
        fault = reply.fault
        if reply.refusal is not None:  # it compiled before, so that this is not the script's
            fault = Fault("limit", f"failed to compile again ({reply.refusal})")
        return Pass([_answer(self._engine.name, line) for line in reply.lines], fault, reply.used_s)

    def probe_engine(self, *, apart: bool) -> None:
        """See `Program`."""
        self._engine.probe(apart=apart)


def _answer(name: str, line: bytes) -> ScriptAnswer:
    """Return the answer that a line stands for; the process is not trusted to write it well."""
    if line in _PLAIN:
        return _PLAIN[line]
    try:
        match orjson.loads(line):
            case [("false" | "other" | "error") as outcome, str(detail)]:
                return ScriptAnswer(outcome, cut(detail))
            case _:
                pass
    except orjson.JSONDecodeError:
        pass
    return ScriptAnswer("error", f"{name}: the answer cannot be read")
