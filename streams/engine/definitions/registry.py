"""The registry of definitions: which one a run is judged by is a function of the definitions topic alone (R17).

Every record of that topic is remembered with its timestamp. A run takes, for each layer, the newest that is at least
`SETTLED_NS` older than the run, so that a worker that reads a little later than another comes to the same answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from schemas.errors import InvalidDefinition, Problem
from schemas.ids import definition_version
from schemas.renamed import rename_record
from streams.engine.definitions import graph
from streams.engine.definitions.definition import (
    ENGINES,
    OPTION_NAMES,
    Definition,
    Given,
    Options,
    timeout_sizes,
)
from streams.engine.definitions.history import DAY_NS, Timeline
from streams.engine.run.timers import OUTAGE_GRACE_NS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.engine.definitions.history import Lesson

SETTLED_NS: Final = 2_000_000_000
"""How much older than a run a definition must be to judge it (R17)."""
OFFER_AGAIN_NS: Final = 60_000_000_000
"""Two versions of a service that teach different things in turn are published at most this often."""


class Definitions:
    """All flows that this worker knows, fed record by record from the definitions topic.

    Args:
        defaults: the worker's options.
        forgets: whether learned nodes are forgotten that are not seen for long; not where nobody
            writes that they were seen, as in the replay of a file.
    """

    def __init__(self, defaults: Mapping[str, Any] | None = None, *, forgets: bool = True) -> None:
        self._defaults = Options().updated(defaults or {})
        self._forgets = forgets
        self._flows: dict[str, Timeline] = {}
        self._confirmed_ns = 0
        self._clock_ns = 0
        self._kept: dict[tuple[str, str], int] = {}
        """Versions that the topic holds: flow and version → timestamp of the record."""
        self._needed: set[tuple[str, str]] = set()
        """Versions that a stored run was judged by lately."""
        self._offered: dict[tuple[str, str, bytes], int] = {}

    # -- feeding -----------------------------------------------------------------------------------------------------

    def add(self, key: bytes, value: bytes | None, timestamp_ns: int) -> None:
        """Take one record of the topic.

        Raises:
            InvalidDefinition: the value is no definition; the registry is as before.
        """
        if value is None:
            self._bury(key.decode("utf-8", "replace"))
            return
        try:
            record = rename_record(orjson.loads(value))
            flow, kind = record["flow"], record["kind"]
            timeline = self._timeline(flow)
            if kind == "learned":
                node = record["node"]
                given = {**node, "id": node["id"]}
                since_ns = record.get("since_ns")
                timeline.learn(timestamp_ns, given, record.get("options") or {}, since_ns)
            elif kind == "published":
                published = self._checked(record, _stated_version(record))
                timeline.publish(timestamp_ns, published)
                self._kept[flow, published.version] = timestamp_ns
            elif kind == "snapshot":
                timeline.keep(self._snapshot(record))
                self._kept[flow, record["version"]] = timestamp_ns
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
        self._clock_ns = max(self._clock_ns, opened_at_ns)
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
        self._needed.add((flow, version))
        return definition

    # -- learning (R14) ----------------------------------------------------------------------------------------------

    def offer(
        self, flow: str, node: str, given: Given, options: Given, now_ns: int
    ) -> tuple[bytes, bytes] | None:
        """Return the record that makes a lesson known to later runs, or None when it is known or was offered lately.

        It says all that is known of the node and the options: compaction leaves the newest record of a node alone.
        """
        timeline = self._timeline(flow)
        if timeline.knows(node, given, options, now_ns):
            return None
        newest = timeline.at(max(now_ns, timeline.newest_ns))
        value = _lesson(
            flow,
            {"id": node, **newest.learned.get(node, {}), **given},
            {**newest.learned_options, **options},
        )
        last = self._offered.get((flow, node, value))
        if last is not None and now_ns - last < OFFER_AGAIN_NS:
            return None
        self._offered[flow, node, value] = now_ns
        return _node_key(flow, node), value

    def snapshot(self, definition: Definition) -> tuple[bytes, bytes] | None:
        """Return the record that keeps a merged version for the runs that are pinned to it, once per version."""
        identity = (definition.flow, definition.version)
        if identity in self._kept:
            return None
        self._kept[identity] = self._clock_ns
        return _version_key(*identity), _snapshot_value(definition)

    # -- what is no longer needed ------------------------------------------------------------------------------------

    def unseen(self) -> dict[str, set[str]]:
        """Return flow → learned nodes of which it must be noted that they are seen, if they are."""
        found: dict[str, set[str]] = {}
        for name, timeline in self._flows.items():
            nodes = {lesson.id for lesson in timeline.newest_lessons() if self._is_ripe(lesson)}
            if nodes:
                found[name] = nodes
        return found

    def upkeep(
        self, seen: Mapping[str, Iterable[str]], *, log_kept_ns: int
    ) -> list[tuple[bytes, bytes | None]]:
        """Return the records that keep the topic to what is needed; None in place of a value removes a key.

        Learned nodes that were seen are said again; what ended so long ago that no event of the log
        can ask for it is removed (docs/decisions/0007).

        Args:
            seen: flow → nodes that came lately, among those of `unseen`.
            log_kept_ns: how long the events topic keeps its records.
        """
        records: list[tuple[bytes, bytes | None]] = []
        for name, timeline in self._flows.items():
            for lesson in timeline.newest_lessons():
                if self._is_ripe(lesson) and lesson.id in seen.get(name, ()):
                    value = _lesson(name, lesson.node, lesson.options, lesson.since_ns)
                    records.append((_node_key(name, lesson.id), value))
                elif self._clock_ns > lesson.ends_ns + log_kept_ns:
                    records.append((_node_key(name, lesson.id), None))
        return records + self._versions_upkeep(log_kept_ns)

    def _is_ripe(self, lesson: Lesson) -> bool:
        return lesson.seen_ns + DAY_NS < self._clock_ns < lesson.ends_ns

    def _versions_upkeep(self, log_kept_ns: int) -> list[tuple[bytes, bytes | None]]:
        records: list[tuple[bytes, bytes | None]] = []
        needed, self._needed = self._needed, set()
        for identity, recorded_ns in list(self._kept.items()):
            flow, version = identity
            timeline = self._timeline(flow)
            definition = timeline.versions.get(version)
            if definition is None:
                continue
            age_ns = self._clock_ns - max(recorded_ns, timeline.superseded_ns(version))
            lease_ns = 2 * (_longest_life_ns(definition) + log_kept_ns)
            if identity in needed and age_ns > lease_ns // 2:
                records.append((_version_key(*identity), _snapshot_value(definition)))
            elif age_ns > lease_ns:
                records.append((_version_key(*identity), None))
        return records

    def _bury(self, key: str) -> None:
        """Drop what a tombstone of the topic names."""
        flow, version_sign, version = key.partition("@")
        if version_sign and flow in self._flows:
            self._kept.pop((flow, version), None)
            self._flows[flow].drop(version)
            return
        flow, node_sign, node = key.partition("/")
        if node_sign and flow in self._flows:
            self._flows[flow].unlearn(node)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _timeline(self, flow: str) -> Timeline:
        timeline = self._flows.get(flow)
        if timeline is None:
            timeline = self._flows[flow] = Timeline(flow, self._defaults, forgets=self._forgets)
        return timeline

    def _checked(self, content: Mapping[str, Any], version: str | None = None) -> Definition:
        """Return a published definition, of the version that its record states or else of its content's."""
        if problems := check_definition(content):
            raise InvalidDefinition(problems)
        definition = Definition(
            content["flow"],
            published=content["nodes"],
            options=content.get("options"),
            defaults=self._defaults,
            version=version,
        )
        self._kept.setdefault((definition.flow, definition.version), 0)
        return definition

    def _snapshot(self, record: Mapping[str, Any]) -> Definition:
        return Definition(
            record["flow"],
            published=record["nodes"],
            options=record["options"],
            learned=record["learned_nodes"],
            learned_options=record["learned_options"],
            defaults=self._defaults,
            version=_stated_version(record),
        )


