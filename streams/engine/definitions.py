"""The registry of definitions: which one a run is judged by is a function of the definitions topic alone (R17).

Every record of that topic is remembered with its timestamp. A run takes, for each layer, the newest that is at least
`SETTLED_NS` older than the run, so that a worker that reads a little later than another comes to the same answer.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import orjson

from schemas.errors import InvalidDefinition, Problem
from schemas.ids import definition_version
from streams.engine import graph
from streams.engine.flows import ENGINES, OPTION_NAMES, Definition, Given, Options, timeout_sizes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SETTLED_NS: Final = 2_000_000_000
"""How much older than a run a definition must be to judge it (R17)."""
OFFER_AGAIN_NS: Final = 60_000_000_000
"""Two versions of a service that teach different things in turn are published at most this often."""


class Definitions:
    """All flows that this worker knows, fed record by record from the definitions topic."""

    def __init__(self, defaults: Mapping[str, Any] | None = None) -> None:
        self._defaults = Options().updated(defaults or {})
        self._flows: dict[str, _Timeline] = {}
        self._confirmed_ns = 0
        self._kept: set[tuple[str, str]] = set()
        self._offered: dict[tuple[str, str, bytes], int] = {}

    # -- feeding -----------------------------------------------------------------------------------------------------

    def add(self, key: bytes, value: bytes | None, timestamp_ns: int) -> None:
        """Take one record of the topic.

        Raises:
            InvalidDefinition: the value is no definition; the registry is as before.
        """
        if value is None:
            return  # A tombstone ends a version that no run needs; one that a run still holds is held by the run.
        try:
            record = orjson.loads(value)
            flow, kind = record["flow"], record["kind"]
            timeline = self._timeline(flow)
            if kind == "learned":
                node = record["node"]
                given = {**node, "id": node["id"]}
                timeline.learn(timestamp_ns, given, record.get("options") or {})
            elif kind == "published":
                timeline.publish(timestamp_ns, self._checked(record))
            elif kind == "snapshot":
                timeline.keep(self._snapshot(record))
                self._kept.add((flow, record["version"]))
            else:
                raise ValueError(f"unknown kind {kind!r}")  # noqa: TRY301 -- one way out for all that is wrong
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            name = key.decode("utf-8", "replace")
            raise InvalidDefinition(
                [Problem("", None, f"the record {name!r} is no definition: {error!r}")]
            ) from error

    def publish(self, definition: Mapping[str, Any], timestamp_ns: int = 0) -> str:
        """Put a definition in force from `timestamp_ns` on and return its version; raises InvalidDefinition (R18)."""
        published = self._checked(definition)
        self._timeline(published.flow).publish(timestamp_ns - SETTLED_NS, published)
        return published.version

    def confirmed_until(self, timestamp_ns: int) -> None:
        """Note that every record older than `timestamp_ns` has been read."""
        self._confirmed_ns = max(self._confirmed_ns, timestamp_ns)

    def can_open(self, opened_at_ns: int) -> bool:
        """Tell whether the definitions of a run opened at that instant are all known."""
        return self._confirmed_ns >= opened_at_ns - SETTLED_NS

    # -- asking ------------------------------------------------------------------------------------------------------

    def flows(self) -> list[str]:
        """Return the names of all known flows, in order of appearance."""
        return list(self._flows)

    def at(self, flow: str, opened_at_ns: int) -> Definition:
        """Return the definition that judges a run opened at that instant (R17); an unknown flow has an empty one."""
        return self._timeline(flow).at(opened_at_ns - SETTLED_NS)

    def newest(self, flow: str) -> Definition:
        """Return the definition as of now, whatever its age."""
        return self._timeline(flow).at(None)

    def version(self, flow: str, version: str) -> Definition:
        """Return a version that a stored run names; raises InvalidDefinition when it was never seen."""
        definition = self._timeline(flow).versions.get(version)
        if definition is None:
            message = (
                f"flow {flow!r} has no version {version!r}, which a stored run was judged by: "
                "was the definitions topic emptied while the runs were kept?"
            )
            raise InvalidDefinition([Problem("", None, message)])
        return definition

    # -- learning (R14) ----------------------------------------------------------------------------------------------

    def offer(
        self, flow: str, node: str, given: Given, options: Given, now_ns: int
    ) -> tuple[bytes, bytes] | None:
        """Return the record that makes a lesson known to later runs, or None when it is known or was offered lately.

        It says all that is known of the node and the options: compaction leaves the newest record of a node alone.
        """
        timeline = self._timeline(flow)
        if timeline.knows(node, given, options):
            return None
        newest = timeline.at(None)
        record: dict[str, Any] = {
            "v": 1,
            "kind": "learned",
            "flow": flow,
            "node": {"id": node, **newest.learned.get(node, {}), **given},
            "options": {**newest.learned_options, **options},
        }
        value = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
        last = self._offered.get((flow, node, value))
        if last is not None and now_ns - last < OFFER_AGAIN_NS:
            return None
        self._offered[flow, node, value] = now_ns
        return f"{flow}/{node}".encode(), value

    def snapshot(self, definition: Definition) -> tuple[bytes, bytes] | None:
        """Return the record that keeps a merged version for the runs that are pinned to it, once per version."""
        identity = (definition.flow, definition.version)
        if identity in self._kept:
            return None
        self._kept.add(identity)
        record = {
            "v": 1,
            "kind": "snapshot",
            "flow": definition.flow,
            "version": definition.version,
            "options": dict(definition.published_options),
            "nodes": list(definition.published.values()),
            "learned_options": dict(definition.learned_options),
            "learned_nodes": list(definition.learned.values()),
        }
        return f"{definition.flow}@{definition.version}".encode(), orjson.dumps(record)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _timeline(self, flow: str) -> _Timeline:
        timeline = self._flows.get(flow)
        if timeline is None:
            timeline = self._flows[flow] = _Timeline(flow, self._defaults)
        return timeline

    def _checked(self, content: Mapping[str, Any]) -> Definition:
        if problems := check_definition(content):
            raise InvalidDefinition(problems)
        definition = Definition(
            content["flow"],
            published=content["nodes"],
            options=content.get("options"),
            defaults=self._defaults,
        )
        self._kept.add((definition.flow, definition.version))
        return definition

    def _snapshot(self, record: Mapping[str, Any]) -> Definition:
        definition = Definition(
            record["flow"],
            published=record["nodes"],
            options=record["options"],
            learned=record["learned_nodes"],
            learned_options=record["learned_options"],
            defaults=self._defaults,
        )
        # The name under which runs are pinned to it, even if a later release hashes its content differently.
        definition.version = record["version"]
        return definition


class _Timeline:
    """The history of one flow: what was published when, and what was learned when."""

    def __init__(self, flow: str, defaults: Options) -> None:
        self._flow = flow
        self._defaults = defaults
        self._published: list[tuple[int, Definition]] = []
        self._learned: list[tuple[int, Given, Given]] = []
        self._cache: dict[tuple[int, int], Definition] = {}
        self.versions: dict[str, Definition] = {}

    def publish(self, timestamp_ns: int, definition: Definition) -> None:
        insort(self._published, (timestamp_ns, definition), key=itemgetter(0))
        self._cache.clear()
        self.keep(definition)

    def learn(self, timestamp_ns: int, node: Given, options: Given) -> None:
        insort(self._learned, (timestamp_ns, node, options), key=itemgetter(0))
        self._cache.clear()

    def keep(self, definition: Definition) -> None:
        self.versions.setdefault(definition.version, definition)

    def knows(self, node: str, given: Given, options: Given) -> bool:
        newest = self.at(None)
        known = newest.learned.get(node, {})
        return (
            node in newest.nodes
            and all(known.get(field) == value for field, value in given.items())
            and all(newest.learned_options.get(name) == value for name, value in options.items())
        )

    def at(self, cutoff_ns: int | None) -> Definition:
        published = (
            len(self._published)
            if cutoff_ns is None
            else bisect_right(self._published, cutoff_ns, key=itemgetter(0))
        )
        learned = (
            len(self._learned)
            if cutoff_ns is None
            else bisect_right(self._learned, cutoff_ns, key=itemgetter(0))
        )
        found = self._cache.get((published, learned))
        if found is None:
            found = self._cache[published, learned] = self._merge(published, learned)
            self.keep(found)
        return found

    def _merge(self, published: int, learned: int) -> Definition:
        base = (
            self._published[published - 1][1]
            if published
            else Definition(self._flow, defaults=self._defaults)
        )
        if not learned:
            return base
        nodes: dict[str, dict[str, Any]] = {}
        options: dict[str, Any] = {}
        for _, node, stated in self._learned[:learned]:
            nodes.setdefault(node["id"], {}).update(node)
            options.update(stated)
        return Definition(
            self._flow,
            published=base.published.values(),
            options=base.published_options,
            learned=nodes.values(),
            learned_options=options,
            defaults=self._defaults,
        )


# -- R18: what is refused where it is published ----------------------------------------------------------------------


def check_definition(definition: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with a published definition, with the place of each; scripts are not compiled here (R18)."""
    nodes: list[Given] = list(definition.get("nodes") or ())
    ids = [node["id"] for node in nodes]
    problems = [
        Problem(f"options.{name}", None, f"unknown option {name!r}")
        for name in _unknown_options(definition)
    ]
    for place, node in enumerate(nodes):
        if node["id"] in ids[:place]:
            problems.append(
                Problem(f"nodes[{place}].id", node["id"], f"node {node['id']!r} is defined twice")
            )
        problems += _node_problems(f"nodes[{place}]", node, ids)
    problems += _branch_problems(nodes)
    edges = {node["id"]: tuple(node.get("dep_ids") or ()) for node in nodes}
    if cycle := graph.find_cycle(edges):
        place = ids.index(cycle[0])
        text = f"the dependencies form a cycle: {' → '.join(cycle)}"
        problems.append(Problem(f"nodes[{place}].dep_ids", cycle[0], text))
    return problems


