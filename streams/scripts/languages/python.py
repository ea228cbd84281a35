"""Python scripts, run by Monty: an interpreter that has nothing but the language.

Monty's pool keeps worker processes of its own; each batch of a script gets a fresh session in one
of them, so that not even the interpreter's state outlives a batch. See docs/decisions for what
this costs and what was measured.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, NamedTuple

from pydantic_monty import (
    CollectString,
    Monty,
    MontyCrashedError,
    MontyError,
    MontyRuntimeError,
    MontySession,
    MontySyntaxError,
    OSPolicy,
)

from streams.log import get_logger
from streams.scripts.cpu_time import Stopwatch
from streams.scripts.language import (
    CRASHED,
    ENDED_LATE,
    KILLED,
    OUTSIDE_SIGNALS,
    PROBE_S,
    TOO_LARGE,
    TOO_LONG,
    EngineFailed,
    Fault,
    NotCompiled,
    OverLimits,
    Pass,
    first_calls,
)
from streams.scripts.limits import TRIALS
from streams.scripts.python_source.answers import explained_answer, plain_answer
from streams.scripts.python_source.program import MARK, TEXTS, TRUE, marked_lines, read_script
from streams.scripts.resource_limits import confine, step_back

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from streams.engine.script_calls import ScriptCall
    from streams.scripts.limits import Limits
    from streams.scripts.python_source.program import Programs

log = get_logger(__name__)

GRACE_S = 0.02
"""Time that the interpreter gets to stop itself before its process is killed."""

COMPILE_S = 5
"""Time to compile a script; none of it runs yet, so that only a busy machine needs as much."""

COMPILE_TRIES = 2
"""A fault twice in compiling a script counts: once may be chance."""

CHECKOUT_S = 30
"""Time to get a process: there is one for each thread that may ask, unless none can be started."""

UNREADABLE = "its answer cannot be read"

TWIN_SLOWNESS = 4
"""The twin that explains a failure takes up to this many times the time of the script.