def _stated_version(record: Mapping[str, Any]) -> str | None:
    version = record.get("version")
    if version is not None and not isinstance(version, str):
        raise TypeError(f"the version must be a text, got {version!r}")
    return version


# -- records ---------------------------------------------------------------------------------------------------------


def _longest_life_ns(definition: Definition) -> int:
    """Return how long a run may be remembered after it was judged last (R11, R10, R27, R21)."""
    pending_ns = max((node.timeout_ns for node in definition.timed), default=0)
    grace_ns = definition.grace_ns + OUTAGE_GRACE_NS
    return definition.max_open_ns + pending_ns + grace_ns + definition.forget_after_ns


def _version_key(flow: str, version: str) -> bytes:
    return f"{flow}@{version}".encode()


def _node_key(flow: str, node: str) -> bytes:
    return f"{flow}/{node}".encode()


def _lesson(flow: str, node: Given, options: Given, since_ns: int | None = None) -> bytes:
    record: dict[str, Any] = {
        "v": 1,
        "kind": "learned",
        "flow": flow,
        "node": dict(node),
        "options": dict(options),
    }
    if since_ns is not None:
        record["since_ns"] = since_ns
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)


def _snapshot_value(definition: Definition) -> bytes:
    return orjson.dumps(
        {
            "v": 1,
            "kind": "snapshot",
            "flow": definition.flow,
            "version": definition.version,
            "options": dict(definition.published_options),
            "nodes": list(definition.published.values()),
            "learned_options": dict(definition.learned_options),
            "learned_nodes": list(definition.learned.values()),
        }
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
