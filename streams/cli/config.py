"""`duly config`: print the settings in effect, and where each comes from."""

from __future__ import annotations

import os
from itertools import groupby
from typing import TYPE_CHECKING, Any

import typer

from streams.cli.output import AsJson, columns, print_json, print_lines
from streams.cli.terminal import say

if TYPE_CHECKING:
    from streams.settings.effective import EffectiveSetting

app = typer.Typer(name="config", help="The settings in effect.", no_args_is_help=True)


@app.callback()
def config() -> None:
    """The settings in effect."""


@app.command()
def show(as_json: AsJson = False) -> None:
    """Print every setting, its value and its origin: the environment or the default.

    Settings of Kafka, which every process reads, come first; then those of the worker. Secrets
    are masked. A variable that looks like a misspelt setting is named on stderr. A wrong setting
    ends the command with exit 2 and a line for each, as it would end a worker.

        duly config show

        duly config show --json | jq -r '.[] | select(.origin == "environment") | .variable'
    """
    from streams.settings.effective import effective_settings, misspelt
    from streams.settings.worker import load_worker_settings

    settings = effective_settings(load_worker_settings(), os.environ)
    if as_json:
        print_json([setting._asdict() for setting in settings])
    else:
        _print_sections(settings)
    for problem in misspelt(os.environ):
        say(f"warning: {problem}")


def _print_sections(settings: list[EffectiveSetting]) -> None:
    """Print a table whose columns are as wide in all sections, a blank line between two."""
    lines = list(columns((s.variable, _text(s.value), s.origin) for s in settings))
    by_section = groupby(zip(settings, lines, strict=True), key=lambda row: row[0].section)
    for number, (section, rows) in enumerate(by_section):
        print_lines([*([""] if number else []), f"[{section}]", *(line for _, line in rows)])


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) or '""'
