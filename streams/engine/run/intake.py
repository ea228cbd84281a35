"""Intake of an event into its run: duplicates, limits, unknown nodes, skew, lessons (R2, R14, R19, R20, R22)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import orjson

from streams.engine.definitions.node import NODE_DEFAULTS, Given
from streams.engine.run.entries import ENTRY_BYTES, Entry, NodeEvents, text_bytes
from streams.engine.run.run import MAX_STATE_BYTES, PermanentCause, PermanentKind, Run, RunLesson
from streams.engine.run.timers import SKEW_NS

if TYPE_CHECKING:
    from schemas.errors import DeadLetterReason
    from schemas.wire import Event
    from streams.engine.definitions.definition import Definition

Reception = Literal[
    "accepted", "duplicate", "conflicting_event", "unknown_node", "too_many_events", "too_large"
]
OPTIONS: Final = ""
"""Key of the flow options among a run's lessons."""
_SHOWN_ONLY: Final = frozenset({"description", "additional_meta"})
"""Fields that no rule reads: a service that changes them with every call teaches nothing."""
_LESSON_BYTES: Final = 60
"""Upper bound of a lesson's size in the encoded state beside its value and the id of its event."""
_NODE_BYTES: Final = 120
"""Size that a node's first event adds beside its name, which stands in lessons, versions, deadlines and causes."""
_NODES_NAMED: Final = 10
"""Nodes that a message lists: enough to spot a mistyped name."""


class Received(NamedTuple):
    """Result of an intake: how the event was received and, if it was refused, why."""

    reception: Reception
    refusal: tuple[DeadLetterReason, str] | None = None


_ACCEPTED: Final = Received("accepted")


def receive(run: Run, event: Event, now: int, recorded_at: int) -> Received:
    """Take an event into its run at stream time `now`; `recorded_at` is the timestamp of its record."""
    known = run.entries.get(event.event_id)
    if known is not None or event.event_id in run.unknown:
        same = (
            known.same_content(event)
            if known is not None
            else run.unknown[event.event_id] == event.node
        )
        return Received("duplicate" if same else "conflicting_event")
    size = size_of(run, event)
    if refusal := _refuse(run, event, size):
        return refusal
    run.last_arrival = now
    run.size_bytes += size
    if event.node not in run.definition.nodes and run.definition.options.closed:
        run.unknown[event.event_id] = event.node
        _add_permanent(run, event, "unknown_node", _unknown_node(run, event.node))
        return Received("unknown_node")
    _enter(run, event, now, recorded_at)
    return _ACCEPTED


def _refuse(run: Run, event: Event, size: int) -> Received | None:
    """Refuse an event that the run has no room for; the first one also adds a permanent cause (R20)."""
    limit = run.definition.max_events
    if len(run) >= limit:
        reason: Literal["too_many_events", "too_large"] = "too_many_events"
        message = f"the run has {limit} events, the most that max_events_per_run allows"
    elif run.size_bytes + size > MAX_STATE_BYTES:
        reason = "too_large"
        message = (
            f"with {size} bytes more the run's state would exceed {MAX_STATE_BYTES // 1024} KiB"
        )
    else:
        return None
    message = f"{event.node}: {message}; events beyond it are dead letters"
    if all(kind != reason for _, kind in run.permanent):
        _add_permanent(run, event, reason, message)
    return Received(reason, (reason, message))


def _add_permanent(run: Run, event: Event, kind: PermanentKind, message: str) -> None:
    if (event.node, kind) not in run.permanent:
        run.permanent[event.node, kind] = PermanentCause(message, event.event_id)
        run.size_bytes += len(message) + ENTRY_BYTES


def _unknown_node(run: Run, node: str) -> str:
    known = list(run.definition.nodes)
    shown, more = ", ".join(known[:_NODES_NAMED]), len(known) - _NODES_NAMED
    return (
        f"{node}: flow {run.flow} is closed and has no such node; its nodes are {shown}"
        f"{f' and {more} more' if more > 0 else ''}"
    )


def size_of(run: Run, event: Event) -> int:
    """Return the most that an event can add to the encoded state of its run (R20)."""
    id_bytes = text_bytes(event.event_id)
    size = ENTRY_BYTES + len(event.data) + id_bytes + len(event.node)
    if event.node not in run.nodes:
        size += _NODE_BYTES + 4 * len(event.node)
    if event.teaches:
        size += len(orjson.dumps(event.teaches)) + (_LESSON_BYTES + id_bytes) * len(event.teaches)
    return size


def _enter(run: Run, event: Event, now: int, recorded_at: int) -> None:
    skewed = event.ts > recorded_at + SKEW_NS
    entry = Entry(event, recorded_at if skewed else event.ts, now, skewed=skewed)
    teaches = event.teaches is not None and event.teaches != run.pinned.nothing_new.get(event.node)
    if teaches or event.options is not None or event.node not in run.definition.nodes:
        _teach(run, event, entry)
    run.stamped_at_flush = run.stamped_at_flush or event.stamped
    run.entries[event.event_id] = entry
    if event.node not in run.nodes:
        run.nodes[event.node] = NodeEvents()
    run.mark(event.node, (entry,))


# -- learning (R14) --------------------------------------------------------------------------------------------------


def _teach(run: Run, event: Event, entry: Entry) -> None:
    """Learn what the event states of its node and flow beyond the pinned definition."""
    pinned = run.pinned
    node_news = _news_of_node(pinned, event.node, event.teaches or {})
    option_news = {
        name: value
        for name, value in (event.options or {}).items()
        if name not in pinned.published_options
        and name != "closed"
        and pinned.learned_options.get(name) != value
    }
    changed = False
    if node_news or event.node not in run.definition.nodes:
        lesson = run.lessons.setdefault(event.node, RunLesson({}))
        changed = lesson.learn(node_news, entry) or event.node not in run.definition.nodes
    elif event.teaches is not None:
        pinned.nothing_new[event.node] = event.teaches
    if option_news:
        changed = (
            run.lessons.setdefault(OPTIONS, RunLesson({})).learn(option_news, entry) or changed
        )
    if changed:
        run.learned_here = True
        apply_lessons(run)


def _news_of_node(pinned: Definition, node: str, given: Given) -> dict[str, Any]:
    """Return the fields that differ from the pinned definition; published fields cannot be learned."""
    known = pinned.nodes.get(node)
    if known is None:
        return dict(given)
    published = pinned.published.get(node, {})
    return {
        field: value
        for field, value in given.items()
        if field not in published
        and field not in _SHOWN_ONLY
        and not (field == "type" and (value == "trigger") == known.trigger)
        and known.given.get(field, NODE_DEFAULTS.get(field)) != value
    }


def apply_lessons(run: Run) -> None:
    """Give the run the definition that its lessons make, and mark its entries to be judged by it."""
    before = run.definition
    nodes = {
        node: {"id": node, **lesson.given()}
        for node, lesson in run.lessons.items()
        if node != OPTIONS
    }
    options = run.lessons[OPTIONS].given() if OPTIONS in run.lessons else {}
    run.definition = run.pinned.taught(nodes, options)
    for node_id, node_events in run.nodes.items():
        was, now = before.nodes.get(node_id), run.definition.nodes[node_id]
        for entry in node_events.entries():
            if was is None or (was.deps, was.filter) != (now.deps, now.filter):
                entry.filtered = None
            if was is None or (was.deps, was.validator) != (now.deps, now.validator):
                entry.validated = None
        run.mark(node_id, node_events.entries())
