"""Compares the registry of topics with the broker: what to create, what differs, what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from schemas.topics import TOPICS, Topic
from streams.kafka.topics import (
    Found,
    admin_client,
    describe_topics,
    full_name,
    new_replication,
    why_refused,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.settings.kafka import KafkaSettings

Action = Literal["create", "keep", "refuse"]
"""`keep` leaves a topic as it is; `refuse` ends `duly topics apply` and every worker with exit 4."""


class Difference(NamedTuple):
    """A setting of a topic that a new topic would have otherwise."""

    setting: str
    wanted: str
    found: str


class PlannedTopic(NamedTuple):
    """The action of `ensure_topics` for one topic.

    Attributes:
        topic: its full name.
        action: what would be done.
        settings: those of a new topic: partitions, replicas and Kafka's topic settings.
        differences: settings that an existing topic has otherwise; never changed.
        reason: why it is refused and what to do, else None.
    """

    topic: str
    action: Action
    settings: Mapping[str, str]
    differences: list[Difference]
    reason: str | None

    @property
    def differs(self) -> bool:
        """True if the topic is kept although it differs."""
        return self.action == "keep" and bool(self.differences)

    def as_object(self) -> dict[str, Any]:
        """Return the plan as a JSON object."""
        return self._asdict() | {"differences": [found._asdict() for found in self.differences]}


async def plan_topics(settings: KafkaSettings) -> list[PlannedTopic]:
    """Compare the registry of topics with the broker; change nothing.

    Raises:
        BrokerUnavailable: nobody answers at `DULY_BROKER`, or it refuses us.
    """
    async with admin_client(settings) as admin:
        found = await describe_topics(admin, settings)
        replication = await new_replication(admin, settings)
    return [
        _planned(topic, found.get(full_name(topic, settings)), replication, settings)
        for topic in TOPICS
    ]


def _planned(
    topic: Topic, found: Found | None, replication: int, settings: KafkaSettings
) -> PlannedTopic:
    name = full_name(topic, settings)
    wanted = _wanted(topic, replication, settings)
    if found is None:
        return PlannedTopic(name, "create", wanted, [], None)
    reason = why_refused(topic, found, settings)
    has = _has(found)
    differences = [
        Difference(setting, value, has.get(setting, "not known"))
        for setting, value in wanted.items()
        if has.get(setting) != value
    ]
    return PlannedTopic(name, "refuse" if reason else "keep", wanted, differences, reason)


def _wanted(topic: Topic, replication: int, settings: KafkaSettings) -> dict[str, str]:
    return {
        "partitions": str(topic.partition_count(settings.partitions)),
        "replication": str(replication),
        **topic.config(replication),
    }


def _has(found: Found) -> dict[str, str]:
    counts = {"partitions": str(found.partitions), "replication": str(found.replication)}
    return {**found.config, **counts}
