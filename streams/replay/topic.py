"""`duly replay --topic`: the log of a broker judged anew, and held against what workers said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from schemas.topics import EVENTS, VERDICTS
from streams.audit.findings import FAULTS
from streams.cli.output import count_of
from streams.kafka.topics import full_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.audit.findings import Findings
    from streams.settings.worker import WorkerSettings

PATIENCE_S = 3.0
"""How long verdicts may be on their way from a worker that has read the same records."""


def settings_of_topic(topic: str, settings: WorkerSettings) -> WorkerSettings:
    """Return the settings of the installation that an events topic belongs to.

    Raises:
        typer.BadParameter: the topic has no name of an events topic.
    """
    prefix = topic.removesuffix(EVENTS.name)
    if prefix == topic:
        raise typer.BadParameter(
            f"{topic!r} is no events topic: its name must end in {EVENTS.name}"
        )
    return settings.model_copy(update={"topic_prefix": prefix})


def differences(findings: Findings) -> Iterator[str]:
    """Yield a line for each difference that is described."""
    for kind, place, subject, detail in findings.examples:
        yield f"{kind}: {subject}: {detail} ({place})"


def conclusion(findings: Findings, settings: WorkerSettings) -> str:
    """Return how what was judged compares with the verdict topic, in a sentence."""
    verdicts = full_name(VERDICTS, settings)
    left_out = sum(found.limited + found.beyond for found in findings.partitions)
    beside = f" ({count_of(left_out, 'verdict')} not compared)" if left_out else ""
    if findings.sound:
        return f"the same, line by line, as on {verdicts}{beside}"
    told = ", ".join(
        f"{findings.faults[kind]} {meaning}"
        for kind, meaning in FAULTS.items()
        if findings.faults[kind]
    )
    return f"not the same as on {verdicts}: {told}{beside}"
