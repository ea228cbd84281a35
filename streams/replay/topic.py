"""Judges an events topic anew, and compares that with the verdicts that workers wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.topics import EVENTS
from streams.audit import audit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.audit import Findings
    from streams.settings.worker import WorkerSettings

PATIENCE_S = 3.0
"""Wait for verdicts of a worker that has read the same records."""


def settings_of_topic(topic: str, settings: WorkerSettings) -> WorkerSettings:
    """Return the settings of the installation that an events topic belongs to.

    Raises:
        ValueError: this is not the name of an events topic.
    """
    prefix = topic.removesuffix(EVENTS.name)
    if prefix == topic:
        raise ValueError(f"{topic!r} is no events topic: its name must end in {EVENTS.name}")
    return settings.model_copy(update={"topic_prefix": prefix})


async def replay_topic(
    settings: WorkerSettings,
    since_ms: int | None,
    until_ms: int | None,
    on_verdicts: Callable[[Sequence[bytes]], None],
) -> Findings:
    """Judge the events topic of an installation, partition by partition.

    Args:
        settings: of the installation; see `settings_of_topic`.
        since_ms: leaves out events recorded earlier, and the runs that began by them.
        until_ms: leaves out events recorded then or later.
        on_verdicts: takes the verdicts of one partition, in the order of its log.

    Raises:
        BrokerUnavailable: the broker cannot be reached, or a topic is not there.
    """
    return await audit(
        settings,
        patience_s=PATIENCE_S,
        since_ms=since_ms,
        until_ms=until_ms,
        on_verdicts=on_verdicts,
    )
