"""Finds the installation that an events topic belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.topics import EVENTS

if TYPE_CHECKING:
    from streams.settings.worker import WorkerSettings


def settings_of_topic(topic: str, settings: WorkerSettings) -> WorkerSettings:
    """Return the settings of the installation that an events topic belongs to.

    Raises:
        ValueError: this is not the name of an events topic.
    """
    prefix = topic.removesuffix(EVENTS.name)
    if prefix == topic:
        raise ValueError(f"{topic!r} is no events topic: its name must end in {EVENTS.name}")
    return settings.model_copy(update={"topic_prefix": prefix})
