"""Interpreter of JavaScript scripts: QuickJS, with a new context for each call.

A context costs 0.1 ms, but a cheaper separation does not hold: scripts of one context share its
prototypes and globals, and even where all of them are frozen there are setters of the engine
behind them, as `Error.prepareStackTrace`, that keep what they are given.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any, NamedTuple

import orjson
import quickjs

from streams.scripts.language import TOO_LARGE, TOO_LONG
from streams.scripts.sandbox_process.comparisons import find_comparisons, place_of, without_text
from streams.scripts.sandbox_process.interpreter import (
    FALSE,
    NONE,
    TRUE,
    LimitReached,
    ScriptRefused,
    failed_comparison,
    line,
    not_boolean,
)

MAX_STACK_BYTES = 512 << 10

# The extension module has no types.
_new_context: Any = quickjs.Context  # pyright: ignore[reportUnknownVariableType]
_JSException: type[Exception] = quickjs.JSException  # pyright: ignore[reportUnknownVariableType]

_JUDGE = files(__package__ or "").joinpath("judge.js").read_text().strip()
_PLAIN = {"1": TRUE, "0": FALSE, "n": NONE}
_PLACE = re.compile(r"<input>:(\d+):(\d+)")
_ARROW = re.compile(r"\s*\(\s*[A-Za-z_$][\w$]*\s*,\s*[A-Za-z_$][\w$]*\s*\)\s*=>(?!\s*\{)")
_CLOCK = re.compile(
    r"\b(?:Math\s*\.\s*random|Date\s*\.\s*now|(?:new\s+)?Date\s*\(\s*\)|performance)(?![\w$])"
)
_NO_TIME = "scripts have no clock and no randomness, so that a replay gives the same answer"


class _Form(NamedTuple):
    """Two pairs of brackets that a script is put between, each on lines of its own.

    That it compiles in both proves that it does not close the bracket itself and go on outside of
    its function: what may follow the one bracket may not follow the other.
    """

    used: tuple[str, str]
    proof: tuple[str, str]


_EXPRESSION = _Form(("(data, ctx) => (", ")"), ("(data, ctx) => [", "]"))
_BODY = _Form(("(data, ctx) => {", "}"), ("function (data, ctx) {{", "}}"))


class JavaScriptInterpreter:
    """Compiles JavaScript with QuickJS.

    Args:
        memory_bytes: memory of one call.
    """

    def __init__(self, memory_bytes: int) -> None:
        self.call_s = 1.0
        self._memory_bytes = memory_bytes

    def compile(self, source: str) -> JavaScriptFunction:
        """See `Interpreter`."""
        if not source.strip():
            raise ScriptRefused(": the script is empty")
        code = without_text(source)
        clock = _CLOCK.search(code)
        if clock is not None:
            line_number, column = place_of(code, clock.start())
            raise ScriptRefused(
                f", line {line_number}, column {column}: {clock.group()!r}: {_NO_TIME}"
            )
        refusal = self._refusal(_EXPRESSION, source)
        if refusal is None:
            return JavaScriptFunction(self, _EXPRESSION.used, source)
        if "return" in code and self._refusal(_BODY, source) is None:
            return JavaScriptFunction(self, _BODY.used, source)
        if "return" in code:
            refusal = self._refusal(_BODY, source)
        raise ScriptRefused(refusal or "")

    def evaluate(self, brackets: tuple[str, str], source: str, *, show: bool = False) -> Any:
        """Return the function that calls a script and encodes its answer, in a new context.

        Raises:
            quickjs.JSException: the script does not compile.
        """
        context = _new_context()
        context.set_memory_limit(self._memory_bytes)
        context.set_time_limit(self.call_s)
        context.set_max_stack_size(MAX_STACK_BYTES)
        script = f"{brackets[0]}\n{source}\n{brackets[1]}"
        return context.eval(f'"use strict"; ({_JUDGE})(() => ({script}), {str(show).lower()})')

    def _refusal(self, form: _Form, source: str) -> str | None:
        """Return where and why a script does not compile in a form; None if it does."""
        for brackets in form:
            try:
                self.evaluate(brackets, source)
            except _JSException as error:
                check_limit(str(error))
                message, _, stack = str(error).partition("\n")
                return f"{where(stack, source) or _end_of(source)}: {message}"
        return None


class JavaScriptFunction:
    """A script that has compiled once; each call compiles it anew, in its own context."""

    def __init__(
        self, interpreter: JavaScriptInterpreter, brackets: tuple[str, str], source: str
    ) -> None:
        self._interpreter = interpreter
        self._brackets = brackets
        self._source = source
        arrow = _ARROW.match(source)
        self._header = arrow.group().strip() if arrow else "(data, ctx) =>"
        blanked = source if arrow is None else " " * arrow.end() + source[arrow.end() :]
        self._comparisons = find_comparisons(blanked) if brackets == _EXPRESSION.used else []

    def call(self, data: bytes, ctx: bytes, *, explain: bool) -> bytes:
        """See `RunnableScript`."""
        try:
            texts = data.decode(), ctx.decode()
            answer = self._run(self._brackets, self._source, *texts)
            if answer == "0" and explain:
                return self._explanation(*texts)
        except UnicodeDecodeError as error:
            return line("error", f"js: the data cannot be read: {error}")
        except _JSException as error:  # what no script can catch
            check_limit(str(error))
            return line("error", f"js: {str(error).partition(chr(10))[0]}")
        except MemoryError:
            raise LimitReached(TOO_LARGE) from None
        return _PLAIN.get(answer) or _line(answer, self._source)

    def _run(self, brackets: tuple[str, str], source: str, data: str, ctx: str) -> str:
        return self._interpreter.evaluate(brackets, source)(data, ctx)

    def _explanation(self, data: str, ctx: str) -> bytes:
        brackets = (f"{self._header} (", ")")
        for one in self._comparisons:
            if self._run(brackets, one.text, data, ctx) == "0":
                left, right = (
                    self._interpreter.evaluate(brackets, side, show=True)(data, ctx)
                    for side in (one.left, one.right)
                )
                return failed_comparison("js", one, left, right)
        return line("false", "js: returned false")


def check_limit(message: str) -> None:
    """Raise `LimitReached` if that is what an exception of the engine means."""
    if message.startswith("InternalError: interrupted"):
        raise LimitReached(TOO_LONG)
    if message.startswith("InternalError: out of memory"):
        raise LimitReached(TOO_LARGE)


def where(stack: str, source: str) -> str:
    """Return `, line 2, column 5`: the innermost place of a stack that is in the script."""
    last = source.count("\n") + 1
    for place in _PLACE.finditer(stack):
        line_number = int(place[1]) - _LINES_BEFORE
        if 1 <= line_number <= last:
            return f", line {line_number}, column {place[2]}"
    return ""


def _end_of(source: str) -> str:
    """Return where a script is not finished: what the engine names is the bracket behind it."""
    line_number, column = place_of(source, len(source.rstrip()))
    return f", line {line_number}, column {column}"


_LINES_BEFORE = _JUDGE.count("\n") + 1


def _line(answer: str, source: str) -> bytes:
    """Return the line of an answer that the judge wrote as JSON."""
    match orjson.loads(answer):
        case ["data", str(message), _]:
            return line("error", f"js: the data cannot be read: {message}")
        case ["other", str(kind), str(shown)]:
            return not_boolean("js", kind, shown)
        case ["error", str(message), str(stack)]:
            check_limit(message)
            return line("error", f"js{where(stack, source)}: {message}")
        case _:  # the script forged it, for its own call
            return line("error", "js: the answer cannot be read")
