"""`duly config`: print the settings in effect, and where each comes from."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import typer

from streams.cli.output import AsJson, columns, print_json, print_lines
from streams.cli.terminal import say

if TYPE_CHECKING:
    from streams.settings.kafka import KafkaSettings

app = typer.Typer(name="config", help="The settings in effect.", no_args_is_help=True)

Origin = Literal["environment", "default"]

ALIKE = 0.85
"""Similarity from which an unknown variable is taken for a misspelt setting."""


class Setting(NamedTuple):
    """One setting as a worker started here would have it."""

    section: str
    """The kind of process that needs it: `kafka` for all of them."""
    variable: str
    value: Any
    """As JSON has it; a secret is masked."""
    origin: Origin
    meaning: str


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
    from streams.settings.worker import load_worker_settings

    settings = effective_settings(load_worker_settings(), os.environ)
    if as_json:
        print_json([setting._asdict() for setting in settings])
    else:
        _print_sections(settings)
    for problem in misspelt(os.environ):
        say(f"warning: {problem}")


def effective_settings(settings: KafkaSettings, environment: Mapping[str, str]) -> list[Setting]:
    """Return the settings by section, in the order of their declaration, secrets masked."""
    from streams.settings.kafka import ENV_PREFIX
    from streams.settings.sections import SECTIONS

    given = {name.upper() for name, value in environment.items() if value}
    values = settings.model_dump(mode="json")
    return [
        Setting(
            section.name,
            variable := f"{ENV_PREFIX}{name.upper()}",
            values[name],
            "environment" if variable in given else "default",
            field.description or "",
        )
        for section in SECTIONS
        for name, field in section.fields.items()
        if name in values
    ]


def misspelt(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each variable that looks like a misspelt setting."""
    from streams.settings.kafka import ENV_PREFIX
    from streams.settings.sections import SECTIONS

    known = [name.upper() for section in SECTIONS for name in section.fields]
    for variable in sorted(environment):
        name = variable.upper().removeprefix(ENV_PREFIX)
        if name == variable.upper() or name in known:
            continue
        if alike := difflib.get_close_matches(name, known, n=1, cutoff=ALIKE):
            yield f"{variable} is not a setting of the worker; did you mean {ENV_PREFIX}{alike[0]}?"


def _print_sections(settings: list[Setting]) -> None:
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
