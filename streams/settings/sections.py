"""Sections of the settings, as `duly config show` prints them and docs/settings.md lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from streams.settings.kafka import KafkaSettings
from streams.settings.worker import WorkerSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo

SectionName = Literal["kafka", "worker"]


class Section(NamedTuple):
    """The settings that one kind of process adds."""

    name: SectionName
    title: str
    introduction: str
    """Who reads them, a sentence."""

    model: type[KafkaSettings]
    fields: Mapping[str, FieldInfo]


def _section(
    name: SectionName, title: str, model: type[KafkaSettings], introduction: str
) -> Section:
    inherited: set[str] = set() if model is KafkaSettings else set(KafkaSettings.model_fields)
    own = {field: about for field, about in model.model_fields.items() if field not in inherited}
    return Section(name, title, introduction, model, own)


SECTIONS: tuple[Section, ...] = (
    _section(
        "kafka",
        "Kafka",
        KafkaSettings,
        "Read by every process that connects to Kafka: the worker, the commands, the audit.",
    ),
    _section(
        "worker",
        "Worker",
        WorkerSettings,
        "Read by the worker, and by commands that judge events or compile scripts as a worker does.",
    ),
)
"""In the order in which they are shown; no variable stands in two."""