But no more than a call may take, if it was a short one: then there is no explanation.
"""

# A script cannot read a clock or draw lots: calls that slip through the rules raise instead.
_NO_WORLD: OSPolicy = {"datetime": "call_host", "random_start": "call_host", "sleep": "call_host"}


class PythonEngine:
    """Compiles python scripts, and holds the pool that runs them.

    Raises:
        EngineFailed: the interpreter cannot be started.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._smallest = read_script("True").answer
        self._pool = _pool(1, limits.processes + TRIALS)
        self._apart = _pool(0, 1)

    @property
    def call_s(self) -> float:
        """Time of one call in seconds."""
        return self._limits.call_s

    def stop(self) -> None:
        """End the worker processes; see `Engine`."""
        for pool in (self._pool, self._apart):
            pool.__exit__(None, None, None)

    def compile(self, source: str) -> PythonProgram:
        """Return the script ready to run; see `Engine`."""
        programs = read_script(source)
        for text in (programs.answer, programs.explain):
            self._check(text)
        return PythonProgram(self, programs)

    def _check(self, text: str) -> None:
        """Compile a program by running it on nothing.

        Raises:
            NotCompiled: it is refused.
            OverLimits: it takes too much time or memory, or crashes the interpreter.
            EngineFailed: it could not be tried.
        """
        faults = 0
        while (feed := self.feed(text, [], COMPILE_S)).fault is not None:
            fault = feed.fault
            if fault.outcome == "error":
                raise NotCompiled(f"python: {fault.message}")
            if deaths := fault.deaths_to_blame:
                self.probe(apart=False)
            faults += 1
            if faults >= (deaths or COMPILE_TRIES):
                is_starved = fault.is_starved(feed.used_s, COMPILE_S)
                failure = EngineFailed if is_starved else OverLimits
                raise failure(f"python: when it was compiled, it {fault.message}, {faults} times")

    def probe(self, *, apart: bool) -> None:
        """See `Program.probe_engine`."""
        feed = self.feed(self._smallest, [b"{}", b"{}"], PROBE_S, apart=apart)
        if feed.lines != [TRUE]:
            why = "was not answered" if feed.fault is None else feed.fault.message
            raise EngineFailed(f"python: the engine does not work: a trivial script {why}")

    def feed(self, text: str, texts: list[bytes], seconds: float, *, apart: bool = False) -> Feed:
        """Run a program on `texts` in a fresh session, and return what became of it.

        Raises:
            EngineFailed: there is no process for it.
        """
        memory_bytes = self._limits.memory_bytes + sum(map(len, texts))
        session = (self._apart if apart else self._pool).checkout(
            limits={"max_feed_duration_secs": seconds, "max_memory": memory_bytes},
            os_policy=_NO_WORLD,
            assert_message_annotations=False,
        )
        try:
            session.__enter__()
        except Exception as error:
            raise EngineFailed(f"python: the engine gives no process: {error}") from error
        printed, mark = CollectString(), secrets.token_hex(8)
        try:
            pid = session.worker_pid or 0
            confine(pid, memory_bytes, seconds)
            if apart:
                step_back(pid)
            watch = Stopwatch(pid)
            fault = _run(session, text, {TEXTS: texts, MARK: mark}, printed)
            used_s = watch.seconds()
        finally:
            _give_back(session)
        return Feed(marked_lines(printed.output, mark, len(texts) // 2), fault, used_s)


def _pool(least: int, most: int) -> Monty:
    """Return a started pool of so many processes.

    Raises:
        EngineFailed: they cannot be started.
    """
    pool = Monty(
        min_processes=least,
        max_processes=most,
        checkout_timeout=CHECKOUT_S,
        request_timeout=10,  # a backstop: the limit of a feed, with its grace, is far shorter
        feed_duration_limit_grace=GRACE_S,
    )
    try:
        pool.__enter__()
    except Exception as error:
        raise EngineFailed(f"python: the engine cannot start: {error}") from error
    return pool


def _run(
    session: MontySession, text: str, inputs: dict[str, Any], printed: CollectString
) -> Fault | None:
    try:
        session.feed_run(text, inputs=inputs, print_callback=printed)
    except MontyError as error:
        return _fault(error)
    except Exception:  # a script costs its own answers, whatever happens; a probe says whose fault
        log.exception("the python sandbox failed")
        return Fault("limit", CRASHED)
    return None


def _give_back(session: MontySession) -> None:
    """Let another have the process of a session; a process that died is replaced by the pool."""
    try:
        session.__exit__(None, None, None)
    except Exception:  # what the session answered counts all the same
        log.exception("a python sandbox process was not given back")


def _fault(error: MontyError) -> Fault:
    """Return what an exception means that a program of ours let through: it catches a script's."""
    message = str(error)
    if isinstance(error, MontyCrashedError):
        if error.timed_out:
            return Fault("limit", ENDED_LATE)
        # Its signal stands in the message alone: `… (signal: 9 (SIGKILL))`.
        is_outside = any(f"({name})" in message for name in OUTSIDE_SIGNALS)
        return Fault("limit", KILLED if is_outside else CRASHED)
    if isinstance(error, MontyRuntimeError | MontySyntaxError):
        message = error.display("type-msg")
    if message.startswith("TimeoutError:"):
        return Fault("limit", TOO_LONG)
    if message.startswith("MemoryError:"):
        return Fault("limit", TOO_LARGE)
    return Fault("error", message)


class Feed(NamedTuple):
    """What a program printed, line by line, why it stopped short, if it did, and its CPU time."""

    lines: list[str]
    fault: Fault | None
    used_s: float


class PythonProgram:
    """A python script, ready to run; see `Program`."""

    is_cheap_to_stop = True

    def __init__(self, engine: PythonEngine, programs: Programs) -> None:
        self._engine = engine
        self._programs = programs

    def run(self, calls: Sequence[ScriptCall], seconds: float, *, apart: bool) -> Pass:
        """Answer `calls`; see `Program`."""
        calls = first_calls(calls)
        lines, fault, used_s = self._engine.feed(
            self._programs.answer, _texts(calls), seconds, apart=apart
        )
        if fault is None and not lines:  # only a script that meddled with what is printed
            fault = Fault("error", UNREADABLE)
        answers = [plain_answer(call, line) for call, line in zip(calls, lines, strict=False)]
        failed = [number for number, answer in enumerate(answers) if answer is None]
        if failed:
            reasons, twin_s = self._reasons(
                [calls[number] for number in failed], seconds, apart=apart
            )
            used_s += twin_s
            for number, reason in zip(failed, reasons, strict=True):
                answers[number] = explained_answer(lines[number], reason, self._programs)
        return Pass([answer for answer in answers if answer is not None], fault, used_s)

    def probe_engine(self, *, apart: bool) -> None:
        """See `Program`."""
        self._engine.probe(apart=apart)

    def _reasons(
        self, calls: Sequence[ScriptCall], seconds: float, *, apart: bool
    ) -> tuple[list[str | None], float]:
        """Return what the twin says on each of `calls`, None behind its limit, and its CPU time."""
        allowed_s = max(seconds, min(seconds * TWIN_SLOWNESS, self._engine.call_s))
        lines, _, used_s = self._engine.feed(
            self._programs.explain, _texts(calls), allowed_s, apart=apart
        )
        return [*lines, *[None] * (len(calls) - len(lines))], used_s


def _texts(calls: Sequence[ScriptCall]) -> list[bytes]:
    return [text for call in calls for text in (call.data, call.ctx)]
