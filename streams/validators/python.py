"""Python scripts, run by Monty: an interpreter that has nothing but the language.

Monty's pool keeps worker processes of its own; each batch of a script gets a fresh session in one
of them, so that not even the interpreter's state outlives a batch. See docs/decisions for what
this costs and what was measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pydantic_monty import (
    CollectString,
    Monty,
    MontyCrashedError,
    MontyError,
    MontyRuntimeError,
    MontySyntaxError,
    OSPolicy,
)

from streams.log import get_logger
from streams.validators.confinement import confine, cpu_time
from streams.validators.engine import EngineFailed, Fault, NotCompiled, Pass, first_calls
from streams.validators.pysource.program import TEXTS, read_script
from streams.validators.pysource.wording import explained_answer, plain_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.engine.scripts import ScriptCall
    from streams.validators.limits import Limits
    from streams.validators.pysource.program import Programs

log = get_logger(__name__)

COMPILE_S = 5
"""Time to compile a script; none of it runs yet, so that only a busy machine needs as much."""

TWIN_SLOWNESS = 4
"""The twin that explains a failure takes up to this many times the time of the script."""

# A script cannot read a clock or draw lots: calls that slip through the rules raise instead.
_NO_WORLD: OSPolicy = {"datetime": "call_host", "random_start": "call_host", "sleep": "call_host"}


class PythonEngine:
    """Compiles python scripts, and holds the pool that runs them."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pool = Monty(
            min_processes=limits.processes,
            max_processes=limits.processes,
            request_timeout=10,  # a backstop: the limit of a feed, with its grace, is far shorter
            feed_duration_limit_grace=0.1,
        )
        self._pool.__enter__()

    def stop(self) -> None:
        """End the worker processes; see `Engine`."""
        self._pool.__exit__(None, None, None)

    def compile(self, source: str) -> PythonProgram:
        """Return the script ready to run; see `Engine`."""
        programs = read_script(source)
        for text in (programs.answer, programs.explain):
            self._check(text)
        return PythonProgram(self, programs)

    def _check(self, text: str) -> None:
        """Compile a program by running it on nothing."""
        for _ in range(2):  # a process that was killed meanwhile says nothing about the script
            fault = self.feed(text, [], COMPILE_S).fault
            if fault is None:
                return
            if fault.outcome == "error":
                raise NotCompiled(f"python: {fault.message}")
        raise EngineFailed("python: the script could not be compiled in time")

    def feed(self, text: str, texts: list[bytes], seconds: float) -> Feed:
        """Run a program on `texts` in a fresh session, and return the lines that it printed."""
        printed = CollectString()
        fault = None
        try:
            fault = self._run(text, texts, seconds, printed)
        except MontyError as error:
            fault = _fault(error)
        except Exception as error:  # a script costs its own answers, whatever happens
            log.exception("the python sandbox failed")
            fault = Fault("limit", f"the sandbox failed ({error})")
        return Feed(printed.output.split("\n")[:-1], fault)

    def _run(
        self, text: str, texts: list[bytes], seconds: float, printed: CollectString
    ) -> Fault | None:
        memory_bytes = self._limits.memory_bytes + sum(map(len, texts))
        checkout = self._pool.checkout(
            limits={"max_feed_duration_secs": seconds, "max_memory": memory_bytes},
            os_policy=_NO_WORLD,
            assert_message_annotations=False,
        )
        with checkout as session:
            pid = session.worker_pid or 0
            confine(pid, memory_bytes, seconds)
            used_s = cpu_time(pid)
            try:
                session.feed_run(text, inputs={TEXTS: texts}, print_callback=printed)
            except MontyError as error:
                return _fault(error)._replace(starved=cpu_time(pid) - used_s < seconds / 2)
        return None


def _fault(error: MontyError) -> Fault:
    """Return what an exception means that a program of ours let through: it catches a script's."""
    if isinstance(error, MontyCrashedError):
        what = "took too long and" if error.timed_out else "crashed, and"
        return Fault("limit", f"{what} its sandbox process was ended")
    message = str(error)
    if isinstance(error, MontyRuntimeError | MontySyntaxError):
        message = error.display("type-msg")
    if message.startswith("TimeoutError:"):
        return Fault("limit", "took too long")
    if message.startswith("MemoryError:"):
        return Fault("limit", "used too much memory")
    return Fault("error", message)


class Feed(NamedTuple):
    """What a program printed, line by line, and why it stopped if it did not come to its end."""

    lines: list[str]
    fault: Fault | None


class PythonProgram:
    """A python script, ready to run."""

    def __init__(self, engine: PythonEngine, programs: Programs) -> None:
        self._engine = engine
        self._programs = programs

    def run(self, calls: Sequence[ScriptCall], seconds: float) -> Pass:
        """Answer `calls`; see `Program`."""
        calls = first_calls(calls)
        lines, fault = self._engine.feed(self._programs.answer, _texts(calls), seconds)
        answers = [plain_answer(call, line) for call, line in zip(calls, lines, strict=False)]
        failed = [number for number, answer in enumerate(answers) if answer is None]
        if failed:
            reasons = self._reasons([calls[number] for number in failed], seconds)
            for number, reason in zip(failed, reasons, strict=True):
                answers[number] = explained_answer(lines[number], reason, self._programs)
        return Pass([answer for answer in answers if answer is not None], fault)

    def _reasons(self, calls: Sequence[ScriptCall], seconds: float) -> list[str | None]:
        """Return what the twin says on each of `calls`, None where it went over its time."""
        text, allowed_s = self._programs.explain, seconds * TWIN_SLOWNESS
        lines = self._engine.feed(text, _texts(calls), allowed_s).lines
        return [*lines, *[None] * (len(calls) - len(lines))]


def _texts(calls: Sequence[ScriptCall]) -> list[bytes]:
    return [text for call in calls for text in (call.data, call.ctx)]
