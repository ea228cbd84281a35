"""The workers, as the broker sees them: who is there, and how far behind the log they are."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from aiokafka.errors import GroupCoordinatorNotAvailableError

from schemas.topics import EVENTS
from schemas.units import NS_PER_MS
from streams.cli.doctor.findings import Finding
from streams.cli.output import count_of
from streams.engine.text import duration_text
from streams.kafka.topics import admin_client, full_name

if TYPE_CHECKING:
    from aiokafka import TopicPartition

    from streams.audit.logs import Logs
    from streams.settings.kafka import KafkaSettings

BEHIND_MS = 10_000
"""From this age of the oldest record that no worker has finished on, lag is worth a warning."""


class Group(NamedTuple):
    """The consumer group of the workers.

    Attributes:
        state: by Kafka's name; `Dead` for one that never was.
        members: `client@host` of each.
        committed: events partition → offset up to which all is judged and written.
    """

    state: str
    members: list[str]
    committed: dict[int, int]


class Lag(NamedTuple):
    """What of one partition no worker has finished yet."""

    partition: int
    records: int
    age_ms: int
    """Of the oldest of these records, by this machine's clock, in whole seconds."""


async def check_worker(settings: KafkaSettings, logs: Logs) -> list[Finding]:
    """Return the state of the group and its lag."""
    group = await _describe(settings)
    lags = [
        lag
        for partition in await logs.partitions(EVENTS)
        if (lag := await _lag(logs, partition, group.committed)) is not None
    ]
    return [_members(settings, group, lags), *_lag_findings(lags)]


async def _describe(settings: KafkaSettings) -> Group:
    async with admin_client(settings) as admin:
        try:
            (response,) = await admin.describe_consumer_groups([settings.app_id])
            committed = await admin.list_consumer_group_offsets(settings.app_id)
        except GroupCoordinatorNotAvailableError:  # so it is before the first group of a cluster
            return Group("Dead", [], {})
    (described,) = _groups(response)
    members = [
        f"{member['client_id']}@{member['client_host'].lstrip('/')}"
        for member in described["members"]
    ]
    topic = full_name(EVENTS, settings)
    offsets = {
        place.partition: at.offset for place, at in committed.items() if place.topic == topic
    }
    return Group(described["state"], members, offsets)


def _groups(response: Any) -> list[dict[str, Any]]:
    return response.to_object()["groups"]


async def _lag(logs: Logs, partition: TopicPartition, committed: dict[int, int]) -> Lag | None:
    end = await logs.ends(partition)
    begin = max(committed.get(partition.partition, 0), await logs.begins(partition))
    async for batch in logs.read(partition, end, begin):
        age_ms = max(round(time.time()) * 1000 - batch[0].timestamp // 1000 * 1000, 0)
        return Lag(partition.partition, end - begin, age_ms)
    return None


def _members(settings: KafkaSettings, group: Group, lags: list[Lag]) -> Finding:
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


def _lag_findings(lags: list[Lag]) -> list[Finding]:
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
