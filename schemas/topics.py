"""All topics, declared once: read by the worker, `duly topics`, deploy and the docs."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from schemas.v1.dead_letter import DeadLetter
from schemas.v1.definition_record import DefinitionRecord
from schemas.v1.event import EventModel
from schemas.v1.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

CleanupPolicy = Literal["delete", "compact"]

MAX_MESSAGE_BYTES: Final = 2 * 1024 * 1024
BROKER_DEFAULT_REPLICATION: Final = -1
REPLICATION_THAT_SURVIVES: Final = 3
"""With at least this many replicas, two must acknowledge a write (min.insync.replicas)."""

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_NO_CONFIG: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic.

    Attributes:
        name: the name before the prefix; `{app_id}` in it stands for the worker's DULY_APP_ID.
        description: its content, a sentence.
        key: the record key.
        value: the model of the record value; for dead letters, of the headers. None: private bytes.
        partitions: "settings" for DULY_PARTITIONS, equal for all such topics, or a fixed number.
        cleanup_policy: Kafka's cleanup.policy.
        producers: who writes it.
        consumers: who reads it.
        retention_ms: Kafka's retention.ms, None where records are compacted.
        log_append_time: the broker sets timestamps; a worker refuses a topic without it (R13).
        extra_config: further topic settings.
    """

    name: str
    description: str
    key: str
    value: type[BaseModel] | None
    partitions: Literal["settings", 1]
    cleanup_policy: CleanupPolicy
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    retention_ms: int | None = None
    log_append_time: bool = False
    extra_config: Mapping[str, str] = field(default_factory=lambda: _NO_CONFIG)

    def partition_count(self, partitions: int) -> int:
        """Return its number of partitions, given DULY_PARTITIONS."""
        return partitions if self.partitions == "settings" else self.partitions

    def config(self, replication: int = BROKER_DEFAULT_REPLICATION) -> dict[str, str]:
        """Return the settings to create the topic with, by Kafka's names.

        Args:
            replication: DULY_REPLICATION; -1 leaves it and min.insync.replicas to the broker.
        """
        config = {
            "cleanup.policy": self.cleanup_policy,
            "compression.type": "producer",
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
            **self.extra_config,
        }
        if self.retention_ms is not None:
            config["retention.ms"] = str(self.retention_ms)
        if self.log_append_time:
            config["message.timestamp.type"] = "LogAppendTime"
        if replication >= REPLICATION_THAT_SURVIVES:
            config["min.insync.replicas"] = "2"
        return config


EVENTS: Final = Topic(
    name="flow-events.v1",
    description="Events: one event per record, or a clock record (null key and value).",
    key="run_id",
    value=EventModel,
    partitions="settings",
    cleanup_policy="delete",
    retention_ms=7 * _DAY_MS,
    log_append_time=True,
    producers=("producer_sdk", "worker (clock records)"),
    consumers=("worker",),
)

DEFINITIONS: Final = Topic(
    name="flow-definitions.v1",
    description="Definitions: published flows, learned nodes, versions in use.",
    key="flow@version, flow (the newest) or flow/node (learned)",
    value=DefinitionRecord,
    partitions=1,
    cleanup_policy="compact",
    log_append_time=True,
    producers=("duly flow apply", "worker (what events teach)"),
    consumers=("worker", "duly flow"),
)

VERDICTS: Final = Topic(
    name="flow-verdicts.v1",
    description="Verdicts: one revision per record.",
    key="run_id",
    value=Verdict,
    partitions="settings",
    cleanup_policy="delete",
    retention_ms=30 * _DAY_MS,
    producers=("worker",),
    consumers=("subscribers", "duly verdicts"),
)

DEAD_LETTERS: Final = Topic(
    name="flow-dead-letters.v1",
    description="Records that are not valid events, unchanged, with the reason in headers.",
    key="the original key",
    value=DeadLetter,
    partitions="settings",
    cleanup_policy="delete",
    retention_ms=30 * _DAY_MS,
    producers=("worker",),
    consumers=("operators",),
)

RUNS_CHANGELOG: Final = Topic(
    name="{app_id}-runs-changelog",
    description="State of each remembered run; a tombstone forgets it.",
    key="flow NUL run_id",
    value=None,
    partitions="settings",
    cleanup_policy="compact",
    producers=("worker",),
    consumers=("worker",),
    extra_config=MappingProxyType(
        {"segment.ms": str(6 * _HOUR_MS), "min.cleanable.dirty.ratio": "0.1"}
    ),
)

TOPICS: Final = (EVENTS, DEFINITIONS, VERDICTS, DEAD_LETTERS, RUNS_CHANGELOG)


def topic_name(base: str, prefix: str = "", *, app_id: str = "duly") -> str:
    """Return the full name of a topic.

    Args:
        base: `Topic.name`.
        prefix: DULY_TOPIC_PREFIX. The changelog takes none: Faust names it by the app id alone.
        app_id: DULY_APP_ID.
    """
    if "{app_id}" in base:
        return base.format(app_id=app_id)
    return f"{prefix}{base}"
