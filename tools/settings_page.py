"""Writes docs/settings.md from the settings themselves: `python -m tools.settings_page [--check]`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from annotated_types import Ge, Le

from streams.settings.kafka import ENV_PREFIX
from streams.settings.sections import SECTIONS
from tools.pages import write_or_check

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"

INTRODUCTION = """\
# Settings

Processes are set up by environment variables alone. They are read once, at the start; one that is
wrong ends the process with exit code 2 and a line that names the variable. `duly config show` prints
what is in effect. `duly worker` and `faust -A streams worker` read the same.

This page is written by `python -m tools.settings_page`.
"""

TABLE = """
| variable | value | default | meaning |
|---|---|---|---|
"""

FLOW_OPTIONS = """
`DULY_WINDOW_MS` to `DULY_CLOSED` are defaults of flow options: a flow's YAML, or the SDK, may set others.
"""


def render_page() -> str:
    """Return the page: every setting with its type, unit, default and a sentence, by section."""
    sections = [
        f"\n## {section.title}\n\n{section.introduction}\n"
        + TABLE
        + "".join(_row(name, field) for name, field in section.fields.items())
        for section in SECTIONS
    ]
    return INTRODUCTION + "".join(sections) + FLOW_OPTIONS


def _row(name: str, field: FieldInfo) -> str:
    description = (field.description or "").replace("|", "\\|")
    default = "none" if field.default is None else f"`{_text(field.default)}`"
    if field.default == "":
        default = "empty"
    return f"| `{ENV_PREFIX}{name.upper()}` | {_value(field)} | {default} | {description} |\n"


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(field: FieldInfo) -> str:
    """Say in words what the variable may hold."""
    kind = next((kind for kind in get_args(field.annotation) if kind is not type(None)), None)
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    if field.annotation is bool:
        return "`true` or `false`"
    if field.annotation is int:
        return _range(field)
    return "path" if kind is Path else "text"


def _range(field: FieldInfo) -> str:
    least = next((str(bound.ge) for bound in field.metadata if isinstance(bound, Ge)), "")
    most = next((str(bound.le) for bound in field.metadata if isinstance(bound, Le)), "")
    return f"whole number, {least} to {most}" if most else f"whole number, at least {least}"


def main(arguments: list[str]) -> int:
    """Write the page; with `--check`, only tell whether it is up to date."""
    return write_or_check(PAGE, render_page(), "python -m tools.settings_page", arguments)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
