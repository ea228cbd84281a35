"""The command `duly doctor`: runs the checks in the order in which they depend on each other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.doctor.findings import Finding
from streams.cli.exit_codes import ExitCode
from streams.cli.output import AsJson, print_json
from streams.cli.terminal import data, say
from streams.errors import DulyError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Sequence

    from streams.cli.doctor.findings import Level, Section
    from streams.settings.worker import WorkerSettings

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

    Checks this machine, its settings, the broker at DULY_BROKER, each topic against its registry,
    the consumer group and its lag, the broker's clock against this one, and where YAML and what
    events taught contradict each other. Nothing is changed, but three clock records are appended to
    the events topic: they let time pass, as those of workers do.

    Exit 4 if a worker cannot work, or judges wrongly (✗); 2 if a setting is the cause. Warnings (!)
    are exit 0.

        DULY_BROKER=kafka:9092 duly doctor

        duly doctor --json | jq -r '.[] | select(.level != "ok") | .message'
    """
    findings = asyncio.run(_examine(write=not no_write))
    if as_json:
        print_json([finding._asdict() for finding in findings])
    else:
        _print(findings)
    failing = {finding.section for finding in findings if finding.level == "failure"}
    warnings = sum(finding.level == "warning" for finding in findings)
    say(
        f"{len(failing) or 'no'} section{'' if len(failing) == 1 else 's'} failing, {warnings} to look at"
    )
    if failing:
        raise typer.Exit(ExitCode.USAGE if failing == {"settings"} else ExitCode.INFRASTRUCTURE)


async def _examine(*, write: bool) -> list[Finding]:
    from streams.cli.doctor.machine import check_engines, check_settings, check_versions
    from streams.cli.kafka import worker_settings

    findings = [*check_versions(), *await check_engines(), *check_settings()]
    if _fails(findings, "settings"):
        return findings
    return findings + await _examine_broker(worker_settings(), write=write)


async def _examine_broker(settings: WorkerSettings, *, write: bool) -> list[Finding]:
    """Check the broker, then its topics and what they hold, as far as they exist."""
    from streams.cli.doctor.broker import check_broker
    from streams.cli.doctor.topics import check_topics
    from streams.kafka.topic_plan import plan_topics

    findings = await check_broker(settings)
    if _fails(findings, "broker"):
        return findings
    try:
        planned = await plan_topics(settings)
    except DulyError as error:
        return [*findings, Finding("topics", "failure", str(error))]
    findings += check_topics(planned)
    if any(topic.action == "create" for topic in planned):
        return findings
    findings += await _or_failure("worker", _examine_worker(settings))
    if write:
        findings += await _or_failure("clock", _examine_clock(settings))
    return findings + await _or_failure("definitions", _examine_definitions(settings))


async def _examine_worker(settings: WorkerSettings) -> list[Finding]:
    from streams.cli.doctor.consumer_group import check_consumer_group
    from streams.cli.doctor.worker_health import check_worker_health
    from streams.kafka.topic_reader import open_reader

    async with open_reader(settings) as reader:
        return [
            *await check_consumer_group(settings, reader),
            *await check_worker_health(settings),
        ]


async def _examine_clock(settings: WorkerSettings) -> list[Finding]:
    from streams.cli.doctor.clock import check_clock

    return [await check_clock(settings)]


async def _examine_definitions(settings: WorkerSettings) -> list[Finding]:
    from streams.cli.doctor.definitions import check_definitions
    from streams.flows.history import read_history
    from streams.kafka.topic_reader import open_reader

    async with open_reader(settings) as reader:
        history = await read_history(reader, settings)
    definitions, notes = history.definitions(settings.flow_options)
    newest = [definitions.newest(flow) for flow in definitions.flows()]
    return [
        *check_definitions(newest),
        *(Finding("definitions", "note", note) for note in notes),
    ]


async def _or_failure(section: Section, check: Awaitable[list[Finding]]) -> list[Finding]:
    """Return what a check finds; its error becomes a finding, and the other checks go on."""
    try:
        return await check
    except DulyError as error:
        return [Finding(section, "failure", str(error))]


def _fails(findings: Iterable[Finding], section: str) -> bool:
    return any(one.section == section and one.level == "failure" for one in findings)


def _print(findings: Sequence[Finding]) -> None:
    from rich.text import Text

    console, section = data(), None
    for finding in findings:
        if finding.section != section:
            section = finding.section
            console.print(Text(section, style="bold"))
        sign = Text(f"  {_SIGNS[finding.level]} ", style=_STYLES[finding.level])
        console.print(sign + Text(finding.message.replace("\n", "\n    ")))
