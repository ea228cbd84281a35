"""Draws a directed acyclic graph as text: a row for each node, a lane for each edge.

●    a
├─╮
● │  b      a lane runs from a node down to each node that depends on it,
│ ●  c      and ends there
├─╯
●    d
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.engine.definitions import graph

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from streams.engine.definitions.graph import Edges

_GAP = "  "
_ASCII = str.maketrans({"●": "*", "│": "|", "─": "-"} | dict.fromkeys("├┼╮╯┬┴", "+"))


def draw(edges: Edges, labels: dict[str, str]) -> list[str]:
    """Return the lines of the drawing.

    Args:
        edges: node → the nodes that it depends on; ids that are no key are left out.
        labels: node → what stands beside it.
    """
    drawing = _Drawing(edges)
    rows = [row for node in _order(edges) for row in drawing.rows(node)]
    width = max((len(cells) for cells, _ in rows), default=0)
    return [
        f"{cells:<{width}}{_GAP}{labels[node]}".rstrip() if node else cells.rstrip()
        for cells, node in rows
    ]


def in_ascii(line: str) -> str:
    """Return a line without box characters."""
    return line.translate(_ASCII)


def _order(edges: Edges) -> list[str]:
    """Return the nodes in topological order, each close to the last of its dependencies.

    Chains stay together, so that few lanes run side by side.
    """
    after = graph.dependants(edges)
    missing = {node: {dep for dep in deps if dep in edges} for node, deps in edges.items()}
    ready = [node for node, deps in reversed(missing.items()) if not deps]
    order: list[str] = []
    while ready:
        node = ready.pop()
        order.append(node)
        for dependant in reversed(after[node]):
            missing[dependant].discard(node)
            if not missing[dependant]:
                ready.append(dependant)
    return order


class _Drawing:
    """The lanes below the node that was drawn last."""

    def __init__(self, edges: Edges) -> None:
        self._after = graph.dependants(edges)
        self._lanes: list[str | None] = []
        """The node that each lane runs to; None where the place is free."""

    def rows(self, node: str) -> Iterator[tuple[str, str]]:
        """Yield the rows of a node: their cells, and the node beside the row that is its own."""
        arriving = [lane for lane, target in enumerate(self._lanes) if target == node]
        known = len(self._lanes)
        own, *others = arriving or [self._free_lane()]
        if not arriving and own < known:
            yield self._cells({}), ""  # a root must not seem to hang below what stands above it
        if others:
            yield self._connection(own, others, "┴╯"), ""
            for lane in others:
                self._lanes[lane] = None
        self._lanes[own] = node
        yield self._cells({own: "●"}), node
        self._lanes[own], *more = self._after[node] or [None]
        if more:
            forks = [self._fork(own, target) for target in more]
            yield self._connection(own, forks, "┬╮"), ""

    def _free_lane(self, right_of: int = -1) -> int:
        for lane in range(right_of + 1, len(self._lanes)):
            if self._lanes[lane] is None:
                return lane
        self._lanes.append(None)
        return len(self._lanes) - 1

    def _fork(self, own: int, target: str | None) -> int:
        lane = self._free_lane(right_of=own)
        self._lanes[lane] = target
        return lane

    def _connection(self, own: int, ends: list[int], corners: str) -> str:
        """Return a row that connects a node's own lane with lanes to the right of it.

        `corners` are the sign of an end that others lie behind, and that of the last one.
        """
        last = max(ends)
        drawn = {lane: "─" if self._lanes[lane] is None else "┼" for lane in range(own + 1, last)}
        drawn |= dict.fromkeys(ends, corners[0])
        drawn |= {own: "├", last: corners[1]}
        return self._cells(drawn, range(own, last))

    def _cells(self, drawn: dict[int, str], joined: Collection[int] = ()) -> str:
        cells = ""
        for lane, target in enumerate(self._lanes):
            cells += drawn.get(lane, " " if target is None else "│")
            cells += "─" if lane in joined else " "
        return cells.rstrip()
