"""What workers wrote about one partition, collected by identity: verdicts and dead letters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import orjson
from pydantic import ValidationError

from schemas.v1.dead_letter import DeadLetter

if TYPE_CHECKING:
    from collections.abc import Iterable, KeysView


class Stated(Protocol):
    """What collects the records of one partition by identity."""

    def take(self, batch: Iterable[Any]) -> None:
        """Take in records."""
        ...

    def known(self) -> KeysView[Any]:
        """Return the identities that were seen."""
        ...


class Life(NamedTuple):
    """One life of a run, from its opening until it is forgotten."""

    flow: str
    run_id: str
    opened_at_ns: int


def life_of(verdict: dict[str, Any]) -> Life:
    """Return whose verdict it is."""
    return Life(verdict["flow"], verdict["run_id"], verdict["opened_at_ns"])


@dataclass(slots=True)
class Statement:
    """All records that bear one verdict id.

    Attributes:
        offset: of the first one, in the verdicts topic.
        body: of the first one.
        life: whose verdict it is.
        source_offset: of the event or clock record at which it was decided.
        copies: how many more say the same: what a crash leaves, and readers drop.
        others: bodies that say something else under the same id.
    """

    offset: int
    body: bytes
    life: Life
    source_offset: int
    copies: int = 0
    others: list[bytes] = field(default_factory=list[bytes])


class StatedVerdicts:
    """The verdicts of one partition, as they were written."""

    def __init__(self) -> None:
        self.by_id: dict[str, Statement] = {}
        self.records = 0
        self.strangers: list[int] = []
        """Offsets of records that are no verdicts."""

    def take(self, batch: Iterable[Any]) -> None:
        """Take in records of the verdicts topic."""
        for record in batch:
            self.records += 1
            try:
                verdict = orjson.loads(record.value)
                life, source_offset = life_of(verdict), verdict["source"]["offset"]
                verdict_id = verdict["verdict_id"]
            except (orjson.JSONDecodeError, LookupError, TypeError):
                self.strangers.append(record.offset)
                continue
            statement = self.by_id.get(verdict_id)
            if statement is None:
                self.by_id[verdict_id] = Statement(record.offset, record.value, life, source_offset)
            elif statement.body == record.value:
                statement.copies += 1
            else:
                statement.others.append(record.value)

    def known(self) -> KeysView[str]:
        """Return the ids that were said."""
        return self.by_id.keys()


class StatedDeadLetters:
    """The dead letters of one partition of the events topic, by the offset they came from."""

    def __init__(self) -> None:
        self.by_offset: dict[int, tuple[str, bytes | None]] = {}
        """Reason and original value."""
        self.strangers: list[int] = []
        """Offsets of records that are no dead letters, in their own topic."""

    def take(self, batch: Iterable[Any]) -> None:
        """Take in records of the dead-letter topic."""
        for record in batch:
            try:
                letter = DeadLetter.from_headers(record.headers)
            except ValidationError:
                self.strangers.append(record.offset)
                continue
            self.by_offset.setdefault(letter.source_offset, (letter.reason, record.value))

    def known(self) -> KeysView[int]:
        """Return the offsets of what became a dead letter."""
        return self.by_offset.keys()
