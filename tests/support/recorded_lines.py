"""Recorded lines for the tests of replays: instants in ms after a fixed one."""

from __future__ import annotations

import json
from typing import Any

START_NS = 1_767_614_400_000_000_000
"""2026-01-05 12:00:00 UTC."""


def ns(ms: float) -> int:
    """Return the instant `ms` after the start."""
    return START_NS + round(ms * 1_000_000)


def event(node: str, at_ms: float, *, run_id: str = "run-1", **fields: Any) -> str:
    """Return the line of an event."""
    content = {"event_id": f"{run_id}-{node}", "flow": "f", "node": node, "run_id": run_id}
    return json.dumps({"v": 1, **content, "ts": ns(at_ms), **fields})


def clock(at_ms: float) -> str:
    """Return the line of a clock record."""
    return json.dumps({"clock": ns(at_ms)})
