"""A run: what came, what was said about it, and what is read from both.

A `Run` stores its entries (`entries.py`) and its last verdict. All else follows from these at an instant that the
caller names: what an event depends on, what is owed, when something falls due. The attributes that hold such readings
are refreshed by the commands of the rules and are never encoded. `streams/engine/__init__.py` tells who may write what.

Instants are nanoseconds since the epoch, as everywhere in the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from mypy_extensions import mypyc_attr

from streams.engine.run.entries import in_time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.engine.definitions.definition import Definition
    from streams.engine.definitions.node import Given
    from streams.engine.run.entries import Entry, EntryCause, NodeEvents
    from streams.engine.run.timers import Outage

MAX_STATE_BYTES: Final = 900 * 1024
"""Largest encoded state of one run (R20)."""


@mypyc_attr(acyclic=True)
class Deadline:
    """Instant until which a node without event is awaited (R10).

    Attributes:
        value_ns: base + timeout.
        at_ns: the same, but not before the arrival of the record that set or moved it.
        origin: the node whose event gives the base, for people.
    """

    __slots__ = ("at_ns", "origin", "value_ns")

    def __init__(self, value_ns: int, at_ns: int, origin: str) -> None:
        self.value_ns = value_ns
        self.at_ns = at_ns
        self.origin = origin


@mypyc_attr(acyclic=True)
class LastVerdict:
    """Fields of the last verdict that the next one is compared with (R15)."""

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


NO_VERDICT: Final = LastVerdict(0, "", frozenset(), frozenset())

PermanentKind = Literal["unknown_node", "too_many_events", "too_large"]


class PermanentCause(NamedTuple):
    """A cause that no later event takes back (R15): its message and the event that brought it."""

    message: str
    event_id: str


@mypyc_attr(acyclic=True)
class Run:
    """One execution of a flow.

    Attributes, stored:
        pinned: the version of the definitions topic that judges the run (R17).
        lessons: node → what its own events teach (R14).
        learned_here: True if the definition grew by this run's events.
        reopened: True if an earlier run of this id may have been forgotten (R21).
        stamped_at_flush: True if its client stamped an event when it sent the batch (R25).
        offset: of the last record that changed this state.
        touched_at: instant up to which everything due has been judged.
        wake_at: next instant that can change the verdict; None if only events can (R10, R11).
        forget_at: instant at which the state is removed if nothing comes (R21); valid while `wake_at` is None.
        unknown: event id → node, for events of nodes that a closed flow does not have (R19).
        permanent: node and kind → a cause that stays (R15).
        deadlines: node → its deadline, with the instant that it was set at (R10).

    Attributes, read from these and never encoded:
        definition: `pinned` plus what the run's own events teach.
        nodes: node → its events.
        owed: nodes that must still get a counted event.
        waiting: event id → entry whose dependencies are not satisfied (R7).
        conditional: event id → entry that is satisfied only while an absent dependency may be skipped (R7).
        failing: node and kind → the entries that are its cause.
        timeouts: node → instant at which its absence becomes a timeout (R10).
        dirty: node → the entries that must be judged again, by event id.
    """

    __slots__ = (
        "conditional",
        "deadlines",
        "definition",
        "dirty",
        "entries",
        "failing",
        "flow",
        "forget_at",
        "key",
        "last_arrival",
        "last_verdict",
        "learned_here",
        "lessons",
        "nodes",
        "offset",
        "opened_at",
        "opened_offset",
        "outages",
        "owed",
        "permanent",
        "pinned",
        "reopened",
        "run_id",
        "size_bytes",
        "stamped_at_flush",
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
        # Stored.
        self.flow = flow
        self.run_id = run_id
        self.key = key
        self.opened_at = opened_at
        self.opened_offset = offset
        self.pinned = definition
        self.lessons: dict[str, RunLesson] = {}
        self.learned_here = False
        self.reopened = False
        self.stamped_at_flush = False
        self.offset = -1
        self.touched_at = opened_at
        self.wake_at: int | None = None
        self.forget_at = 0
        self.last_arrival = opened_at
        self.outages: list[Outage] = []
        self.entries: dict[str, Entry] = {}
        self.unknown: dict[str, str] = {}
        self.permanent: dict[tuple[str, str], PermanentCause] = {}
        self.last_verdict = NO_VERDICT
        self.size_bytes = 0
        self.deadlines: dict[str, Deadline] = {}
        # Read from the above.
        self.definition = definition
        self.nodes: dict[str, NodeEvents] = {}
        self.owed: tuple[str, ...] = ()
        self.waiting: dict[str, Entry] = {}
        self.failing: dict[tuple[str, str], list[Entry]] = {}
        self.timeouts: dict[str, int] = {}
        self.conditional: dict[str, Entry] = {}
        self.dirty: dict[str, dict[str, Entry]] = {}

    def __len__(self) -> int:
        """Return the number of accepted events."""
        return len(self.entries) + len(self.unknown)

    def first(self) -> Entry | None:
        """Return the earliest counted event."""
        firsts = [
            node_events.counted[0] for node_events in self.nodes.values() if node_events.counted
        ]
        return min(firsts, key=in_time, default=None)

    def came(self, node: str) -> bool:
        """Return True if the node has a counted event."""
        node_events = self.nodes.get(node)
        return node_events is not None and bool(node_events.counted)

    def set_causes(self, entry: Entry, causes: tuple[EntryCause, ...]) -> None:
        """Replace the causes of an entry and update `failing`."""
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
        """Mark entries of a node to be judged again."""
        dirty = self.dirty.get(node)
        if dirty is None:
            dirty = self.dirty[node] = {}
        for entry in entries:
            dirty[entry.event_id] = entry


class RunLesson(NamedTuple):
    """Fields that this run's events teach of one node (under the empty id: of the options), with who stated each last.

    The latest `(ts, event_id)` that states a field wins, so that the order of arrival does not matter (R3).
    """

    stated: dict[str, tuple[int, str, Any]]

    def learn(self, given: Given, entry: Entry) -> bool:
        """Take what an event states; return True if anything is new."""
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
