"""Rule 1: what a run is, and how an event enters it, stands here; no Kafka, no clock of our own, no await.

A `Run` holds what came (its entries, in order of happening per node) and what was said. Everything else — what an
event depends on, what is owed, when something falls due — is read from that by the rules next door, at an instant
that the caller names:

    an event comes     → intake.py (R2, R20, R22), what it teaches (R14)
                       → dependencies.py judges it and the entries that it touches (R4 to R9)
    either way         → absences.py reads what is owed and until when (R10, R11), verdicts.py decides (R12, R15)
    an instant passes  → verdicts.py decides anew

Instants are nanoseconds since the epoch, as everywhere in the engine.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from mypy_extensions import mypyc_attr

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from schemas.wire import Event
    from streams.engine.definitions.definition import Definition, Given
    from streams.engine.run.timers import Gap

Standing = Literal["counted", "excluded", "undecided", "refused"]
"""What its filter made of an event (R4): `undecided` is "not yet", `refused` is a filter error."""
EntryCause = Literal[
    "validator", "validator_error", "filter_error", "dependency", "order", "late", "definition"
]

SKEW_NS: Final = 300_000_000_000
"""How far a producer's clock may run ahead of the log (R22)."""
MAX_STATE_BYTES: Final = 900 * 1024
"""The most that the state of one run may take (R20)."""
ENTRY_BYTES: Final = 220
"""What an entry costs in the encoded state beside its data and id, at the most."""


def text_bytes(text: str) -> int:
    """Return what a text takes in the encoded state, but for escapes."""
    return len(text) if text.isascii() else len(text.encode())


_happened: Final = attrgetter("ts", "event_id")


@mypyc_attr(acyclic=True)
class ScriptResult:
    """What a script said of which context: `seen` are the versions of the dependencies' occurrences that it saw."""

    __slots__ = ("detail", "outcome", "seen")

    def __init__(self, seen: tuple[int, ...], outcome: str, detail: str) -> None:
        self.seen = seen
        self.outcome = outcome
        self.detail = detail


