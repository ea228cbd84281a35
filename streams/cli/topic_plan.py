"""What `duly topics apply` would do, and what it would leave as it is although it differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from schemas.topics import TOPICS, Topic
from streams.cli.output import columns
from streams.kafka.topics import (
    Found,
    admin_client,
    describe_topics,
    full_name,
    new_replication,
    why_refused,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streams.settings.kafka import KafkaSettings

Action = Literal["create", "keep", "refuse"]
"""`keep` leaves a topic as it is; `refuse` ends `apply`, and every worker, with exit 4."""

_SIGNS: dict[Action, str] = {"create": "+", "keep": "=", "refuse": "✗"}


class Difference(NamedTuple):
    """A setting of a topic that is not as a new topic would have it."""

    setting: str
    wanted: str
    found: str


class Planned(NamedTuple):
    """What `apply` would do about one topic.

    Attributes:
        topic: its full name.
        action: what happens.
        settings: what a new topic gets: partitions, replicas and Kafka's topic settings.
        differences: what an existing topic has otherwise; never changed.
        reason: why it is refused and what to do, else None.
    """

    topic: str
    action: Action
    settings: Mapping[str, str]
    differences: list[Difference]
    reason: str | None

    def as_object(self) -> dict[str, Any]:
        """Return it as what JSON can say."""
        return self._asdict() | {"differences": [found._asdict() for found in self.differences]}

    def as_lines(self) -> Iterator[str]:
        """Yield it as text."""
        sign = "~" if self.action == "keep" and self.differences else _SIGNS[self.action]
        yield f"{sign} {self.topic}: {self._sentence()}"
        if self.action == "create":
            yield from (f"    {line}" for line in columns(self.settings.items()))
        else:
            rows = (
                (d.setting, f"is {d.found}", f"a new one: {d.wanted}") for d in self.differences
            )
            yield from (f"    {line}" for line in columns(rows))

    def _sentence(self) -> str:
        if self.action == "create":
            return "would be created"
        if self.reason:
            return self.reason.removeprefix(f"{self.topic}: ")
        return "differs, and would not be changed" if self.differences else "is right"


async def plan_topics(settings: KafkaSettings) -> list[Planned]:
    """Compare the registry of topics with what the broker has; nothing is changed.

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
) -> Planned:
    name = full_name(topic, settings)
    wanted = _wanted(topic, replication, settings)
    if found is None:
        return Planned(name, "create", wanted, [], None)
    reason = why_refused(topic, found, settings)
    has = _has(found)
    differences = [
        Difference(setting, value, has.get(setting, "not known"))
        for setting, value in wanted.items()
        if has.get(setting) != value
    ]
    return Planned(name, "refuse" if reason else "keep", wanted, differences, reason)


def _wanted(topic: Topic, replication: int, settings: KafkaSettings) -> dict[str, str]:
    return {
        "partitions": str(topic.partition_count(settings.partitions)),
        "replication": str(replication),
        **topic.config(replication),
    }


def _has(found: Found) -> dict[str, str]:
    counts = {"partitions": str(found.partitions), "replication": str(found.replication)}
    return {**found.config, **counts}
