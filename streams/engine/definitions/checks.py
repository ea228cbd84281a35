"""Checks of a published definition: cycles, unknown nodes, options and engines, branches, timeouts (R18).

Shapes and types are checked before, by `schemas`; scripts are compiled by whoever has the engines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas.errors import DefinitionProblem
from streams.engine.definitions import graph
from streams.engine.definitions.definition import OPTION_NAMES
from streams.engine.definitions.node import ENGINES, Given, timeout_sizes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def check_definition(definition: Mapping[str, Any]) -> list[DefinitionProblem]:
    """Return the problems of a published definition, each with its place; scripts are not compiled here (R18)."""
    nodes: list[Given] = list(definition.get("nodes") or ())
    ids = [node["id"] for node in nodes]
    problems = [
        DefinitionProblem(f"options.{name}", None, f"unknown option {name!r}")
        for name in _unknown_options(definition)
    ]
    for place, node in enumerate(nodes):
        if node["id"] in ids[:place]:
            problems.append(
                DefinitionProblem(
                    f"nodes[{place}].id", node["id"], f"node {node['id']!r} is defined twice"
                )
            )
        problems += _node_problems(f"nodes[{place}]", node, ids)
    problems += _branch_problems(nodes)
    edges = {node["id"]: tuple(node.get("dep_ids") or ()) for node in nodes}
    if cycle := graph.find_cycle(edges):
        place = ids.index(cycle[0])
        text = f"the dependencies form a cycle: {' → '.join(cycle)}"
        problems.append(DefinitionProblem(f"nodes[{place}].dep_ids", cycle[0], text))
    return problems


def _unknown_options(definition: Mapping[str, Any]) -> list[str]:
    options: Given = definition.get("options") or {}
    return [name for name in options if name not in OPTION_NAMES]


def _node_problems(place: str, node: Given, ids: list[str]) -> Iterable[DefinitionProblem]:
    for index, dep in enumerate(node.get("dep_ids") or ()):
        if dep not in ids:
            yield DefinitionProblem(
                f"{place}.dep_ids[{index}]",
                node["id"],
                f"depends on {dep!r}, which the flow does not define",
            )
    for field in ("filter", "validator"):
        script = node.get(field)
        if script is not None and script["engine"] not in ENGINES:
            known = ", ".join(ENGINES)
            message = f"unknown engine {script['engine']!r} in {field} (known: {known})"
            yield DefinitionProblem(f"{place}.{field}.engine", node["id"], message)
    sizes = timeout_sizes(node)
    if len(sizes) > 1:
        text = ", ".join(f"{size} ms" for size in sorted(sizes))
        yield DefinitionProblem(
            f"{place}.conditions", node["id"], f"several timeouts of different size: {text}"
        )


def _branch_problems(nodes: list[Given]) -> Iterable[DefinitionProblem]:
    for label in dict.fromkeys(node["branch"] for node in nodes if node.get("branch") is not None):
        members = [(place, node) for place, node in enumerate(nodes) if node.get("branch") == label]
        place, first = members[0]
        if len(members) == 1:
            message = f"branch {label!r} has one node only: an alternative needs another to stand beside it"
            yield DefinitionProblem(f"nodes[{place}].branch", first["id"], message)
        if len({bool(node.get("exclusive", False)) for _, node in members}) > 1:
            names = ", ".join(node["id"] for _, node in members)
            yield DefinitionProblem(
                f"nodes[{place}].exclusive",
                first["id"],
                f"the nodes of branch {label!r} disagree on `exclusive`: {names}",
            )