@mypyc_attr(acyclic=True)
class Entry:
    """One accepted event of a run, and how it is judged so far."""

    __slots__ = (
        "admitted_at",
        "arrival",
        "base_stamped",
        "base_ts",
        "causes",
        "data",
        "event_id",
        "filtered",
        "literal",
        "node",
        "skewed",
        "stamped",
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
        self.stamped = event.stamped
        self.skewed = skewed
        self.literal = event.excluded
        """The caller itself excluded it: no filter is asked."""
        self.standing: Standing | None = None
        self.admitted_at = arrival
        """When the wait for its dependencies began: its arrival, or when its filter let it through (R7)."""
        self.base_ts: int | None = None
        """`ts` of the event from which its time runs (R9): one of a dependency, or itself where all are after it."""
        self.base_stamped = False
        """Whether that one was stamped by its client at sending (R25)."""
        self.filtered: ScriptResult | None = None
        self.validated: ScriptResult | None = None
        self.causes: tuple[EntryCause, ...] = ()

    def run_from(self, base: Entry | None) -> None:
        """Let its time run from an event, perhaps itself; None where it has no time limit, or waits (R9)."""
        if base is None:
            self.base_ts, self.base_stamped = None, False
        else:
            self.base_ts, self.base_stamped = base.ts, base.stamped

    def same_content(self, event: Event) -> bool:
        """Tell whether an event with this id says what the first one said (R2)."""
        return (
            self.node == event.node
            and self.data == event.data
            and (self.ts == event.ts or self.skewed)
        )


@mypyc_attr(acyclic=True)
class Occurrences:
    """The events of one node in one run. `version` grows whenever what its dependants can see of it changes."""

    __slots__ = ("counted", "others", "version")

    def __init__(self, first: Entry | None = None) -> None:
        self.counted: list[Entry] = [] if first is None else [first]
        self.others: list[Entry] = []
        self.version = len(self.counted)

    def count(self, entry: Entry) -> None:
        """Insert a counted entry at its place in time."""
        counted = self.counted
        if not counted or _happened(counted[-1]) < _happened(entry):
            counted.append(entry)
        else:
            insort(counted, entry, key=_happened)
        self.version += 1

    def discount(self, entry: Entry) -> None:
        """Take an entry out of the counted ones."""
        del self.counted[self.index(entry)]
        self.version += 1

    def index(self, entry: Entry) -> int:
        """Return the place of a counted entry."""
        return bisect_left(self.counted, _happened(entry), key=_happened)

    def entries(self) -> Iterator[Entry]:
        """Every event of the node, counted or not."""
        yield from self.counted
        yield from self.others


@mypyc_attr(acyclic=True)
class Deadline:
    """Until when a node without event is waited for (R10).

    Attributes:
        value_ns: base + timeout.
        at_ns: the same, but never before the record by which it came to be or got this value.
        origin: the node whose event it runs from, for people.
    """

    __slots__ = ("at_ns", "origin", "value_ns")

    def __init__(self, value_ns: int, at_ns: int, origin: str) -> None:
        self.value_ns = value_ns
        self.at_ns = at_ns
        self.origin = origin


@mypyc_attr(acyclic=True)
class Said:
    """The last verdict, as far as the next one is compared with it (R15)."""

    __slots__ = ("absent", "causes", "revision", "status")

    def __init__(
        self,
        revision: int,
        status: str,
        causes: frozenset[tuple[str, str]],
        absent: frozenset[tuple[str, str]],
    ) -> None:
        self.revision = revision
        self.status = status
        self.causes = causes
        self.absent = absent


SILENT: Final = Said(0, "", frozenset(), frozenset())

StickyKind = Literal["unknown_node", "too_many_events", "too_large"]


class Sticky(NamedTuple):
    """A cause that no later event takes back (R15): its message and the event that brought it."""

    message: str
    event_id: str


@mypyc_attr(acyclic=True)
class Run:
    """One execution of a flow: what came, and what was said about it."""

    __slots__ = (
        "deadlines",
        "definition",
        "dirty",
        "entries",
        "failing",
        "flow",
        "forget_at",
        "gaps",
        "grew",
        "key",
        "last_arrival",
        "leaning",
        "lessons",
        "nodes",
        "offset",
        "opened_at",
        "opened_offset",
        "owed",
        "pinned",
        "reopened",
        "run_id",
        "said",
        "size_bytes",
        "stamped",
        "sticky",
        "timeouts",
        "touched_at",
        "unknown",
        "waiting",
        "wake_at",
    )

    def __init__(
        self,
        flow: str,
        run_id: str,
        key: bytes,
        definition: Definition,
        opened_at: int,
        offset: int,
    ) -> None:
        self.flow = flow
        self.run_id = run_id
        self.key = key
        self.opened_at = opened_at
        self.opened_offset = offset
        self.pinned = definition
        """The version of the definitions topic (R17); `definition` is that plus what the run's own events teach."""
        self.definition = definition
        self.lessons: dict[str, Lesson] = {}
        self.grew = False
        """Whether the definition grew by this run's events (R14)."""
        self.reopened = False
        """Whether an earlier run of this id may have been forgotten (R21)."""
        self.stamped = False
        """Whether an event was stamped by its client at sending (R25)."""
        self.offset = -1
        """Offset of the last record that changed this state."""
        self.touched_at = opened_at
        """The instant up to which everything due has been judged."""
        self.wake_at: int | None = None
        """The next instant that can change what is said; None when only events can (R10, R11)."""
        self.forget_at = 0
        """When the state is removed, if nothing comes; of meaning while there is no `wake_at` (R21)."""
        self.last_arrival = opened_at
        self.gaps: list[Gap] = []
        self.nodes: dict[str, Occurrences] = {}
        self.entries: dict[str, Entry] = {}
        self.unknown: dict[str, str] = {}
        """Events of nodes that a closed flow does not have: event id → node (R19)."""
        self.sticky: dict[tuple[str, str], Sticky] = {}
        self.said = SILENT
        self.size_bytes = 0
        self.deadlines: dict[str, Deadline] = {}
        # Read from the above, again and again; never encoded.
        self.owed: tuple[str, ...] = ()
        self.waiting: dict[str, Entry] = {}
        """Entries whose dependencies are not satisfied, by event id."""
        self.failing: dict[tuple[str, str], list[Entry]] = {}
        """Node and kind → the entries that are its cause."""
        self.timeouts: dict[str, int] = {}
        """Node → the instant at which its absence becomes a timeout (R10)."""
        self.leaning: dict[str, Entry] = {}
        """Entries that are satisfied because an absent dependency may be skipped, which may change (R7)."""
        self.dirty: dict[str, dict[str, Entry]] = {}
        """Node → the entries that must be judged again, by event id."""

    def __len__(self) -> int:
        """Return how many events were accepted."""
        return len(self.entries) + len(self.unknown)

    def first(self) -> Entry | None:
        """Return the counted event that happened first."""
        firsts = [
            occurrences.counted[0] for occurrences in self.nodes.values() if occurrences.counted
        ]
        return min(firsts, key=_happened, default=None)

    def came(self, node: str) -> bool:
        """Tell whether the node has a counted event."""
        occurrences = self.nodes.get(node)
        return occurrences is not None and bool(occurrences.counted)

    def set_causes(self, entry: Entry, causes: tuple[EntryCause, ...]) -> None:
        """Replace the causes of an entry, and keep the index by node and kind."""
        if causes == entry.causes:
            return
        for kind in entry.causes:
            key = (entry.node, kind)
            self.failing[key].remove(entry)
            if not self.failing[key]:
                del self.failing[key]
        for kind in causes:
            self.failing.setdefault((entry.node, kind), []).append(entry)
        entry.causes = causes

    def mark(self, node: str, entries: Iterable[Entry]) -> None:
        """Note that these entries of a node must be judged again."""
        dirty = self.dirty.get(node)
        if dirty is None:
            dirty = self.dirty[node] = {}
        for entry in entries:
            dirty[entry.event_id] = entry


class Lesson(NamedTuple):
    """What this run's events teach of one node (or, under the empty id, of the options): field → who said it last.

    The latest `(ts, event_id)` that states a field wins, so that the order of arrival does not matter (R3).
    """

    stated: dict[str, tuple[int, str, Any]]

    def learn(self, given: Given, entry: Entry) -> bool:
        """Take what an event states; tell whether anything is new."""
        changed = False
        for field, value in given.items():
            last = self.stated.get(field)
            if last is None or last[:2] < (entry.ts, entry.event_id):
                self.stated[field] = (entry.ts, entry.event_id, value)
                changed = changed or last is None or last[2] != value
        return changed

    def given(self) -> dict[str, Any]:
        """Return the fields as stated last."""
        return {field: value for field, (_, _, value) in self.stated.items()}
