"""Definition of a flow as the engine judges by it: options and nodes of one version (R14, R17).

A definition has two layers. `published` is the YAML of an operator; `learned` is what SDK calls carried. `layers.py`
merges them into nodes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

from schemas.canonical import canonical_node, canonical_options
from schemas.encoding import encode_json
from schemas.ids import definition_version
from schemas.units import NS_PER_MS
from streams.engine.definitions import graph
from streams.engine.definitions.layers import merge_layers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.engine.definitions.node import Given, Node


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a flow (milliseconds, as on the wire)."""

    window_ms: int = 900_000
    max_open_ms: int = 604_800_000
    settle_ms: int = 5_000
    grace_ms: int = 1_000
    clock_tolerance_ms: int = 2_000
    forget_after_ms: int = 3_600_000
    closed: bool = False
    max_events_per_run: int = 1_000

    def updated(self, given: Given) -> Options:
        """Return these options with the given ones in their place; unknown names are ignored."""
        known = {
            name: value
            for name, value in given.items()
            if name in OPTION_NAMES and value is not None
        }
        return replace(self, **known) if known else self


OPTION_NAMES: Final = frozenset(field.name for field in fields(Options))

_LESSONS_KEPT: Final = 256
"""Merged definitions kept per version: services that teach without end must not fill the memory."""


