"""A flow as the engine judges by it: options and nodes, merged from what operators published and what events taught.

A definition has two layers. `published` is the YAML of an operator; `learned` is what SDK calls carried. For a node
that both know, the published layer wins field by field. Whatever is wrong in the learned layer is left out and kept as
a problem of its node, so that a bad event never stops the judging of the rest (R18).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal, NamedTuple

from schemas.canonical import FIRST_NODE_FIELDS, canonical_node, canonical_options
from schemas.encoding import encode_json
from schemas.ids import definition_version
from schemas.units import NS_PER_MS
from streams.engine.definitions import graph

Given = Mapping[str, Any]
"""The fields of a node or of the options that somebody stated; absent ones are not in it."""

ENGINES: Final = ("python", "cel", "js")


class Program(NamedTuple):
    """A script of a node: the engine that runs it and its source."""

    engine: str
    source: str


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


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A step of a flow, with its place in the graph."""

    id: str
    given: Given
    deps: tuple[str, ...] = ()
    any_dep: bool = False
    filter: Program | None = None
    validator: Program | None = None
    timeout_ns: int = 0
    required: bool = True
    branch: str | None = None
    ends_run: bool = False
    trigger: bool = False
    learned: bool = False
    triggered: bool = False
    """Whether it depends on a trigger (R24)."""
    rank: int = 0
    """Place in topological order: a node's dependencies have lower ranks."""
    dependants: tuple[str, ...] = ()

    @property
    def scripted(self) -> bool:
        """Whether its judgement depends on what its dependencies' events contain."""
        return self.filter is not None or self.validator is not None


