"""Finds the comparisons that decide an expression in the syntax that CEL and JavaScript share.

It finds only what is certain without a grammar: operands of `&&` on the top level, each with one
comparison on its own top level. With anything else (`||`, `?:`, a regular expression) it finds nothing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
    (?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    |(?P<note>//[^\n]*|/\*.*?\*/)
    |(?P<and>&&)
    |(?P<compare>===|!==|==|!=|<=|>=|<(?!<)|>(?!>)|\bin\b|\binstanceof\b)
    |(?P<open>[(\[{])
    |(?P<close>[)\]}])
    |(?P<unsure>=>|\|\||[?:;,`/]|<<|>>|=|\+\+|--)
    |(?P<name>[A-Za-z_$][\w$]*)
    |(?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


class ComparisonText(NamedTuple):
    """One comparison, as `data.amount == ctx.data.total`, and its place in the script, from 1."""

    text: str
    left: str
    operator: str
    right: str
    line: int
    column: int


def without_text(source: str) -> str:
    """Return `source` with its strings and comments blanked, every other place kept."""

    def blank(token: re.Match[str]) -> str:
        return "".join("\n" if char == "\n" else " " for char in token.group())

    return _TOKEN.sub(
        lambda token: blank(token) if token.lastgroup in {"text", "note"} else token.group(), source
    )


def place_of(source: str, offset: int) -> tuple[int, int]:
    """Return line and column of an offset in `source`, both from 1."""
    return source.count("\n", 0, offset) + 1, offset - source.rfind("\n", 0, offset)


def find_comparisons(source: str) -> list[ComparisonText]:
    """Return the comparisons that must all hold for `source` to be true, in order.

    Empty if there is anything in it that this cannot read; parts that are no comparison are left
    out.
    """
    parts: list[tuple[int, int]] = []
    operators: list[list[tuple[int, int]]] = [[]]
    start = depth = 0
    for token in _TOKEN.finditer(source):
        match token.lastgroup:
            case "open":
                depth += 1
            case "close":
                depth -= 1
            case "unsure" if depth == 0 or token.group() in "`/":
                return []
            case "and" if depth == 0:
                parts.append((start, token.start()))
                operators.append([])
                start = token.end()
            case "compare" if depth == 0:
                operators[-1].append(token.span())
            case _:
                pass
    parts.append((start, len(source)))
    return [
        _comparison(source, part, found[0])
        for part, found in zip(parts, operators, strict=True)
        if len(found) == 1
    ]


def _comparison(source: str, part: tuple[int, int], operator: tuple[int, int]) -> ComparisonText:
    text = source[part[0] : part[1]]
    return ComparisonText(
        " ".join(text.split()),
        source[part[0] : operator[0]].strip(),
        source[operator[0] : operator[1]],
        source[operator[1] : part[1]].strip(),
        *place_of(source, part[0] + len(text) - len(text.lstrip())),
    )
