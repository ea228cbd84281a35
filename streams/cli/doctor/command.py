"""The command `duly doctor`: all checks, in the order in which they need each other."""

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
            "--no-write", help="Append no clock records; the broker's clock is not checked then."
        ),
    ] = False,
) -> None:
    """Look at all that a worker needs: what is reachable, versions, topics, lag, clocks, definitions.

    Looks at this machine, its settings, the broker at DULY_BROKER, each topic against what it
    should be, the consumer group and how far behind it is, the broker's clock against this one,
    and where YAML and what the SDK taught contradict each other. Nothing is changed, but three
    clock records are appended to the events topic: they let time pass, as those of workers do.

    Exit 4 if a worker could not work, or judges wrongly (✗); 2 if that is for a setting. What is
    only worth a look (!) is exit 0.

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
    """Look at the broker, and as far as there is something, at what lies there."""
    from streams.cli.doctor.broker import check_broker
    from streams.cli.doctor.topics import check_topics
    from streams.cli.topic_plan import plan_topics

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
    from streams.audit.logs import open_logs
    from streams.cli.doctor.consumer_group import check_worker
    from streams.cli.doctor.worker_health import check_page

    async with open_logs(settings) as logs:
        return [*await check_worker(settings, logs), *await check_page(settings)]


async def _examine_clock(settings: WorkerSettings) -> list[Finding]:
    from streams.cli.doctor.clock import check_clock

    return [await check_clock(settings)]


async def _examine_definitions(settings: WorkerSettings) -> list[Finding]:
    from streams.audit.history import read_history
    from streams.audit.logs import open_logs
    from streams.flows.contradictions import check_definitions

    async with open_logs(settings) as logs:
        history = await read_history(logs)
    definitions, notes = history.definitions(settings.flow_options)
    newest = [definitions.newest(flow) for flow in definitions.flows()]
    return [
        *check_definitions(newest),
        *(Finding("definitions", "note", note) for note in notes),
    ]


async def _or_failure(section: Section, check: Awaitable[list[Finding]]) -> list[Finding]:
    """Return what a check finds, or that it could not be made: the other ones still can."""
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
