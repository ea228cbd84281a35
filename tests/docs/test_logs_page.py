"""docs/logs.md has the text, the level and the fields of every line that `streams` logs."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from tests.support.markdown import ROOT, section

PAGE = ROOT / "docs" / "logs.md"
LEVELS = {"info", "warning", "error", "exception", "critical"}


class Line(NamedTuple):
    """A call of a logger: its text, its level and the names of its fields."""

    event: str
    level: str
    fields: frozenset[str]


def line(call: ast.Call) -> Line | None:
    match call:
        case ast.Call(
            func=ast.Attribute(value=ast.Name("log"), attr=level), args=[ast.Constant(str(event))]
        ) if level in LEVELS:
            fields = frozenset(keyword.arg or "**" for keyword in call.keywords)
            return Line(event, {"exception": "error"}.get(level, level), fields)
        case _:
            return None


LINES = {
    found
    for path in ROOT.glob("streams/**/*.py")
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.Call) and (found := line(node))
}


def test_lines_have_fixed_texts_by_which_they_are_found() -> None:
    calls = [
        match
        for path in ROOT.glob("streams/**/*.py")
        for match in re.findall(rf"\blog\.(?:{'|'.join(LEVELS)})\(", path.read_text())
    ]
    assert len(calls) == len(LINES)


def test_every_line_is_on_the_page_with_its_level_and_no_other_is() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (\w+) \|", section(PAGE, "## Events"), re.MULTILINE)
    assert sorted(rows) == sorted({(line.event, line.level) for line in LINES})


def test_every_field_is_on_the_page_and_no_other_is() -> None:
    cells = re.findall(r"^\| (`.+?`) \|", section(PAGE, "## Fields"), re.MULTILINE)
    shown = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    logged = {name for line in LINES for name in line.fields} - {"exc_info"}
    assert shown == logged | {"ts", "level", "event", "logger", "error", "stack"}
