"""Interface of script languages: compile a script, run its calls in order.

Both block, for at most the time that they are given, and are called from threads of the sandbox.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.engine.script_calls import ScriptAnswer, ScriptCall

MAX_DETAIL_CHARS = 500
"""A detail of an answer is cut here: it goes into causes, and so into topics."""

MAX_SOURCE_CHARS = 32_768
"""A longer script is refused. It bounds the cost of parsing in our own process."""


MAX_CALLS_PER_PASS = 1_000
MAX_BYTES_PER_PASS = 4 << 20
"""A pass takes no more calls than these, so that their data stay small beside the memory of a call."""


TOO_LONG = "took too long"
TOO_LARGE = "used too much memory"
ENDED_LATE = "took too long and its sandbox process was ended"
CRASHED = "crashed, and its sandbox process was ended"
KILLED = "was ended from outside: its sandbox process was killed"
"""Messages of faults, the same in every engine."""

DEATHS = {CRASHED: 2, KILLED: 5}
"""A process that died, and was not ended by us, may be the machine's fault. Its call is to blame when so many
processes have died of it alone, while a trivial script ran well in between. More where the signal is one that
operators and a kernel without memory send."""

OUTSIDE_SIGNALS = frozenset({"SIGHUP", "SIGINT", "SIGQUIT", "SIGKILL", "SIGTERM"})
"""Signals that no fault of an engine raises."""

PROBE_S = 0.5
"""Time of the trivial script that shows whether an engine works."""


class NotCompiled(Exception):
    """A script cannot be run; the message names engine, place and reason, for people."""


class OverLimits(NotCompiled):
    """A script goes over its limits, or crashes its engine, when it is compiled."""


class EngineFailed(Exception):
    """An engine cannot start or answer now, which says nothing about the script; the message says why."""


class CallFault(NamedTuple):
    """Why a pass stopped at a call."""

    outcome: Literal["limit", "error"]
    """`limit`: a budget, or a crash of the sandbox, is worth a second try; `error` is not."""

    message: str
    """For people: `took too long`."""

    @property
    def deaths_to_blame(self) -> int:
        """Processes that must die of the call before it is to blame; 0 if its process did not die."""
        return DEATHS.get(self.message, 0)

    def is_starved(self, used_s: float, budget_s: float) -> bool:
        """Return True if the call was late because the machine was busy with something else.

        Args:
            used_s: CPU time that it got.
            budget_s: CPU time that it may use.
        """
        return self.message in {TOO_LONG, ENDED_LATE} and used_s < budget_s / 2


class PassResult(NamedTuple):
    """Result of a pass: answers to its first calls, then perhaps a fault; at least one of them."""

    answers: list[ScriptAnswer]
    fault: CallFault | None = None
    """Fault of the call behind the last answer, if any; the calls after it have not run."""

    used_s: float = 0.0
    """CPU time of the sandbox process, or elapsed time where it cannot be measured."""


class CompiledScript(Protocol):
    """A compiled script."""

    is_cheap_to_stop: bool
    """Whether it can be stopped at any time, so that a short first try is worthwhile."""

    def run(self, calls: Sequence[ScriptCall], seconds: float, *, quarantined: bool) -> PassResult:
        """Answer `calls` from the first on, in `seconds` altogether.

        Args:
            calls: of this script.
            seconds: time for all.
            quarantined: whether in a process for scripts that went over their limits, which has a
                lower priority.

        No call sees anything of another. A pass may end early without a fault: the rest is for
        the next one.

        Raises:
            EngineFailed: the engine gives no process.
        """
        ...

    def probe_engine(self, *, quarantined: bool) -> None:
        """Run a trivial script where the calls run.

        Raises:
            EngineFailed: it gets no answer, so that the engine is at fault.
        """
        ...


class Language(Protocol):
    """A language that scripts may be written in, with the engine that runs it."""

    def compile(self, source: str) -> CompiledScript:
        """Return the script ready to run.

        Raises:
            NotCompiled: the script is refused.
            EngineFailed: the engine does not work now.
        """
        ...

    def stop(self) -> None:
        """End the processes of the engine; it is not used again."""
        ...


def cut(text: str, limit: int = MAX_DETAIL_CHARS) -> str:
    """Return `text` shortened to `limit` characters, with an ellipsis where something is gone."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def first_calls(calls: Sequence[ScriptCall]) -> Sequence[ScriptCall]:
    """Return as many of the first calls as one pass takes, at least one."""
    size = 0
    for number, call in enumerate(calls[:MAX_CALLS_PER_PASS]):
        size += len(call.data) + len(call.ctx)
        if size > MAX_BYTES_PER_PASS and number:
            return calls[:number]
    return calls[:MAX_CALLS_PER_PASS]
