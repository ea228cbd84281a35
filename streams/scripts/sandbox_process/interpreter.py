"""Interface of the interpreters in a sandbox process, and the format of their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import orjson

if TYPE_CHECKING:
    from streams.scripts.sandbox_process.comparisons import ComparisonText

TRUE, FALSE, NONE = b"1", b"0", b"n"
"""Lines of plain answers; all others are JSON lists of an outcome and its detail."""

MAX_CHARS = 500


class ScriptRefused(Exception):
    """A script does not compile; the message says where and why, without the engine's name."""


class LimitReached(Exception):
    """A call went over its time or memory, and the engine noticed; the message says which."""


class RunnableScript(Protocol):
    """A script that an interpreter has compiled."""

    def call(self, data: bytes, ctx: bytes, *, explain: bool) -> bytes:
        """Return the line of one call, which sees nothing of any other.

        Args:
            data: JSON of the event's data.
            ctx: JSON of its context.
            explain: whether to say why it is `False`.

        Raises:
            LimitReached: it went over its time or memory.
        """
        ...


class Interpreter(Protocol):
    """Compiles and runs the scripts of one language inside this process."""

    call_s: float
    """CPU time of one call in seconds, for an engine that can bound it; it may change."""

    def compile(self, source: str) -> RunnableScript:
        """Return the script ready to be called.

        Raises:
            ScriptRefused: it does not compile.
            LimitReached: compiling went over its time or memory.
        """
        ...


def line(outcome: str, detail: str) -> bytes:
    """Return the line of an answer that needs a detail."""
    return orjson.dumps([outcome, detail[:MAX_CHARS].encode(errors="replace").decode()])


def not_boolean(engine: str, kind: str, shown: str) -> bytes:
    """Return the line for a value that is neither true nor false."""
    value = f"{shown} ({kind})" if shown else f"a value of type {kind}"
    return line("other", f"{engine}: returned {value}, not true or false")


def failed_comparison(engine: str, one: ComparisonText, left: str, right: str) -> bytes:
    """Return the line for a comparison that is false, with its two sides."""
    place = f"line {one.line}, column {one.column}"
    return line("false", f"{engine}, {place}: {one.text} → {left} {one.operator} {right}")
