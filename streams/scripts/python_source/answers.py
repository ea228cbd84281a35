"""Turns the lines that the programs of a script print into answers with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson

from streams.engine.script_calls import ScriptAnswer
from streams.scripts.language import cut
from streams.scripts.python_source.program import FALSE, NONE, TRUE

if TYPE_CHECKING:
    from streams.engine.script_calls import ScriptCall
    from streams.scripts.python_source.program import PythonPrograms

_TRUE = ScriptAnswer("true")
_PLAIN_FILTER = {FALSE: ScriptAnswer("false"), NONE: ScriptAnswer("none")}

MAX_COMPARISONS = 3
"""Comparisons that a detail shows."""


def plain_answer(call: ScriptCall, line: str) -> ScriptAnswer | None:
    """Return the answer of a line that needs no explanation, None if it needs one."""
    if line == TRUE:
        return _TRUE
    return _PLAIN_FILTER.get(line) if call.kind == "filter" else None


def explained_answer(line: str, reason: str | None, programs: PythonPrograms) -> ScriptAnswer:
    """Return the answer of a line of `PythonPrograms.answer` with its reason.

    Args:
        line: what the script answered.
        reason: the line of `PythonPrograms.explain` for the same call; None if there is none.
        programs: of the script.
    """
    place, seen = _read_reason(reason)
    where = "python" if place is None else f"python, {programs.places[place]}"
    if line == FALSE:
        return ScriptAnswer(
            "false", cut(_comparisons(seen, programs) or f"{where}: returned False")
        )
    if line == NONE:
        return ScriptAnswer("none", cut(f"{where}: returned None"))
    match orjson.loads(line):
        case ["other", kind, value]:
            shown = f"{value} ({kind})" if value else f"a value of type {kind}"
            return ScriptAnswer("other", cut(f"{where}: returned {shown}, not True or False"))
        case ["error", kind, message]:
            return ScriptAnswer("error", cut(f"{where}: {_exception(kind, message)}"))
        case [_, message]:
            return ScriptAnswer("error", cut(f"python: the data cannot be read: {message}"))
        case other:
            raise ValueError(f"not a line of a program: {other!r}")


class _Seen(NamedTuple):
    """A comparison that the traced twin noted."""

    comparison: int
    operator: int
    left: str
    right: str
    result: bool


def _read_reason(reason: str | None) -> tuple[int | None, list[_Seen]]:
    if reason is None:
        return None, []
    place, seen = orjson.loads(reason)
    return place, [_Seen(*one) for one in seen]


def _comparisons(seen: list[_Seen], programs: PythonPrograms) -> str:
    """Return the comparisons that decided: those that were false, or all where none was."""
    decisive = [one for one in seen if not one.result] or seen
    texts: list[str] = []
    for one in decisive[:MAX_COMPARISONS]:
        comparison = programs.comparisons[one.comparison]
        values = f"{one.left} {comparison.operators[one.operator]} {one.right}"
        texts.append(f"{comparison.place}: {comparison.text} → {values}")
    return "python, " + "; ".join(texts) if texts else ""


def _exception(kind: str, message: str) -> str:
    if kind == "KeyError":
        return f"KeyError: no key {message}"
    return f"{kind}: {message}" if message else kind
