"""The language Python, run by Monty: an interpreter without files, network or modules of the machine.

Monty's pool keeps worker processes of its own; each batch of a script gets a fresh session in one
of them, so that not even the interpreter's state outlives a batch. docs/decisions has its
cost and what was measured.
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
from streams.scripts.cpu_time import CpuTimer
from streams.scripts.language import (
    CRASHED,
    ENDED_LATE,
    KILLED,
    OUTSIDE_SIGNALS,
    PROBE_S,
    TOO_LARGE,
    TOO_LONG,
    CallFault,
    EngineFailed,
    NotCompiled,
    OverLimits,
    PassResult,
    first_calls,
)
from streams.scripts.limits import TRIALS
from streams.scripts.python_source.answers import explained_answer, plain_answer
from streams.scripts.python_source.program import MARK, TEXTS, TRUE, marked_lines, read_script
from streams.scripts.resource_limits import limit_process, lower_priority

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from streams.engine.script_calls import ScriptCall
    from streams.scripts.limits import Limits
    from streams.scripts.python_source.program import PythonPrograms

log = get_logger(__name__)

GRACE_S = 0.02
"""Time that the interpreter gets to stop by itself before its process is killed."""

COMPILE_S = 5
"""Time to compile a script; none of it runs yet, so that only a busy machine needs as much."""

COMPILE_TRIES = 2
"""A fault twice in compiling a script counts: once may be chance."""

CHECKOUT_S = 30
"""Time to get a process: there is one for each thread that may ask, unless none can be started."""

UNREADABLE = "its answer cannot be read"

TWIN_SLOWNESS = 4
"""The traced twin of a script takes up to this many times its time.

