"""Algorithms on a flow's graph: order, cycles, dependants. Nodes are ids, edges are `dep_ids` (R18)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

Edges = Mapping[str, Sequence[str]]
"""Node → the nodes that it depends on. Ids that are no key are ignored: they are not in the graph."""


def topological_order(edges: Edges) -> list[str]:
    """Return the nodes so that each stands behind its dependencies; nodes of a cycle are left out.

    Ties keep the order of `edges`, so that the result does not depend on hashing.
    """
    missing = {node: {dep for dep in deps if dep in edges} for node, deps in edges.items()}
    order: list[str] = []
    while ready := [node for node, deps in missing.items() if not deps]:
        order.extend(ready)
        for node in ready:
            del missing[node]
        for deps in missing.values():
            deps.difference_update(ready)
    return order


def find_cycle(edges: Edges) -> list[str]:
    """Return one cycle as `[a, b, a]`, or an empty list where there is none."""
    stuck = set(edges).difference(topological_order(edges))
    # A stuck node may only hang behind a cycle; walking along stuck dependencies ends up inside one.
    path: list[str] = []
    node = next((node for node in edges if node in stuck), None)
    while node is not None and node not in path:
        path.append(node)
        node = next(dep for dep in edges[node] if dep in stuck)
    return [] if node is None else [*path[path.index(node) :], node][::-1]


def dependants(edges: Edges) -> dict[str, list[str]]:
    """Return node → the nodes that depend on it directly."""
    after: dict[str, list[str]] = {node: [] for node in edges}
    for node, deps in edges.items():
        for dep in dict.fromkeys(deps):
            if dep in after:
                after[dep].append(node)
    return after


def descendants(edges: Edges, roots: Iterable[str]) -> set[str]:
    """Return all nodes that depend on one of `roots`, directly or through others."""
    after = dependants(edges)
    found: set[str] = set()
    frontier = list(roots)
    while frontier:
        fresh = [node for node in after.get(frontier.pop(), ()) if node not in found]
        found.update(fresh)
        frontier.extend(fresh)
    return found
