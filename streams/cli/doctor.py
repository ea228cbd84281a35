"""`duly doctor`: checks an installation."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.exit_codes import ExitCode
from streams.cli.output import AsJson, print_json
from streams.cli.terminal import data, say
from streams.engine.text import count_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.doctor.findings import Finding, Level

_SIGNS: dict[Level, str] = {"ok": "✓", "note": "·", "warning": "!", "failure": "✗"}
_STYLES: dict[Level, str] = {
    "ok": "green",
    "note": "dim",
    "warning": "yellow",
    "failure": "bold red",
}


def doctor(
    *,
    as_json: AsJson = False,
    no_write: Annotated[
        bool,
        typer.Option(
            "--no-write", help="Append no clock records; the broker's clock is then not checked."
        ),
    ] = False,
) -> None:
    """Check all that a worker needs: versions, broker, topics, lag, clocks, definitions.

    Checks this machine, its settings, the broker at DULY_BROKER, each topic compared with a new one,
    the consumer group and its lag, the broker's clock against this one, and where YAML and what
    events taught contradict each other. Nothing is changed, but three clock records are appended to
    the events topic: they let time pass, as those of workers do.

    If the settings or the broker fail, what depends on them is not checked; a note names it.

    Exit 4 if a worker cannot work, or judges wrongly (✗); 2 if a setting is the cause. Warnings (!)
    are exit 0.

        DULY_BROKER=kafka:9092 duly doctor

        duly doctor --json | jq -r '.[] | select(.level != "ok") | .message'
    """
    from streams.cli.kafka import worker_settings
    from streams.doctor.examination import examine

    findings = asyncio.run(examine(worker_settings, write=not no_write))
    if as_json:
        print_json([finding._asdict() for finding in findings])
    else:
        _print(findings)
    failing = {finding.section for finding in findings if finding.level == "failure"}
    warnings = sum(finding.level == "warning" for finding in findings)
    say(_summary(len(failing), warnings))
    if failing:
        raise typer.Exit(ExitCode.USAGE if failing == {"settings"} else ExitCode.INFRASTRUCTURE)


def _summary(failing: int, warnings: int) -> str:
    verb = "fails" if failing == 1 else "fail"
    return f"{count_of(failing, 'section')} {verb}, {count_of(warnings, 'warning')}"


def _print(findings: Sequence[Finding]) -> None:
    from rich.text import Text

    console, section = data(), None
    for finding in findings:
        if finding.section != section:
            section = finding.section
            console.print(Text(section, style="bold"))
        sign = Text(f"  {_SIGNS[finding.level]} ", style=_STYLES[finding.level])
        console.print(sign + Text(finding.message.replace("\n", "\n    ")))