But no more than a call may take, if the script had little time: then there is no explanation.
"""

# No clock and no randomness: calls that slip through the rules raise instead.
_NO_CLOCK_OR_RANDOM: OSPolicy = {
    "datetime": "call_host",
    "random_start": "call_host",
    "sleep": "call_host",
}


class PythonLanguage:
    """Compiles python scripts, and owns the processes that run them.

    Raises:
        EngineFailed: the interpreter cannot be started.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._smallest = read_script("True").answer
        self._pool = _pool(1, limits.processes + TRIALS, limits)
        self._quarantined = _pool(0, 1, limits)

    @property
    def call_s(self) -> float:
        """Time of one call in seconds."""
        return self._limits.call_s

    def stop(self) -> None:
        """End the worker processes; see `Language`."""
        for pool in (self._pool, self._quarantined):
            pool.__exit__(None, None, None)

    def compile(self, source: str) -> PythonScript:
        """Return the script ready to run; see `Language`."""
        programs = read_script(source)
        for text in (programs.answer, programs.explain):
            self._check(text)
        return PythonScript(self, programs)

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
                self.probe(quarantined=False)
            faults += 1
            if faults >= (deaths or COMPILE_TRIES):
                is_starved = fault.is_starved(feed.used_s, COMPILE_S)
                failure = EngineFailed if is_starved else OverLimits
                raise failure(f"python: when it was compiled, it {fault.message}, {faults} times")

    def probe(self, *, quarantined: bool) -> None:
        """See `CompiledScript.probe_engine`."""
        feed = self.feed(self._smallest, [b"{}", b"{}"], PROBE_S, quarantined=quarantined)
        if feed.lines != [TRUE]:
            why = "was not answered" if feed.fault is None else feed.fault.message
            raise EngineFailed(f"python: the engine does not work: a trivial script {why}")

    def feed(
        self, text: str, texts: list[bytes], seconds: float, *, quarantined: bool = False
    ) -> Feed:
        """Run a program on `texts` in a fresh session.

        Raises:
            EngineFailed: there is no process for it.
        """
        memory_bytes = self._limits.memory_bytes + sum(map(len, texts))
        session = (self._quarantined if quarantined else self._pool).checkout(
            limits={"max_feed_duration_secs": seconds, "max_memory": memory_bytes},
            os_policy=_NO_CLOCK_OR_RANDOM,
            assert_message_annotations=False,
        )
        try:
            session.__enter__()
        except Exception as error:
            raise EngineFailed(f"python: the engine gives no process: {error}") from error
        printed, mark = CollectString(), secrets.token_hex(8)
        try:
            pid = session.worker_pid or 0
            limit_process(pid, memory_bytes, seconds)
            if quarantined:
                lower_priority(pid)
            watch = CpuTimer(pid)
            fault = _run(session, text, {TEXTS: texts, MARK: mark}, printed)
            used_s = watch.seconds()
        finally:
            _give_back(session)
        return Feed(marked_lines(printed.output, mark, len(texts) // 2), fault, used_s)


def _pool(least: int, most: int, limits: Limits) -> Monty:
    """Return a started pool of so many processes.

    Raises:
        EngineFailed: they cannot be started.
    """
    pool = Monty(
        min_processes=least,
        max_processes=most,
        checkout_timeout=CHECKOUT_S,
        request_timeout=limits.engine_reply_ms / 1_000,
        feed_duration_limit_grace=GRACE_S,
    )
    try:
        pool.__enter__()
    except Exception as error:
        raise EngineFailed(f"python: the engine cannot start: {error}") from error
    return pool


def _run(
    session: MontySession, text: str, inputs: dict[str, Any], printed: CollectString
) -> CallFault | None:
    try:
        session.feed_run(text, inputs=inputs, print_callback=printed)
    except MontyError as error:
        return _fault(error)
    except Exception:  # a script costs its own answers, whatever happens; a probe says whose fault
        log.exception("the python sandbox failed")
        return CallFault("limit", CRASHED)
    return None


def _give_back(session: MontySession) -> None:
    """Return the process of a session to the pool, which replaces one that died."""
    try:
        session.__exit__(None, None, None)
    except Exception:  # what the session answered counts all the same
        log.exception("a python sandbox process was not given back")


def _fault(error: MontyError) -> CallFault:
    """Return the fault that an exception of the interpreter stands for; a script's own are caught inside."""
    message = str(error)
    if isinstance(error, MontyCrashedError):
        if error.timed_out:
            return CallFault("limit", ENDED_LATE)
        # Its signal stands in the message alone: `… (signal: 9 (SIGKILL))`.
        is_outside = any(f"({name})" in message for name in OUTSIDE_SIGNALS)
        return CallFault("limit", KILLED if is_outside else CRASHED)
    if isinstance(error, MontyRuntimeError | MontySyntaxError):
        message = error.display("type-msg")
    if message.startswith("TimeoutError:"):
        return CallFault("limit", TOO_LONG)
    if message.startswith("MemoryError:"):
        return CallFault("limit", TOO_LARGE)
    return CallFault("error", message)


class Feed(NamedTuple):
    """Result of a program: the lines that it printed, the fault that stopped it, its CPU time."""

    lines: list[str]
    fault: CallFault | None
    used_s: float


class PythonScript:
    """A python script, ready to run; see `CompiledScript`."""

    is_cheap_to_stop = True

    def __init__(self, language: PythonLanguage, programs: PythonPrograms) -> None:
        self._language = language
        self._programs = programs

    def run(self, calls: Sequence[ScriptCall], seconds: float, *, quarantined: bool) -> PassResult:
        """Answer `calls`; see `CompiledScript`."""
        calls = first_calls(calls)
        lines, fault, used_s = self._language.feed(
            self._programs.answer, _texts(calls), seconds, quarantined=quarantined
        )
        if fault is None and not lines:  # only a script that meddled with what is printed
            fault = CallFault("error", UNREADABLE)
        answers = [plain_answer(call, line) for call, line in zip(calls, lines, strict=False)]
        failed = [number for number, answer in enumerate(answers) if answer is None]
        if failed:
            reasons, twin_s = self._reasons(
                [calls[number] for number in failed], seconds, quarantined=quarantined
            )
            used_s += twin_s
            for number, reason in zip(failed, reasons, strict=True):
                answers[number] = explained_answer(lines[number], reason, self._programs)
        return PassResult([answer for answer in answers if answer is not None], fault, used_s)

    def probe_engine(self, *, quarantined: bool) -> None:
        """See `CompiledScript`."""
        self._language.probe(quarantined=quarantined)

    def _reasons(
        self, calls: Sequence[ScriptCall], seconds: float, *, quarantined: bool
    ) -> tuple[list[str | None], float]:
        """Return the reason for each of `calls`, None behind a limit, and the CPU time of the traced twin."""
        allowed_s = max(seconds, min(seconds * TWIN_SLOWNESS, self._language.call_s))
        lines, _, used_s = self._language.feed(
            self._programs.explain, _texts(calls), allowed_s, quarantined=quarantined
        )
        return [*lines, *[None] * (len(calls) - len(lines))], used_s


def _texts(calls: Sequence[ScriptCall]) -> list[bytes]:
    return [text for call in calls for text in (call.data, call.ctx)]
