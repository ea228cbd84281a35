"""The checks of `duly doctor`, each after those that it depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from streams.doctor.broker import check_broker
from streams.doctor.clock import check_clock
from streams.doctor.consumer_group import check_consumer_group
from streams.doctor.definitions import check_definitions
from streams.doctor.findings import Finding, Section
from streams.doctor.machine import check_engines, check_settings, check_versions
from streams.doctor.topics import check_topics
from streams.doctor.worker_health import check_worker_health
from streams.errors import DulyError
from streams.flows.history import read_history
from streams.kafka.topic_plan import plan_topics
from streams.kafka.topic_reader import open_reader

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from streams.settings.worker import WorkerSettings


async def examine(settings: Callable[[], WorkerSettings], *, write: bool) -> list[Finding]:
    """Run all checks in the order in which they depend on each other.

    Args:
        settings: loads the settings; called once they are known to be right.
        write: append clock records, by which the broker's clock is read.
    """
    findings = [*check_versions(), *await check_engines(), *check_settings()]
    if _fails(findings, "settings"):
        return [*findings, _not_checked("settings")]
    return findings + await _examine_broker(settings(), write=write)


async def _examine_broker(settings: WorkerSettings, *, write: bool) -> list[Finding]:
    """Check the broker, then its topics and what they hold, as far as they exist."""
    findings = await check_broker(settings)
    if _fails(findings, "broker"):
        return [*findings, _not_checked("broker")]
    try:
        planned = await plan_topics(settings)
    except DulyError as error:
        return [*findings, Finding("topics", "failure", str(error)), _not_checked("topics")]
    findings += check_topics(planned)
    if any(topic.action == "create" for topic in planned):
        return [*findings, _not_checked("topics")]
    findings += await _or_failure("worker", _examine_worker(settings))
    if write:
        findings += await _or_failure("clock", _examine_clock(settings))
    return findings + await _or_failure("definitions", _examine_definitions(settings))


async def _examine_worker(settings: WorkerSettings) -> list[Finding]:
    async with open_reader(settings) as reader:
        return [
            *await check_consumer_group(settings, reader),
            *await check_worker_health(settings),
        ]


async def _examine_clock(settings: WorkerSettings) -> list[Finding]:
    return [await check_clock(settings)]


async def _examine_definitions(settings: WorkerSettings) -> list[Finding]:
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


def _not_checked(last: Section) -> Finding:
    """Return a note that names the sections after the last one that was checked."""
    sections = get_args(Section)
    return Finding(last, "note", f"not checked: {', '.join(sections[sections.index(last) + 1 :])}")


def _fails(findings: Iterable[Finding], section: str) -> bool:
    return any(one.section == section and one.level == "failure" for one in findings)
