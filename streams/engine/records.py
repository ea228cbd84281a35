"""What goes into a partition and what comes out: a batch of records, the runs on their way through it, its effects.

What there is one of for every event, or nearly, is a class with slots: compiled, a named tuple takes five times as long
to make.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from mypy_extensions import mypyc_attr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.errors import DeadLetterReason
    from schemas.wire import Event
    from streams.engine.rules.dependencies import Question
    from streams.engine.run.run import Run


@mypyc_attr(acyclic=True)
class Record:
    """A record of the events topic. Without an event, time passes all the same: a clock record or a dead letter."""

    __slots__ = ("event", "offset", "timestamp_ns")

    def __init__(self, offset: int, timestamp_ns: int, event: Event | None) -> None:
        self.offset = offset
        self.timestamp_ns = timestamp_ns
        self.event = event


@mypyc_attr(acyclic=True)
class VerdictOut:
    """A verdict to produce.

    Attributes:
        trigger: what made it: an event, or which kind of due instant.
        decided_at_ns: the stream clock at that event, or that instant.
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


class Refused(NamedTuple):
    """An event that its run has no room for, to become a dead letter (R20)."""

    offset: int
    reason: DeadLetterReason
    message: str


@dataclass(slots=True)
class Judged:
    """The effects of a batch, each in log order, but for the states: a run has one of them at most."""

    verdicts: list[VerdictOut] = field(default_factory=list[VerdictOut])
    states: list[tuple[bytes, bytes | None, int]] = field(
        default_factory=list[tuple[bytes, bytes | None, int]]
    )
    """Key, stored form (None to remove it) and source offset, for the changelog."""
    refused: list[Refused] = field(default_factory=list[Refused])
    learned: list[tuple[bytes, bytes]] = field(default_factory=list[tuple[bytes, bytes]])
    """Records for the definitions topic; they must be there before the states that name them."""
    counts: Counter[str] = field(default_factory=Counter[str])
    """How the events were received."""


AT_INSTANT, AT_EVENT = False, True


Place = tuple[int, bool, int, int]
"""Where in the log something was decided: position in the batch, `AT_EVENT` or `AT_INSTANT`, the instant, and the
offset at which its run opened. Sorts as things are said (R15)."""


@mypyc_attr(acyclic=True)
class Passage:
    """One run on its way through a batch."""

    __slots__ = (
        "applied",
        "asked",
        "changed",
        "events",
        "key",
        "next_event",
        "plain",
        "run",
        "taking",
        "tombstone_offset",
    )

    def __init__(self, key: bytes, run: Run | None) -> None:
        self.key = key
        self.run = run
        self.applied = -1 if run is None else run.offset
        """Offset up to which the run as loaded has its events."""
        self.events: list[int] = []
        """Where in the batch the run's events are."""
        self.next_event = 0
        self.taking = False
        """An event was received and is being judged: a script may be awaited."""
        self.plain = False
        """The event at hand was taken by plain.py, which judges it but for its validator."""
        self.asked: list[Question] = []
        self.changed = False
        self.tombstone_offset: int | None = None


class Batch:
    """What all runs of a batch share."""

    def __init__(self, records: Sequence[Record], clock_ns: int) -> None:
        self.records = records
        self.clocks: list[int] = []
        """The stream clock just after each record."""
        for record in records:
            clock_ns = max(clock_ns, record.timestamp_ns)
            self.clocks.append(clock_ns)
        self.accepted = 0
        """Events that came in plainly."""
        self.said: list[tuple[Place, VerdictOut]] = []
        self.refused: list[tuple[int, Refused]] = []
        self.judged = Judged()
