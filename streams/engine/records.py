"""Input and output of a partition: records of the events topic in, verdicts, states and refusals out.

What exists once for nearly every event is a class with slots: compiled, a named tuple takes five times as long to make.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from mypy_extensions import mypyc_attr

if TYPE_CHECKING:
    from schemas.errors import DeadLetterReason
    from schemas.wire import Event

OUTAGE_NS: Final = 2_000_000_000
"""Gap after a due instant from which the log counts as unwritable (R27)."""


@mypyc_attr(acyclic=True)
class Record:
    """One record of the events topic; a clock record or a dead letter has no event and only lets time pass."""

    __slots__ = ("event", "offset", "timestamp_ns")

    def __init__(self, offset: int, timestamp_ns: int, event: Event | None) -> None:
        self.offset = offset
        self.timestamp_ns = timestamp_ns
        self.event = event


@mypyc_attr(acyclic=True)
class VerdictOut:
    """A verdict to produce.

    Attributes:
        trigger: an event, or the kind of the due instant.
        decided_at_ns: stream time at that event, or that instant.
    """

    __slots__ = ("cause_kinds", "decided_at_ns", "key", "status", "trigger", "value")

    def __init__(
        self,
        key: bytes,
        value: bytes,
        status: str,
        trigger: str,
        decided_at_ns: int,
        cause_kinds: tuple[str, ...] = (),
    ) -> None:
        self.key = key
        self.value = value
        self.status = status
        self.trigger = trigger
        self.decided_at_ns = decided_at_ns
        self.cause_kinds = cause_kinds


class RefusedEvent(NamedTuple):
    """An event that its run has no room for, to become a dead letter (R20)."""

    offset: int
    reason: DeadLetterReason
    message: str


@dataclass(slots=True)
class Judged:
    """Effects of a batch, each list in log order; `states` in any order, for a run has at most one."""

    verdicts: list[VerdictOut] = field(default_factory=list[VerdictOut])
    states: list[tuple[bytes, bytes | None, int]] = field(
        default_factory=list[tuple[bytes, bytes | None, int]]
    )
    """State key, stored form (None to remove it) and source offset, for the changelog."""
    refused: list[RefusedEvent] = field(default_factory=list[RefusedEvent])
    learned: list[tuple[bytes, bytes]] = field(default_factory=list[tuple[bytes, bytes]])
    """Records for the definitions topic; they must be written before the states that name them."""
    counts: Counter[str] = field(default_factory=Counter[str])
    """Number of events by how they were received."""
