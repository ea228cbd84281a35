"""Registry of all flows: which definition judges a run is a function of the definitions topic alone (R14, R17).

Every record of that topic is remembered with its timestamp. A run takes, for each layer, the newest that is at least
`SETTLED_NS` older than the run, so that a worker that reads a little later than another comes to the same answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from schemas.errors import DefinitionProblem, InvalidDefinition
from schemas.renamed import rename_record
from streams.engine.definitions.definition import Definition, Options
from streams.engine.definitions.history import FlowHistory
from streams.engine.definitions.kept_versions import KeptVersions
from streams.engine.definitions.records import (
    learned_value,
    node_key,
    read_published,
    read_snapshot,
    snapshot_value,
    version_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.engine.definitions.node import Given

SETTLED_NS: Final = 2_000_000_000
"""Least age of a definition, when a run opens, to judge that run (R17)."""
OFFER_AGAIN_NS: Final = 60_000_000_000
"""Least time between two records of one lesson: two versions of a service may teach different things in turn."""


class Definitions:
    """All flows that this worker knows, fed record by record from the definitions topic.

    Args:
        defaults: the worker's options.
        forgets: True if learned nodes that are not seen for long are forgotten; False where nobody
            writes that they were seen, as in the replay of a file.
    """

    def __init__(self, defaults: Mapping[str, Any] | None = None, *, forgets: bool = True) -> None:
        self._defaults = Options().updated(defaults or {})
        self._forgets = forgets
        self._flows: dict[str, FlowHistory] = {}
        self._confirmed_ns = 0
        self._stream_time_ns = 0
        self._kept = KeptVersions()
        self._offered: dict[tuple[str, str, bytes], int] = {}

    # -- feeding -----------------------------------------------------------------------------------------------------

    def add(self, key: bytes, value: bytes | None, timestamp_ns: int) -> None:
        """Take one record of the topic.

        Raises:
            InvalidDefinition: the value is no definition; the registry is as before.
        """
        if value is None:
            self._remove(key.decode("utf-8", "replace"))
            return
        try:
            record = rename_record(orjson.loads(value))
            flow, kind = record["flow"], record["kind"]
            history = self._history(flow)
            if kind == "learned":
                node = record["node"]
                given = {**node, "id": node["id"]}
                since_ns = record.get("since_ns")
                history.learn(timestamp_ns, given, record.get("options") or {}, since_ns)
            elif kind == "published":
                published = read_published(record, self._defaults)
                history.publish(timestamp_ns, published)
                self._kept.add((flow, published.version), timestamp_ns)
            elif kind == "snapshot":
                history.keep(read_snapshot(record, self._defaults))
                self._kept.add((flow, record["version"]), timestamp_ns)
            else:
                raise ValueError(f"unknown kind {kind!r}")  # noqa: TRY301 -- one way out for all that is wrong
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            name = key.decode("utf-8", "replace")
            raise InvalidDefinition(
                [DefinitionProblem("", None, f"the record {name!r} is no definition: {error!r}")]
            ) from error

    def publish(self, definition: Mapping[str, Any], timestamp_ns: int = 0) -> str:
        """Put a definition in force from `timestamp_ns` on and return its version; raises InvalidDefinition (R18)."""
        published = read_published(definition, self._defaults)
        identity = (published.flow, published.version)
        if identity not in self._kept:
            self._kept.add(identity, 0)
        self._history(published.flow).publish(timestamp_ns - SETTLED_NS, published)
        return published.version

    def confirmed_until(self, timestamp_ns: int) -> None:
        """Note that every record older than `timestamp_ns` has been read."""
        self._confirmed_ns = max(self._confirmed_ns, timestamp_ns)

    def can_open(self, opened_at_ns: int) -> bool:
        """Return True if the definitions of a run opened at that instant are all known."""
        return self._confirmed_ns >= opened_at_ns - SETTLED_NS

    # -- asking ------------------------------------------------------------------------------------------------------

    def flows(self) -> list[str]:
        """Return the names of all known flows, in order of appearance."""
        return list(self._flows)

    def at(self, flow: str, opened_at_ns: int) -> Definition:
        """Return the definition that judges a run opened at that instant (R17); an unknown flow has an empty one."""
        self._stream_time_ns = max(self._stream_time_ns, opened_at_ns)
        return self._history(flow).at(opened_at_ns - SETTLED_NS)

    def newest(self, flow: str) -> Definition:
        """Return the newest definition, whatever its age."""
        return self._history(flow).at(None)

    def version(self, flow: str, version: str) -> Definition:
        """Return a version that a stored run names; raises InvalidDefinition if it was never seen."""
        definition = self._history(flow).versions.get(version)
        if definition is None:
            message = (
                f"flow {flow!r} has no version {version!r}, which a stored run was judged by: "
                "was the definitions topic emptied while the runs were kept?"
            )
            raise InvalidDefinition([DefinitionProblem("", None, message)])
        self._kept.need((flow, version))
        return definition

    # -- learning (R14) ----------------------------------------------------------------------------------------------

    def offer(
        self, flow: str, node: str, given: Given, options: Given, now_ns: int
    ) -> tuple[bytes, bytes] | None:
        """Return the record that makes a lesson known to later runs, or None if it is known or was offered lately.

        It states all that is known of the node and the options: compaction leaves only the newest record of a node.
        """
        history = self._history(flow)
        if history.knows(node, given, options, now_ns):
            return None
        newest = history.at(max(now_ns, history.newest_ns))
        value = learned_value(
            flow,
            {"id": node, **newest.learned.get(node, {}), **given},
            {**newest.learned_options, **options},
        )
        last = self._offered.get((flow, node, value))
        if last is not None and now_ns - last < OFFER_AGAIN_NS:
            return None
        self._offered[flow, node, value] = now_ns
        return node_key(flow, node), value

    def snapshot(self, definition: Definition) -> tuple[bytes, bytes] | None:
        """Return the record that keeps a merged version for the runs that are pinned to it, once per version."""
        identity = (definition.flow, definition.version)
        if identity in self._kept:
            return None
        self._kept.add(identity, self._stream_time_ns)
        return version_key(*identity), snapshot_value(definition)

    # -- upkeep ------------------------------------------------------------------------------------------------------

    def unseen(self) -> dict[str, set[str]]:
        """Return flow → learned nodes whose record must be renewed if they still come."""
        found: dict[str, set[str]] = {}
        for name, history in self._flows.items():
            nodes = {node.id for node in history.learned() if node.is_ripe(self._stream_time_ns)}
            if nodes:
                found[name] = nodes
        return found

    def upkeep(
        self, seen: Mapping[str, Iterable[str]], *, log_kept_ns: int
    ) -> list[tuple[bytes, bytes | None]]:
        """Return the records to write: used nodes and versions are renewed, expired ones get a tombstone (None).

        Expired is what ended so long ago that no event of the log can ask for it (docs/decisions/0007).

        Args:
            seen: flow → nodes that came lately, among those of `unseen`.
            log_kept_ns: how long the events topic keeps its records.
        """
        now_ns = self._stream_time_ns
        records: list[tuple[bytes, bytes | None]] = []
        for name, history in self._flows.items():
            for node in history.learned():
                if node.is_ripe(now_ns) and node.id in seen.get(name, ()):
                    value = learned_value(name, node.node, node.options, node.since_ns)
                    records.append((node_key(name, node.id), value))
                elif now_ns > node.ends_ns + log_kept_ns:
                    records.append((node_key(name, node.id), None))
        return records + self._kept.upkeep(self._flows, now_ns, log_kept_ns)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _remove(self, key: str) -> None:
        """Drop what a tombstone of the topic names."""
        flow, version_sign, version = key.partition("@")
        if version_sign and flow in self._flows:
            self._kept.drop((flow, version))
            self._flows[flow].drop(version)
            return
        flow, node_sign, node = key.partition("/")
        if node_sign and flow in self._flows:
            self._flows[flow].unlearn(node)

    def _history(self, flow: str) -> FlowHistory:
        history = self._flows.get(flow)
        if history is None:
            history = self._flows[flow] = FlowHistory(flow, self._defaults, forgets=self._forgets)
        return history
