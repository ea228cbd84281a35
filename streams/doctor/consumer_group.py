"""Check of the consumer group: is a worker running, and how far behind the log is it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.units import NS_PER_MS
from streams.doctor.findings import Finding
from streams.engine.text import count_of, duration_text
from streams.kafka.consumer_group import consumer_lag, describe_group

if TYPE_CHECKING:
    from streams.kafka.consumer_group import ConsumerGroup, PartitionLag
    from streams.kafka.topic_reader import TopicReader
    from streams.settings.kafka import KafkaSettings

BEHIND_MS = 10_000
"""Lag older than this is a warning."""


async def check_consumer_group(settings: KafkaSettings, reader: TopicReader) -> list[Finding]:
    """Return the state of the group and its lag."""
    group = await describe_group(settings)
    lags = await consumer_lag(settings, reader, group)
    return [_members(settings, group, lags), *_lag(lags)]


def _members(settings: KafkaSettings, group: ConsumerGroup, lags: list[PartitionLag]) -> Finding:
    name = f"group {settings.app_id}"
    if group.members:
        who = f"{count_of(len(group.members), 'member')}, {', '.join(sorted(group.members))}"
        level = "ok" if group.state == "Stable" else "note"
        return Finding("worker", level, f"{name} is {group.state}: {who}")
    if not group.committed:
        return Finding("worker", "note", f"{name}: no worker has run yet")
    waiting = sum(lag.records for lag in lags)
    return Finding(
        "worker",
        "failure" if waiting else "warning",
        f"{name}: no worker is running, and {count_of(waiting, 'record')} wait",
    )


def _lag(lags: list[PartitionLag]) -> list[Finding]:
    if not lags:
        return [Finding("worker", "ok", "no lag: all records are judged and written")]
    records, oldest = sum(lag.records for lag in lags), max(lags, key=lambda lag: lag.age_ms)
    level = "warning" if oldest.age_ms > BEHIND_MS else "ok"
    most = max(lags, key=lambda lag: lag.records)
    return [
        Finding(
            "worker",
            level,
            f"lag: {count_of(records, 'record')} on {count_of(len(lags), 'partition')}, most on "
            f"{most.partition} ({most.records}); the oldest is {duration_text(oldest.age_ms * NS_PER_MS)} old, "
            f"on {oldest.partition}",
        )
    ]
