"""Records as a consumer returns them, for audits without a broker."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from schemas.ids import verdict_id


class ConsumerRecord(NamedTuple):
    """What the audit reads of `aiokafka.ConsumerRecord`."""

    offset: int
    value: bytes | None
    key: bytes | None = None
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


def verdict(run_id: str, revision: int = 1, **fields: Any) -> dict[str, Any]:
    """Return a verdict of the flow `f`, opened at 100 ns and decided at offset 5."""
    opened_at = fields.pop("opened_at_ns", 100)
    return {
        "verdict_id": verdict_id("f", run_id, opened_at, revision),
        "flow": "f",
        "run_id": run_id,
        "revision": revision,
        "opened_at_ns": opened_at,
        "status": "passed",
        "trigger": "event",
        "script_limit": False,
        "source": {"topic": "events", "partition": 0, "offset": 5},
        "causes": [],
        **fields,
    }


def written(*verdicts: dict[str, Any]) -> list[ConsumerRecord]:
    """Return the records of a verdicts topic that holds these, in order."""
    return [ConsumerRecord(at, orjson.dumps(one)) for at, one in enumerate(verdicts)]
