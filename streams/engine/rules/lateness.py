"""Lateness of events that came: the base of the time limit, the limit, and which event is late (R9, R25)."""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from streams.engine.rules.owed import listed_deps
from streams.engine.run.timers import STAMPED_LATE_NS

if TYPE_CHECKING:
    from streams.engine.definitions.node import Node
    from streams.engine.run.entries import Entry, EntryCause, NodeEvents
    from streams.engine.run.run import Run

_ts: Final = attrgetter("ts")


def base_of(run: Run, node: Node, entry: Entry) -> Entry | None:
    """Return the event that the time limit counts from; the event itself if all its dependencies are after it (R9)."""
    listed = listed_deps(run, node)
    if not listed:
        return run.first()
    base: Entry | None = None
    for dep in listed:
        node_events = run.nodes.get(dep)
        if node_events is None or not node_events.counted:
            continue
        candidate = node_events.counted[-1]
        if candidate.ts > entry.ts:
            place = bisect_right(node_events.counted, entry.ts, key=_ts)
            if place == 0:
                continue
            candidate = node_events.counted[place - 1]
        if base is None or candidate.ts > base.ts:
            base = candidate
    return base or entry


def time_limit(node: Node, entry: Entry, base: Entry) -> int:
    """Return the latest `ts` at which an event is in time (R9, R25)."""
    return base.ts + _time_allowed(node, entry, base_stamped_at_flush=base.stamped_at_flush)


def _time_allowed(node: Node, entry: Entry, *, base_stamped_at_flush: bool) -> int:
    widened = entry.stamped_at_flush or base_stamped_at_flush
    return node.timeout_ns + (STAMPED_LATE_NS if widened else 0)


def set_lateness(
    run: Run, node: Node, node_events: NodeEvents, entry: Entry, causes: tuple[EntryCause, ...]
) -> None:
    """Set the causes of an entry, with `late` if it is, and renew `late` of the next entry.

    Of events with the same base only the earliest must be in time (R9).
    """
    counted = node_events.counted
    if entry.standing != "counted" or len(counted) == 1:
        late = _is_late(node, entry, None)
        run.set_causes(entry, (*causes, "late") if late else causes)
        return
    place = node_events.index(entry)
    before = _neighbour(counted, range(place - 1, -1, -1))
    late = _is_late(node, entry, before)
    run.set_causes(entry, (*causes, "late") if late else causes)
    after = _neighbour(counted, range(place + 1, len(counted)))
    if after is not None:
        others: tuple[EntryCause, ...] = tuple([cause for cause in after.causes if cause != "late"])
        late = _is_late(node, after, before if entry.base_ts is None else entry)
        run.set_causes(after, (*others, "late") if late else others)


def _neighbour(counted: list[Entry], places: range) -> Entry | None:
    """Return the first entry at these places that has a base; those that wait for their dependencies have none."""
    return next((counted[place] for place in places if counted[place].base_ts is not None), None)


def _is_late(node: Node, entry: Entry, before: Entry | None) -> bool:
    base_ts = entry.base_ts
    if base_ts is None:
        return False
    limit = base_ts + _time_allowed(node, entry, base_stamped_at_flush=entry.base_stamped_at_flush)
    if entry.ts <= limit:
        return False
    return before is None or before.base_ts is None or before.base_ts != base_ts