def _unknown_options(definition: Mapping[str, Any]) -> list[str]:
    options: Given = definition.get("options") or {}
    return [name for name in options if name not in OPTION_NAMES]


def _node_problems(place: str, node: Given, ids: list[str]) -> Iterable[Problem]:
    for index, dep in enumerate(node.get("dep_ids") or ()):
        if dep not in ids:
            yield Problem(
                f"{place}.dep_ids[{index}]",
                node["id"],
                f"depends on {dep!r}, which the flow does not define",
            )
    for field in ("filter", "validator"):
        script = node.get(field)
        if script is not None and script["engine"] not in ENGINES:
            known = ", ".join(ENGINES)
            message = f"unknown engine {script['engine']!r} in {field} (known: {known})"
            yield Problem(f"{place}.{field}.engine", node["id"], message)
    sizes = timeout_sizes(node)
    if len(sizes) > 1:
        text = ", ".join(f"{size} ms" for size in sorted(sizes))
        yield Problem(
            f"{place}.conditions", node["id"], f"several timeouts of different size: {text}"
        )


def _branch_problems(nodes: list[Given]) -> Iterable[Problem]:
    for label in dict.fromkeys(node["branch"] for node in nodes if node.get("branch") is not None):
        members = [(place, node) for place, node in enumerate(nodes) if node.get("branch") == label]
        place, first = members[0]
        if len(members) == 1:
            message = f"branch {label!r} has one node only: an alternative needs another to stand beside it"
            yield Problem(f"nodes[{place}].branch", first["id"], message)
        if len({bool(node.get("exclusive", False)) for _, node in members}) > 1:
            names = ", ".join(node["id"] for _, node in members)
            yield Problem(
                f"nodes[{place}].exclusive",
                first["id"],
                f"the nodes of branch {label!r} disagree on `exclusive`: {names}",
            )


def published_version(definition: Mapping[str, Any]) -> str:
    """Return the version that a definition has once it is published."""
    return definition_version(
        Definition(
            definition["flow"], published=definition["nodes"], options=definition.get("options")
        ).content()
    )
