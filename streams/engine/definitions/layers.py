"""Merge of the two layers of a definition, published and learned, into its nodes (R14, R18, R23, R24).

For a node that both layers know, the published one wins field by field. Whatever is wrong in the learned layer is left
out and noted as a problem of its node, so that a bad event never stops the judging of the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from schemas.units import NS_PER_MS
from streams.engine.definitions import graph
from streams.engine.definitions.node import ENGINES, Given, Node, NodeScript, timeout_sizes


def merge_layers(
    published: Mapping[str, Given], learned: Mapping[str, Given], problems: dict[str, str]
) -> dict[str, Node]:
    """Return the nodes of both layers, in the order in which they were stated; add what is wrong to `problems`."""
    # Only published nodes are owed in a flow that has YAML; its learned ones are judged when they come.
    owed_by_learning = not published
    merged: dict[str, Given] = {
        node: {**learned.get(node, {}), **published.get(node, {})}
        for node in (*published, *(node for node in learned if node not in published))
    }
    edges = {
        node: tuple(dict.fromkeys(given.get("dep_ids") or ())) for node, given in merged.items()
    }
    _cut_cycles(edges, published, problems)
    _refuse_disagreeing_branches(merged, learned, problems)
    rank = {node: place for place, node in enumerate(graph.topological_order(edges))}
    after = graph.dependants(edges)
    return {
        node: Node(
            id=node,
            given=given,
            deps=edges[node],
            any_dep=given.get("dep_mode") == "any",
            filter=_script(node, given, "filter", problems),
            validator=_script(node, given, "validator", problems),
            timeout_ns=_timeout_ns(node, given, problems),
            required=bool(given.get("required", True)) and (owed_by_learning or node in published),
            branch=given.get("branch"),
            ends_run=bool(given.get("ends_run", False)),
            trigger=given.get("type") == "trigger",
            learned=node not in published,
            triggered=any(
                merged[dep].get("type") == "trigger" for dep in edges[node] if dep in merged
            ),
            rank=rank[node],
            dependants=tuple(after[node]),
        )
        for node, given in merged.items()
    }


def _cut_cycles(
    edges: dict[str, tuple[str, ...]], published: Mapping[str, Given], problems: dict[str, str]
) -> None:
    """Cut the learned nodes out of every cycle; the published layer was checked, so each cycle has one of them."""
    while cycle := graph.find_cycle(edges):
        text = " → ".join(cycle)
        # Every learned edge of the cycle is cut, not just one: no order of arrival may decide which.
        for node in cycle[:-1]:
            if "dep_ids" not in published.get(node, {}):
                problems[node] = f"its dependencies form a cycle: {text}"
                edges[node] = ()


def _refuse_disagreeing_branches(
    merged: Mapping[str, Given], learned: Mapping[str, Given], problems: dict[str, str]
) -> None:
    for label in {given["branch"] for given in merged.values() if given.get("branch") is not None}:
        members = [
            (node, bool(given.get("exclusive", False)))
            for node, given in merged.items()
            if given.get("branch") == label
        ]
        if len({exclusive for _, exclusive in members}) > 1:
            for node, _ in members:
                if node in learned:
                    problems[node] = f"the nodes of branch {label!r} disagree on `exclusive`"


def _script(
    node: str, given: Given, field: Literal["filter", "validator"], problems: dict[str, str]
) -> NodeScript | None:
    script = given.get(field)
    if not isinstance(script, Mapping):
        return None
    stated = NodeScript(str(script["engine"]), str(script["script"]))  # pyright: ignore[reportUnknownArgumentType] -- JSON
    if stated.engine not in ENGINES:
        problems[node] = (
            f"its {field} asks for the unknown engine {stated.engine!r} (known: {', '.join(ENGINES)})"
        )
        return None
    return stated


def _timeout_ns(node: str, given: Given, problems: dict[str, str]) -> int:
    sizes = timeout_sizes(given)
    if len(sizes) > 1:
        problems[node] = (
            f"it states several timeouts: {', '.join(f'{size} ms' for size in sorted(sizes))}"
        )
        return 0
    return sizes.pop() * NS_PER_MS if sizes else 0
