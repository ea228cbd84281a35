"""Request and response types for script evaluation (R4, R5, R6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from mypy_extensions import mypyc_attr

Outcome = Literal["true", "false", "none", "other", "error", "limit", "not_compiled"]
"""Result of a call. `other` is a value that is no answer, `limit` a budget or a crash of the sandbox (R6)."""


@mypyc_attr(acyclic=True)
@dataclass(slots=True, init=False)
class ScriptCall:
    """One script to run on one event.

    Attributes:
        engine: the language.
        source: the script.
        kind: its purpose.
        data: JSON object, the event's data.
        ctx: JSON object, `{"deps": [{"flow", "id", "data"}, …], "data": …}` (R5).
    """

    engine: str
    source: str
    kind: Literal["filter", "validator"]
    data: bytes
    ctx: bytes

    # Written out: a generated one is not compiled (docs/decisions/0006-compiled-engine.md).
    def __init__(
        self,
        engine: str,
        source: str,
        kind: Literal["filter", "validator"],
        data: bytes,
        ctx: bytes,
    ) -> None:
        self.engine = engine
        self.source = source
        self.kind: Literal["filter", "validator"] = kind
        self.data = data
        self.ctx = ctx


class ScriptAnswer(NamedTuple):
    """Answer to a script call."""

    outcome: Outcome
    detail: str = ""
    """A sentence for people with engine, line and message, at most 500 characters; empty for a plain answer."""