class Definition:
    """What one run is judged by: immutable, shared by all runs of the same version.

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
        """Node → what an event said of it last that was known already: most say the same again and again."""
        self.nodes: dict[str, Node] = self._compile()
        # What the rules ask of it again and again.
        self.ids: tuple[str, ...] = tuple(self.nodes)
        """The ids of all nodes."""
        self.branches: dict[str, tuple[str, ...]] = self._read_branches()
        """Branch label → its nodes, the alternatives of R23."""
        self.exclusive_branches: tuple[str, ...] = self._read_exclusive_branches()
        """Branches of which only one node may come."""
        self.enders: dict[str, frozenset[str]] = self._read_enders()
        """`ends_run` node → the nodes that depend on it, whose duty it does not end (R26)."""
        self.all_owed: bool = self._read_all_owed()
        """Whether nothing can ever excuse a node: what is absent is owed, with no question asked."""
        self.timed: tuple[Node, ...] = self._read_timed()
        """Nodes with a timeout."""
        self.timed_roots: tuple[Node, ...] = self._read_timed_roots()
        """Nodes with a timeout that are roots, or would be without triggers: the first event starts their time."""
        self.timed_after: dict[str, tuple[Node, ...]] = self._read_timed_after()
        """Node → the nodes with a timeout that depend on it."""
        self.plain: dict[str, Node] = self._read_plain()
        """The nodes whose events can be judged directly (plain.py): no filter, no choice and no excuse plays a part."""
        self.ctx_heads: dict[str, bytes] = self._write_ctx_heads()
        """Node → how its events begin among the `deps` of a script's context, up to their data."""
        self.learned_ids: tuple[str, ...] = self._read_learned_ids()
        """Nodes that only events taught."""
        self.version: str = version or definition_version(self.content())
        """As its record states it, under which runs are pinned to it, else the hash of the content (R17)."""

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

    # -- what the rules ask ------------------------------------------------------------------------------------------

    def _read_branches(self) -> dict[str, tuple[str, ...]]:
        labels: dict[str, list[str]] = {}
        for node in self.nodes.values():
            if node.branch is not None:
                labels.setdefault(node.branch, []).append(node.id)
        return {label: tuple(nodes) for label, nodes in labels.items()}

    def _read_exclusive_branches(self) -> tuple[str, ...]:
        return tuple(
            label
            for label, nodes in self.branches.items()
            if all(self.nodes[node].given.get("exclusive", False) for node in nodes)
        )

    def _read_enders(self) -> dict[str, frozenset[str]]:
        edges = {node.id: node.deps for node in self.nodes.values()}
        return {
            node.id: frozenset(graph.descendants(edges, [node.id]))
            for node in self.nodes.values()
            if node.ends_run
        }

    def _read_all_owed(self) -> bool:
        return (
            not self.branches
            and not self.enders
            and all(n.required and not n.trigger for n in self.nodes.values())
        )

    def _read_timed_roots(self) -> tuple[Node, ...]:
        return tuple(
            node
            for node in self.nodes.values()
            if node.timeout_ns
            and all(dep in self.nodes and self.nodes[dep].trigger for dep in node.deps)
        )

    def _read_plain(self) -> dict[str, Node]:
        if not self.all_owed or self.problems or self.timed_roots:
            return {}
        if any(node.any_dep for node in self.nodes.values()):
            return {}
        known = [
            node for node in self.nodes.values() if all(dep in self.nodes for dep in node.deps)
        ]
        return {node.id: node for node in known if node.filter is None}

    def _read_timed_after(self) -> dict[str, tuple[Node, ...]]:
        return {
            node.id: tuple(
                self.nodes[dependant]
                for dependant in node.dependants
                if self.nodes[dependant].timeout_ns
            )
            for node in self.nodes.values()
        }

    def _write_ctx_heads(self) -> dict[str, bytes]:
        return {
            node: encode_json({"flow": self.flow, "id": node})[:-1] + b',"data":'
            for node in self.nodes
        }

    def _read_learned_ids(self) -> tuple[str, ...]:
        return tuple(node.id for node in self.nodes.values() if node.learned)

    def _read_timed(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes.values() if node.timeout_ns)

    # -- compiling ---------------------------------------------------------------------------------------------------

    def _compile(self) -> dict[str, Node]:
        # Only published nodes are owed in a flow that has YAML; its learned ones are judged when they come.
        owed_by_learning = not self.published
        merged: dict[str, Given] = {
            node: {**self.learned.get(node, {}), **self.published.get(node, {})}
            for node in (
                *self.published,
                *(node for node in self.learned if node not in self.published),
            )
        }
        edges = self._acyclic(
            {
                node: tuple(dict.fromkeys(given.get("dep_ids") or ()))
                for node, given in merged.items()
            }
        )
        self._refuse_disagreeing_branches(merged)
        rank = {node: place for place, node in enumerate(graph.topological_order(edges))}
        after = graph.dependants(edges)
        return {
            node: Node(
                id=node,
                given=given,
                deps=edges[node],
                any_dep=given.get("dep_mode") == "any",
                filter=self._program(node, given, "filter"),
                validator=self._program(node, given, "validator"),
                timeout_ns=self._timeout_ns(node, given),
                required=bool(given.get("required", True))
                and (owed_by_learning or node in self.published),
                branch=given.get("branch"),
                ends_run=bool(given.get("ends_run", False)),
                trigger=given.get("type") == "trigger",
                learned=node not in self.published,
                triggered=any(
                    merged[dep].get("type") == "trigger" for dep in edges[node] if dep in merged
                ),
                rank=rank[node],
                dependants=tuple(after[node]),
            )
            for node, given in merged.items()
        }

    def _acyclic(self, edges: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        """Cut the learned nodes out of every cycle; the published layer was checked, so each has one of them."""
        while cycle := graph.find_cycle(edges):
            text = " → ".join(cycle)
            # Every learned edge of the cycle is cut, not just one: no order of arrival may decide which.
            for node in cycle[:-1]:
                if "dep_ids" not in self.published.get(node, {}):
                    self.problems[node] = f"its dependencies form a cycle: {text}"
                    edges[node] = ()
        return edges

    def _refuse_disagreeing_branches(self, merged: Mapping[str, Given]) -> None:
        for label in {
            given["branch"] for given in merged.values() if given.get("branch") is not None
        }:
            members = [
                (node, bool(given.get("exclusive", False)))
                for node, given in merged.items()
                if given.get("branch") == label
            ]
            if len({exclusive for _, exclusive in members}) > 1:
                for node, _ in members:
                    if node in self.learned:
                        self.problems[node] = (
                            f"the nodes of branch {label!r} disagree on `exclusive`"
                        )

    def _program(
        self, node: str, given: Given, field: Literal["filter", "validator"]
    ) -> Program | None:
        script = given.get(field)
        if not isinstance(script, Mapping):
            return None
        program = Program(str(script["engine"]), str(script["script"]))  # pyright: ignore[reportUnknownArgumentType] -- JSON
        if program.engine not in ENGINES:
            self.problems[node] = (
                f"its {field} asks for the unknown engine {program.engine!r} (known: {', '.join(ENGINES)})"
            )
            return None
        return program

    def _timeout_ns(self, node: str, given: Given) -> int:
        sizes = timeout_sizes(given)
        if len(sizes) > 1:
            self.problems[node] = (
                f"it states several timeouts: {', '.join(f'{size} ms' for size in sorted(sizes))}"
            )
            return 0
        return sizes.pop() * NS_PER_MS if sizes else 0


def timeout_sizes(given: Given) -> set[int]:
    """Return the different timeouts in `conditions`, in milliseconds; 0 is none."""
    return {
        int(condition.get("timeout_ms") or 0) for condition in given.get("conditions") or ()
    } - {0}


_LESSONS_KEPT: Final = 256
"""Bound on the merged definitions kept per version: services that teach without end must not fill the memory."""

NODE_DEFAULTS: Final[dict[str, Any]] = {**FIRST_NODE_FIELDS}
"""What a field of a node stands for where nobody states it: those of the first release, and all that came later."""
