"""Versions that the definitions topic keeps for stored runs, and which of them are no longer needed (R17, R21)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.engine.definitions.records import snapshot_value, version_key
from streams.engine.run.timers import OUTAGE_GRACE_NS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.engine.definitions.definition import Definition
    from streams.engine.definitions.history import FlowHistory

Identity = tuple[str, str]
"""Flow and version."""


class KeptVersions:
    """Versions whose record is in the topic, and those that a stored run was judged by lately."""

    def __init__(self) -> None:
        self._recorded_ns: dict[Identity, int] = {}
        """Version → timestamp of its record."""
        self._needed: set[Identity] = set()

    def __contains__(self, identity: Identity) -> bool:
        return identity in self._recorded_ns

    def add(self, identity: Identity, recorded_ns: int) -> None:
        """Note that the topic holds a version."""
        self._recorded_ns[identity] = recorded_ns

    def drop(self, identity: Identity) -> None:
        """Note that the topic no longer holds a version."""
        self._recorded_ns.pop(identity, None)

    def need(self, identity: Identity) -> None:
        """Note that a stored run is judged by a version."""
        self._needed.add(identity)

    def upkeep(
        self, flows: Mapping[str, FlowHistory], now_ns: int, log_kept_ns: int
    ) -> list[tuple[bytes, bytes | None]]:
        """Return the records to write: needed versions that age are renewed, the others removed in time."""
        records: list[tuple[bytes, bytes | None]] = []
        needed, self._needed = self._needed, set()
        for identity, recorded_ns in list(self._recorded_ns.items()):
            flow, version = identity
            history = flows.get(flow)
            definition = None if history is None else history.versions.get(version)
            if history is None or definition is None:
                continue
            age_ns = now_ns - max(recorded_ns, history.superseded_ns(version))
            lease_ns = 2 * (_longest_life_ns(definition) + log_kept_ns)
            if identity in needed and age_ns > lease_ns // 2:
                records.append((version_key(*identity), snapshot_value(definition)))
            elif age_ns > lease_ns:
                records.append((version_key(*identity), None))
        return records


def _longest_life_ns(definition: Definition) -> int:
    """Return the longest time that a run may be remembered after it was judged last (R11, R10, R27, R21)."""
    pending_ns = max((node.timeout_ns for node in definition.timed), default=0)
    grace_ns = definition.grace_ns + OUTAGE_GRACE_NS
    return definition.max_open_ns + pending_ns + grace_ns + definition.forget_after_ns
