"""Records as aiokafka delivers them, made by hand."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
from aiokafka import ConsumerRecord

from schemas.partitioning import murmur2_partition

TOPIC = "flow-events.v1"
PARTITIONS = 4
T_MS = 1_700_000_000_000

_event_ids = itertools.count()


def record(
    value: bytes | None,
    *,
    key: bytes | None = None,
    offset: int = 0,
    partition: int = 0,
    timestamp_ms: int = T_MS,
    headers: list[tuple[str, bytes]] | None = None,
    topic: str = TOPIC,
) -> ConsumerRecord[Any, Any]:
    return ConsumerRecord(
        topic,
        partition,
        offset,
        timestamp_ms,
        1,
        key,
        value,
        None,
        len(key or b""),
        len(value or b""),
        tuple(headers or ()),
    )


def run_on(partition: int, *, among: str = "run") -> str:
    """Return a run id, `<among>-<number>`, whose events belong on a partition."""
    names = (f"{among}-{number}" for number in itertools.count())
    return next(name for name in names if murmur2_partition(name.encode(), PARTITIONS) == partition)


def event(node: str = "pay", *, run_id: str = "run-1", at_ms: int = T_MS, **fields: Any) -> bytes:
    """Return the bytes of an event, each with its own id."""
    return orjson.dumps(
        {
            "v": 1,
            "event_id": f"e{next(_event_ids)}",
            "flow": "shop",
            "node": node,
            "run_id": run_id,
            "type": "act",
            "ts": at_ms * 1_000_000,
            "data": {},
        }
        | fields
    )
