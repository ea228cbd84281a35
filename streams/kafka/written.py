"""Collects the verdicts and dead letters of one partition by their identity."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import orjson
from pydantic import ValidationError

from schemas.v1.dead_letter import DeadLetter

if TYPE_CHECKING:
    from collections.abc import Iterable, KeysView


class Written(Protocol):
    """Records of one partition, collected by identity."""

    def take(self, batch: Iterable[Any]) -> None:
        """Add records."""
        ...

    def known(self) -> KeysView[Any]:
        """Return the identities seen so far."""
        ...


class Life(NamedTuple):
    """One life of a run, from its opening until it is forgotten."""

    flow: str
    run_id: str
    opened_at_ns: int


def life_of(verdict: dict[str, Any]) -> Life:
    """Return the life of a run that a verdict is about."""
    return Life(verdict["flow"], verdict["run_id"], verdict["opened_at_ns"])


@dataclass(slots=True)
class WrittenVerdict:
    """All records with one verdict id.

    Attributes:
        offset: of the first one, in the verdicts topic.
        body: of the first one.
        life: of the run that it is about.
        source_offset: of the event or clock record at which it was decided.
        copies: how many more records have the same body: a crash leaves them, readers drop them.
        others: other bodies under the same id.
    """

    offset: int
    body: bytes
    life: Life
    source_offset: int
    copies: int = 0
    others: list[bytes] = field(default_factory=list[bytes])


class WrittenVerdicts:
    """The verdicts of one partition."""

    def __init__(self) -> None:
        self.by_id: dict[str, WrittenVerdict] = {}
        self.records = 0
        self.strangers: list[int] = []
        """Offsets of records that are not verdicts."""

    def take(self, batch: Iterable[Any]) -> None:
        """Add records of the verdicts topic."""
        for record in batch:
            self.records += 1
            try:
                verdict = orjson.loads(record.value)
                life, source_offset = life_of(verdict), verdict["source"]["offset"]
                verdict_id = verdict["verdict_id"]
            except (orjson.JSONDecodeError, LookupError, TypeError):
                self.strangers.append(record.offset)
                continue
            written = self.by_id.get(verdict_id)
            if written is None:
                self.by_id[verdict_id] = WrittenVerdict(
                    record.offset, record.value, life, source_offset
                )
            elif written.body == record.value:
                written.copies += 1
            else:
                written.others.append(record.value)

    def known(self) -> KeysView[str]:
        """Return the verdict ids."""
        return self.by_id.keys()


class WrittenDeadLetters:
    """The dead letters of one partition of the events topic, by the offset they came from."""

    def __init__(self) -> None:
        self.by_offset: dict[int, tuple[str, bytes | None]] = {}
        """Reason and original value."""
        self.strangers: list[int] = []
        """Offsets, in the dead-letter topic, of records that are not dead letters."""

    def take(self, batch: Iterable[Any]) -> None:
        """Add records of the dead-letter topic."""
        for record in batch:
            try:
                letter = DeadLetter.from_headers(record.headers)
            except ValidationError:
                self.strangers.append(record.offset)
                continue
            self.by_offset.setdefault(letter.source_offset, (letter.reason, record.value))

    def known(self) -> KeysView[int]:
        """Return the offsets of the events that became dead letters."""
        return self.by_offset.keys()
