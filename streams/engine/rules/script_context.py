"""Context of a script call: the events of the node's dependencies, as JSON (R5, R25)."""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from streams.engine.run.timers import STAMPED_LATE_NS

if TYPE_CHECKING:
    from streams.engine.definitions.node import Node
    from streams.engine.run.entries import Entry
    from streams.engine.run.run import Run

_ts: Final = attrgetter("ts")


def build_ctx(run: Run, node: Node, entry: Entry) -> bytes:
    """Return the JSON of `ctx`: `{"deps": [{"flow", "id", "data"}, …]}`, with `data` beside it for a single dependency.

    `deps` holds the counted events of the direct dependencies in `dep_ids` order, then by `ts`, then by event id.
    """
    if not node.deps:
        return _NO_DEPS
    # Joined from JSON that exists already: this runs for each validator call.
    parts: list[bytes] = []
    for dep in node.deps:
        if dep in run.nodes:
            for event in run.nodes[dep].counted:
                parts += (
                    b"," if parts else b'{"deps":[',
                    run.definition.ctx_heads[dep],
                    event.data,
                    b"}",
                )
    if not parts:
        return _NO_DEPS
    parts.append(b"]")
    if len(node.deps) == 1:
        upstream = _single_dependency(run, node.deps[0], entry)
        if upstream is not None:
            parts += (b',"data":', upstream.data)
    parts.append(b"}")
    return b"".join(parts)


def _single_dependency(run: Run, dep: str, entry: Entry) -> Entry | None:
    """Return the latest event not after the judged one, else the earliest that satisfies it (R5, R8, R25)."""
    counted = run.nodes[dep].counted
    place = bisect_right(counted, entry.ts, key=_ts)
    if place:
        return counted[place - 1]
    tolerance = run.definition.tolerance_ns
    widened = max(tolerance, STAMPED_LATE_NS)
    return next(
        (
            e
            for e in counted
            if e.ts
            <= entry.ts + (widened if e.stamped_at_flush or entry.stamped_at_flush else tolerance)
        ),
        None,
    )


_NO_DEPS: Final = b'{"deps":[]}'
