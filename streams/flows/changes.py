"""Differences between two definitions of a flow, field by field, and the meaning of each."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.units import NS_PER_MS
from streams.engine.definitions.node import NODE_DEFAULTS, timeout_sizes
from streams.engine.text import duration_text, list_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from streams.engine.definitions.definition import Definition
    from streams.engine.definitions.node import Given

TIMEOUT = "timeout_ms"
"""The name under which all `conditions` of a node are compared."""


class Change(NamedTuple):
    """One change.

    Attributes:
        node: the node, or None for an option of the flow.
        field: the field or option; None for a node that was added or removed.
        before: the value, defaults filled in; None for an added node.
        after: the value, defaults filled in; None for a removed node.
        meaning: its effect on judgement, a sentence for people.
    """

    node: str | None
    field: str | None
    before: Any
    after: Any
    meaning: str


def changes(before: Definition, after: Definition) -> list[Change]:
    """Return the changes: options, then nodes in the order of `after`, then removed nodes."""
    return [*_option_changes(before, after), *_node_changes(before, after)]


def _option_changes(before: Definition, after: Definition) -> Iterator[Change]:
    new = asdict(after.options)
    for name, old in asdict(before.options).items():
        if old != new[name]:
            yield Change(None, name, old, new[name], _option_meaning(name, new[name]))


def _node_changes(before: Definition, after: Definition) -> Iterator[Change]:
    for name, node in after.nodes.items():
        if name not in before.nodes:
            yield Change(name, None, None, dict(node.given), _added(name, after))
        else:
            yield from _field_changes(name, before.nodes[name].given, node.given)
    for name, node in before.nodes.items():
        if name not in after.nodes:
            yield Change(name, None, dict(node.given), None, _removed(after))


def _field_changes(node: str, before: Given, after: Given) -> Iterator[Change]:
    old, new = _fields(before), _fields(after)
    for field in new:
        if old[field] != new[field]:
            meaning = _MEANINGS[field](old[field], new[field])
            yield Change(node, field, old[field], new[field], meaning)


def _fields(given: Given) -> dict[str, Any]:
    """Return the fields of a node with their defaults, and its conditions as one timeout."""
    fields = {**NODE_DEFAULTS, **given}
    del fields["conditions"], fields["id"]
    return fields | {TIMEOUT: max(timeout_sizes(given), default=0)}


def _option_meaning(name: str, value: Any) -> str:
    told = duration_text(value * NS_PER_MS) if name.endswith("_ms") else str(value)
    meaning = _OPTION_MEANINGS[name]
    return meaning[bool(value)] if isinstance(meaning, tuple) else meaning.format(told)


_OPTION_MEANINGS: Mapping[str, str | tuple[str, str]] = {
    "window_ms": "a run's window closes after {} without a new event",
    "max_open_ms": "no run is open for longer than {}",
    "settle_ms": "a run that taught its own flow passes after {} without an event",
    "grace_ms": "an event waits {0} for its dependencies; a timeout fires {0} after its deadline",
    "clock_tolerance_ms": "a dependency may be {} later than what depends on it",
    "forget_after_ms": "a closed run is remembered for {}",
    "closed": (
        "an event of a node that is not listed is judged when it comes",
        "an event of a node that is not listed fails its run",
    ),
    "max_events_per_run": "a run takes its first {} events",
}


def _added(name: str, after: Definition) -> str:
    node = after.nodes[name]
    if node.learned:
        return "learned from events: judged when it comes, owed by no run"
    if node.trigger:
        return "fired by a scenario: no run owes it"
    if node.ends_run:
        return "its event ends what a run owes"
    if not node.required:
        return "may come: no run owes it"
    when = f" after {list_text(node.deps)}" if node.deps else ""
    within = f", within {duration_text(node.timeout_ns)}" if node.timeout_ns else ""
    if node.branch is not None:
        return f"one way of the branch {node.branch!r}{when}{within}"
    return f"every run owes it{when}{within}"


def _removed(after: Definition) -> str:
    if after.options.closed:
        return "no run owes it, and its event fails a run: the flow is closed"
    return "no run owes it; its events are judged by what they teach"


def _dependencies(before: list[str], after: list[str]) -> str:
    came = [dep for dep in after if dep not in before]
    went = [dep for dep in before if dep not in after]
    said: list[str] = []
    if came:
        said.append(f"must come after {list_text(came)}, or the run fails")
    if went:
        said.append(f"no longer depends on {list_text(went)}")
    return "; ".join(said) or "judged alike, but for the order in `ctx`"


def _timeout(before: int, after: int) -> str:
    if not after:
        return "has no deadline: its absence shows when the window closes"
    within = f"must come within {duration_text(after * NS_PER_MS)}"
    if not before:
        return f"{within}: later or absent, the run fails"
    return f"{within}: {'longer' if after > before else 'less'} than before"


def _script(added: str, removed: str) -> Callable[[Any, Any], str]:
    def meaning(before: Any, after: Any) -> str:
        if before is None:
            return added
        return removed if after is None else f"{added}, by another script"

    return meaning


def _either(yes: str, no: str) -> Callable[[Any, Any], str]:
    return lambda _before, after: yes if after else no


def _type(before: str, after: str) -> str:
    if after == "trigger":
        return "fired by a scenario: no run owes it, and what depends on it is judged like a root"
    if before == "trigger":
        return "no longer a trigger: owed like any other node"
    return "judged alike"


def _branch(_before: str | None, after: str | None) -> str:
    if after is None:
        return "no alternative any more: owed by itself"
    return f"a run owes one of the branch {after!r}, not all of it"


def _for_people(_before: Any, _after: Any) -> str:
    return "for people: judged alike"


_MEANINGS: Mapping[str, Callable[[Any, Any], str]] = {
    "type": _type,
    "dep_ids": _dependencies,
    "dep_mode": lambda _before, after: (
        "one of its dependencies is enough" if after == "any" else "needs all of its dependencies"
    ),
    "filter": _script("events that it denies do not count", "every event counts"),
    "validator": _script("each event must satisfy it", "its events are not checked"),
    TIMEOUT: _timeout,
    "required": _either("a run without it does not pass", "may be skipped"),
    "branch": _branch,
    "exclusive": _either("two of its branch fail a run", "several of its branch may come"),
    "ends_run": _either("its event ends what a run owes", "its event ends nothing"),
    "description": _for_people,
    "additional_meta": _for_people,
}
