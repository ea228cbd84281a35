"""Languages whose scripts run in sandbox processes of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from streams.engine.script_calls import ScriptAnswer
from streams.scripts.language import (
    MAX_SOURCE_CHARS,
    PROBE_S,
    CallFault,
    EngineFailed,
    NotCompiled,
    OverLimits,
    PassResult,
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
"""Time to compile a script; far more than a reasonable one takes."""

COMPILE_TRIES = 2
"""A fault twice in compiling a script counts: once may be chance."""

_SMALLEST = "true"
"""A script of every language."""

_PLAIN: dict[bytes, ScriptAnswer] = {
    TRUE: ScriptAnswer("true"),
    FALSE: ScriptAnswer("false"),
    NONE: ScriptAnswer("none"),
}


class ProcessLanguage:
    """A language whose interpreter runs in sandbox processes; see `Language`.

    Args:
        name: `cel` or `js`.
        limits: budgets of scripts.
        stops_by_itself: whether the interpreter stops a script in its process when its time is over.
    """

    def __init__(self, name: str, limits: Limits, *, stops_by_itself: bool) -> None:
        self.name = name
        self.stops_by_itself = stops_by_itself
        self.processes = ProcessPool(name, limits)
        self.quarantined = ProcessPool(name, limits, quarantined=True)

    def stop(self) -> None:
        """See `Language`."""
        self.processes.stop()
        self.quarantined.stop()

    def compile(self, source: str) -> ProcessScript:
        """See `Language`."""
        if len(source) > MAX_SOURCE_CHARS:
            raise NotCompiled(
                f"{self.name}: the script has {len(source):,} characters, "
                f"at most {MAX_SOURCE_CHARS:,} are allowed"
            )
        faults: list[CallFault] = []
        while (reply := self.processes.ask(source, [], [], COMPILE_S)).fault is not None:
            self._take_compile_fault(reply, faults)
        if reply.refusal is not None:
            raise NotCompiled(f"{self.name}{reply.refusal}")
        return ProcessScript(self, source)

    def probe(self, *, quarantined: bool) -> None:
        """See `CompiledScript.probe_engine`."""
        processes = self.quarantined if quarantined else self.processes
        reply = processes.ask(_SMALLEST, [b"{}", b"{}"], [False], PROBE_S)
        if reply.lines != [TRUE]:
            why = "was not answered" if reply.fault is None else reply.fault.message
            raise EngineFailed(f"{self.name}: the engine does not work: a trivial script {why}")

    def _take_compile_fault(self, reply: Reply, faults: list[CallFault]) -> None:
        """Decide who is to blame for a fault in compiling, or let it be tried again.

        Args:
            reply: of the process.
            faults: earlier ones, to which it is added.

        Raises:
            OverLimits: the script crashes its engine.
            NotCompiled: it takes too much time or memory.
            EngineFailed: the script is not to blame.
        """
        fault = reply.fault
        if fault is None:
            return
        if deaths := fault.deaths_to_blame:
            self.probe(quarantined=False)
        faults.append(fault)
        if len(faults) < (deaths or COMPILE_TRIES):
            return
        message = f"{self.name}: when it was compiled, it {fault.message}, {len(faults)} times"
        if deaths:
            raise OverLimits(message)
        is_starved = fault.is_starved(reply.used_s, COMPILE_S)
        raise EngineFailed(message) if is_starved else NotCompiled(message)


class ProcessScript:
    """A script that has compiled in a sandbox process; see `CompiledScript`."""

    def __init__(self, language: ProcessLanguage, source: str) -> None:
        self.is_cheap_to_stop = language.stops_by_itself
        self._language = language
        self._source = source

    def run(self, calls: Sequence[ScriptCall], seconds: float, *, quarantined: bool) -> PassResult:
        """See `CompiledScript`."""
        calls = first_calls(calls)
        texts = [text for call in calls for text in (call.data, call.ctx)]
        explain = [call.kind == "validator" for call in calls]
        processes = self._language.quarantined if quarantined else self._language.processes
        reply = processes.ask(self._source, texts, explain, seconds)
        fault = reply.fault
        if reply.refusal is not None:  # it compiled before, so that this is not the script's
            fault = CallFault("limit", f"failed to compile again ({reply.refusal})")
        return PassResult(
            [_answer(self._language.name, line) for line in reply.lines], fault, reply.used_s
        )

    def probe_engine(self, *, quarantined: bool) -> None:
        """See `CompiledScript`."""
        self._language.probe(quarantined=quarantined)


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
