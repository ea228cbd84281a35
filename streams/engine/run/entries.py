"""Events of one run: an entry for each, and each node's entries in order of time (R2, R4, R9)."""

from __future__ import annotations

from bisect import bisect_left, insort
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Literal

from mypy_extensions import mypyc_attr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.wire import Event

Standing = Literal["counted", "excluded", "undecided", "refused"]
"""Result of the node's filter (R4): `undecided` is "not yet", `refused` is a filter error."""
EntryCause = Literal[
    "validator", "validator_error", "filter_error", "dependency", "order", "late", "definition"
]

ENTRY_BYTES: Final = 220
"""Upper bound of an entry's size in the encoded state beside its data and id."""

in_time: Final = attrgetter("ts", "event_id")
"""Sort key of the events of a run: time, then id."""


def text_bytes(text: str) -> int:
    """Return the size of a text in the encoded state, escapes aside."""
    return len(text) if text.isascii() else len(text.encode())


@mypyc_attr(acyclic=True)
class ScriptResult:
    """Answer of a script for one context; `seen` are the versions of the dependencies' events in that context."""

    __slots__ = ("detail", "outcome", "seen")

    def __init__(self, seen: tuple[int, ...], outcome: str, detail: str) -> None:
        self.seen = seen
        self.outcome = outcome
        self.detail = detail


@mypyc_attr(acyclic=True)
class Entry:
    """One accepted event of a run, and its judgement so far."""

    __slots__ = (
        "admitted_at",
        "arrival",
        "base_stamped_at_flush",
        "base_ts",
        "causes",
        "data",
        "event_id",
        "excluded_by_client",
        "filtered",
        "node",
        "skewed",
        "stamped_at_flush",
        "standing",
        "ts",
        "validated",
    )

    def __init__(self, event: Event, ts: int, arrival: int, *, skewed: bool) -> None:
        self.event_id = event.event_id
        self.node = event.node
        self.ts = ts
        self.arrival = arrival
        self.data = event.data
        self.stamped_at_flush = event.stamped
        self.skewed = skewed
        self.excluded_by_client = event.excluded
        """True for a literal `filter: false` on the wire: no filter is asked."""
        self.standing: Standing | None = None
        self.admitted_at = arrival
        """Start of the wait for its dependencies: its arrival, or when its filter let it through (R7)."""
        self.base_ts: int | None = None
        """`ts` of the event that its time limit counts from: a dependency's, or its own if all are after it (R9)."""
        self.base_stamped_at_flush = False
        self.filtered: ScriptResult | None = None
        self.validated: ScriptResult | None = None
        self.causes: tuple[EntryCause, ...] = ()

    def set_base(self, base: Entry | None) -> None:
        """Set the event that its time limit counts from, perhaps itself; None if it has no limit, or waits (R9)."""
        if base is None:
            self.base_ts, self.base_stamped_at_flush = None, False
        else:
            self.base_ts, self.base_stamped_at_flush = base.ts, base.stamped_at_flush

    def same_content(self, event: Event) -> bool:
        """Return True if an event with this id has the content of the first one (R2)."""
        return (
            self.node == event.node
            and self.data == event.data
            and (self.ts == event.ts or self.skewed)
        )


@mypyc_attr(acyclic=True)
class NodeEvents:
    """Events of one node in one run. `version` grows whenever its dependants would see something else."""

    __slots__ = ("counted", "others", "version")

    def __init__(self, first: Entry | None = None) -> None:
        self.counted: list[Entry] = [] if first is None else [first]
        """In order of time."""
        self.others: list[Entry] = []
        self.version = len(self.counted)

    def count(self, entry: Entry) -> None:
        """Insert a counted entry at its place in time."""
        counted = self.counted
        if not counted or in_time(counted[-1]) < in_time(entry):
            counted.append(entry)
        else:
            insort(counted, entry, key=in_time)
        self.version += 1

    def discount(self, entry: Entry) -> None:
        """Take an entry out of the counted ones."""
        del self.counted[self.index(entry)]
        self.version += 1

    def index(self, entry: Entry) -> int:
        """Return the place of a counted entry."""
        return bisect_left(self.counted, in_time(entry), key=in_time)

    def entries(self) -> Iterator[Entry]:
        """Yield every event of the node, counted or not."""
        yield from self.counted
        yield from self.others
