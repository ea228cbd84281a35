"""Findings of an audit, as data."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

FaultKind = Literal["lost", "unexpected", "conflicting", "wrong", "disordered", "letters"]

FAULTS: Final[dict[FaultKind, str]] = {
    "lost": "implied by the log, never written",
    "unexpected": "written, not implied by the log",
    "conflicting": "one id, several bodies",
    "wrong": "not as the log implies",
    "disordered": "written before a verdict that the log decides first",
    "letters": "dead letters lost, unexpected or altered",
}
"""Kind of fault → its meaning."""

MAX_EXAMPLES = 20
"""Faults of one kind that are described; all are counted."""


class Fault(NamedTuple):
    """One fault.

    Attributes:
        kind: of the fault.
        place: topic, partition and offset of the record, or partition alone where there is none.
        subject: the run and revision, or what the record is.
        detail: what was written and what is implied.
    """

    kind: FaultKind
    place: str
    subject: str
    detail: str


@dataclass(slots=True)
class PartitionFindings:
    """One partition of the events topic.

    Attributes:
        partition: its number.
        begin: the first offset that was judged.
        end: the offset after the last one, as the audit began.
        events: records of the log between the two, clock records among them; transaction markers
            take offsets but are not records.
        implied: verdicts that the log implies.
        records: records of the verdicts topic.
        copies: of these, repetitions, which readers drop by their id.
        dead_letters: dead letters that the log implies.
        limited: verdicts not compared, of runs that met a limit of the sandbox (R6).
        beyond: verdicts not compared, of runs that began before the log does, or decided after
            its end.
        faults: how many of each kind.
    """

    partition: int
    begin: int = 0
    end: int = 0
    events: int = 0
    implied: int = 0
    records: int = 0
    copies: int = 0
    dead_letters: int = 0
    limited: int = 0
    beyond: int = 0
    faults: Counter[FaultKind] = field(default_factory=Counter[FaultKind])


@dataclass(slots=True)
class Findings:
    """Findings of the whole audit.

    Attributes:
        topic: the events topic.
        partitions: by partition, in order.
        examples: faults described, the first of each kind.
        notes: what limits the audit, for people.
    """

    topic: str
    partitions: list[PartitionFindings] = field(default_factory=list[PartitionFindings])
    examples: list[Fault] = field(default_factory=list[Fault])
    notes: list[str] = field(default_factory=list[str])

    @property
    def faults(self) -> Counter[FaultKind]:
        """Number of faults of each kind."""
        return sum((found.faults for found in self.partitions), Counter[FaultKind]())

    @property
    def sound(self) -> bool:
        """True if there is no fault."""
        return not self.faults.total()

    def add(self, found: PartitionFindings, faults: list[Fault]) -> None:
        """Add the findings and faults of one partition."""
        self.partitions.append(found)
        described = Counter(fault.kind for fault in self.examples)
        for fault in faults:
            found.faults[fault.kind] += 1
            if described[fault.kind] < MAX_EXAMPLES:
                described[fault.kind] += 1
                self.examples.append(fault)
