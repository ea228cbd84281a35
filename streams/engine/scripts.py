"""The engine's side of scripts: what it asks and what it is told. Who answers is none of its business."""

from __future__ import annotations

from typing import Literal, NamedTuple

Outcome = Literal["true", "false", "none", "other", "error", "limit", "not_compiled"]
"""What became of a call. `other` is a value that is no answer, `limit` a budget or a crash of the sandbox (R6)."""


class ScriptCall(NamedTuple):
    """One script to run on one event."""

    engine: str
    source: str
    kind: Literal["filter", "validator"]
    data: bytes
    """JSON object: the event's data."""
    ctx: bytes
    """JSON object: `{"deps": [{"flow", "id", "data"}, …], "data": …}` (R5)."""


class ScriptAnswer(NamedTuple):
    """What a call came to."""

    outcome: Outcome
    detail: str = ""
    """A sentence for people with engine, line and message, at most 500 characters; empty for a plain answer."""
