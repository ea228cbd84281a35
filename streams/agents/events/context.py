"""Context of a worker: what the owners of all its partitions share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from schemas.topics import DEAD_LETTERS, DEFINITIONS, EVENTS, RUNS_CHANGELOG, VERDICTS
from streams.agents.events.owner_metrics import OwnerMetrics
from streams.kafka.rows import Appender
from streams.kafka.topics import full_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.engine.script_calls import ScriptAnswer, ScriptCall
    from streams.settings.kafka import KafkaSettings


class Destinations(NamedTuple):
    """The full names of the topics that a partition's owner writes to."""

    events: str
    verdicts: str
    dead_letters: str
    definitions: str
    changelog: str

    @classmethod
    def of(cls, settings: KafkaSettings) -> Destinations:
        """Return the names on the broker."""
        return cls(
            events=full_name(EVENTS, settings),
            verdicts=full_name(VERDICTS, settings),
            dead_letters=full_name(DEAD_LETTERS, settings),
            definitions=full_name(DEFINITIONS, settings),
            changelog=full_name(RUNS_CHANGELOG, settings),
        )


class EventsLog(Appender, Protocol):
    """Kafka, as the owner of a partition of the events topic uses it."""

    def generation(self) -> int:
        """Return the generation of the consumer group."""
        ...

    def committed(self, partition: int) -> int:
        """Return the offset up to which a partition is committed."""
        ...

    def pause(self, partition: int) -> None:
        """Fetch nothing more of a partition until `resume`."""
        ...

    def resume(self, partition: int) -> None:
        """Fetch from a paused partition again."""
        ...


class DefinitionsGate(Protocol):
    """The reader of the definitions topic, as far as a batch must wait for it (R17)."""

    async def wait_until_can_open(self, timestamp_ns: int) -> None:
        """Return when runs that open at `timestamp_ns` can be judged by the right version."""
        ...


class ScriptEvaluator(Protocol):
    """The sandbox, as far as judging needs it."""

    async def evaluate(self, calls: Sequence[ScriptCall]) -> list[ScriptAnswer]:
        """Answer script calls, in order; they wait for an engine that does not work."""
        ...

    def why_waiting(self) -> str | None:
        """Return which engines calls wait for, and why; None if there are none."""
        ...


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """The topics, the log and the services that the owners of all partitions share.

    Attributes:
        destinations: the topics that they write to.
        partitions: how many partitions the events topic has.
        log: appends records, pauses partitions, knows what is committed.
        definitions: holds a batch back until definitions are read far enough.
        sandbox: answers script calls.
        fail: ends the worker, non-zero.
        metrics: counts and times.
    """

    destinations: Destinations
    partitions: int
    log: EventsLog
    definitions: DefinitionsGate
    sandbox: ScriptEvaluator
    fail: Callable[[BaseException], None]
    metrics: OwnerMetrics = field(default_factory=OwnerMetrics)