class Definition:
    """One version of a flow: immutable, shared by all runs that it judges.

    `nodes` are in the order in which they were stated; `problems` maps a node to what is wrong with what was learned
    of it.
    """

    def __init__(
        self,
        flow: str,
        *,
        published: Iterable[Given] = (),
        options: Given | None = None,
        learned: Iterable[Given] = (),
        learned_options: Given | None = None,
        defaults: Options | None = None,
        version: str | None = None,
    ) -> None:
        self.flow = flow
        self.published: dict[str, Given] = {node["id"]: node for node in published}
        self.learned: dict[str, Given] = {node["id"]: node for node in learned}
        self.published_options: Given = options or {}
        self.learned_options: Given = learned_options or {}
        self.problems: dict[str, str] = {}
        base = defaults or Options()
        # A closed flow is a decision of its YAML alone: a service cannot shut out the nodes of others.
        taught = {name: value for name, value in self.learned_options.items() if name != "closed"}
        self.options = base.updated(taught).updated(self.published_options)
        self.window_ns = self.options.window_ms * NS_PER_MS
        self.max_open_ns = self.options.max_open_ms * NS_PER_MS
        self.settle_ns = self.options.settle_ms * NS_PER_MS
        self.grace_ns = self.options.grace_ms * NS_PER_MS
        self.tolerance_ns = self.options.clock_tolerance_ms * NS_PER_MS
        self.forget_after_ns = self.options.forget_after_ms * NS_PER_MS
        self.max_events = self.options.max_events_per_run
        self._defaults = base
        self._taught: dict[str, Definition] = {}
        self.nothing_new: dict[str, Given] = {}
        """Node → fields that an event stated last and that were known: most events repeat them."""
        self.nodes: dict[str, Node] = merge_layers(self.published, self.learned, self.problems)
        self._index()
        self.version: str = version or definition_version(self.content())
        """As its record states it, under which runs are pinned to it, else the hash of the content (R17)."""

    def _index(self) -> None:
        """Set what the rules ask of the nodes again and again."""
        nodes = self.nodes
        self.ids: tuple[str, ...] = tuple(nodes)
        """The ids of all nodes."""
        self.branches: dict[str, tuple[str, ...]] = _branches(nodes)
        """Branch label → its nodes, the alternatives of R23."""
        self.exclusive_branches: tuple[str, ...] = _exclusive_branches(nodes, self.branches)
        """Branches of which only one node may come."""
        self.run_enders: dict[str, frozenset[str]] = _run_enders(nodes)
        """`ends_run` node → the nodes that depend on it, which stay owed (R26)."""
        self.all_owed: bool = not (self.branches or self.run_enders) and all(
            node.required and not node.trigger for node in nodes.values()
        )
        """True if no node may ever be skipped: every absent node is owed."""
        self.timed: tuple[Node, ...] = tuple(node for node in nodes.values() if node.timeout_ns)
        """Nodes with a timeout."""
        self.timed_roots: tuple[Node, ...] = _timed_roots(nodes, self.timed)
        """Nodes with a timeout that are roots, or would be without triggers: their base is the run's first event."""
        self.timed_after: dict[str, tuple[Node, ...]] = {
            node.id: tuple(nodes[after] for after in node.dependants if nodes[after].timeout_ns)
            for node in nodes.values()
        }
        """Node → the nodes with a timeout that depend on it."""
        self.fast_nodes: dict[str, Node] = self._fast_nodes()
        """The nodes whose events the fast path may judge: no filter, alternative or excuse plays a part."""
        self.ctx_heads: dict[str, bytes] = {
            node: encode_json({"flow": self.flow, "id": node})[:-1] + b',"data":' for node in nodes
        }
        """Node → JSON of one of its events in a script's `ctx["deps"]`, up to the data."""
        self.learned_ids: tuple[str, ...] = tuple(
            node.id for node in nodes.values() if node.learned
        )
        """Nodes that only events taught."""

    def _fast_nodes(self) -> dict[str, Node]:
        if not self.all_owed or self.problems or self.timed_roots:
            return {}
        if any(node.any_dep for node in self.nodes.values()):
            return {}
        known = [
            node for node in self.nodes.values() if all(dep in self.nodes for dep in node.deps)
        ]
        return {node.id: node for node in known if node.filter is None}

    def content(self) -> dict[str, Any]:
        """Return the content that the version stands for: both layers, with the defaults of the first release."""
        content: dict[str, Any] = {
            "flow": self.flow,
            "options": canonical_options(self.published_options),
            "nodes": [canonical_node(node) for node in self.published.values()],
        }
        if self.learned or self.learned_options:
            content["learned_nodes"] = [canonical_node(node) for node in self.learned.values()]
            content["learned_options"] = dict(self.learned_options)
        return content

    def taught(self, nodes: Mapping[str, Given], options: Given) -> Definition:
        """Return this definition plus what a run's own events teach (R14); equal lessons give the same object."""
        lesson = repr(
            (
                sorted((node, sorted(given.items())) for node, given in nodes.items()),
                sorted(options.items()),
            )
        )
        known = self._taught.get(lesson)
        if known is None:
            merged = {
                **self.learned,
                **{node: {**self.learned.get(node, {}), **given} for node, given in nodes.items()},
            }
            known = Definition(
                self.flow,
                published=self.published.values(),
                options=self.published_options,
                learned=merged.values(),
                learned_options={**self.learned_options, **options},
                defaults=self._defaults,
            )
            if len(self._taught) >= _LESSONS_KEPT:
                self._taught.clear()
            self._taught[lesson] = known
        return known


def _branches(nodes: Mapping[str, Node]) -> dict[str, tuple[str, ...]]:
    labels: dict[str, list[str]] = {}
    for node in nodes.values():
        if node.branch is not None:
            labels.setdefault(node.branch, []).append(node.id)
    return {label: tuple(members) for label, members in labels.items()}


def _exclusive_branches(
    nodes: Mapping[str, Node], branches: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    return tuple(
        label
        for label, members in branches.items()
        if all(nodes[node].given.get("exclusive", False) for node in members)
    )


def _run_enders(nodes: Mapping[str, Node]) -> dict[str, frozenset[str]]:
    edges = {node.id: node.deps for node in nodes.values()}
    return {
        node.id: frozenset(graph.descendants(edges, [node.id]))
        for node in nodes.values()
        if node.ends_run
    }


def _timed_roots(nodes: Mapping[str, Node], timed: tuple[Node, ...]) -> tuple[Node, ...]:
    return tuple(
        node for node in timed if all(dep in nodes and nodes[dep].trigger for dep in node.deps)
    )


def published_version(definition: Mapping[str, Any]) -> str:
    """Return the version that a definition has once it is published."""
    return Definition(
        definition["flow"], published=definition["nodes"], options=definition.get("options")
    ).version
