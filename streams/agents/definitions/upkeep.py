"""Hourly upkeep of the definitions topic: refresh used nodes, tombstone expired ones.

Every worker does it, from what its own runs show; what another has written meanwhile it reads, and does
not write again. The registry decides what is due (engine/definitions/registry.py).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from schemas.topics import EVENTS
from schemas.units import NS_PER_MS
from streams.kafka.rows import OutRecord
from streams.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import NoReturn

    from streams.engine.definitions.registry import Definitions
    from streams.kafka.rows import Appender

log = get_logger(__name__)

FIRST_AFTER_S = 60.0
"""Short, so that a worker that is restarted every few minutes does its upkeep too."""

INTERVAL_S = 3_600.0
RUNS_AT_A_TIME = 1_000
"""Runs scanned between two turns of the event loop."""

LOG_KEPT_NS = (EVENTS.retention_ms or 0) * NS_PER_MS


class DefinitionsUpkeep:
    """Writes what the registry finds due.

    Args:
        topic: full name of the definitions topic.
        definitions: the registry.
        runs: gives the runs that this worker remembers, (state key, stored form).
        appender: writes records, acknowledged.
    """

    def __init__(
        self,
        topic: str,
        definitions: Definitions,
        *,
        runs: Callable[[], Sequence[tuple[bytes, bytes]]],
        appender: Appender,
    ) -> None:
        self._topic = topic
        self._definitions = definitions
        self._runs = runs
        self._appender = appender

    async def keep(self) -> NoReturn:
        """Repeat the upkeep, for the life of the worker."""
        await asyncio.sleep(FIRST_AFTER_S)
        while True:
            await self.run_upkeep()
            await asyncio.sleep(INTERVAL_S)

    async def run_upkeep(self) -> None:
        """Write what is due now."""
        seen = await self._seen(self._definitions.unseen())
        records = self._definitions.upkeep(seen, log_kept_ns=LOG_KEPT_NS)
        if records:
            removed = [key.decode() for key, value in records if value is None]
            log.info("definitions kept", renewed=len(records) - len(removed), removed=removed)
            await self._appender.append(
                self._topic, 0, [OutRecord(key, value) for key, value in records]
            )

    async def _seen(self, wanted: Mapping[str, set[str]]) -> dict[str, set[str]]:
        """Return which of the wanted nodes are in a run, by their flow."""
        missing = {flow: set(nodes) for flow, nodes in wanted.items()}
        seen: dict[str, set[str]] = {flow: set() for flow in wanted}
        for number, (key, run) in enumerate(self._runs() if wanted else ()):
            flow = key.partition(b"\0")[0].decode()
            if nodes := missing.get(flow):
                found = {node for node in nodes if _holds(run, node)}
                seen[flow] |= found
                nodes -= found
            if number % RUNS_AT_A_TIME == 0:
                await asyncio.sleep(0)
        return seen


def _holds(run: bytes, node: str) -> bool:
    """Return True if a run has an event of a node.

    The stored run is not decoded for it: id and node are the first two fields of an event. Data of
    an event may hold the same text, which does no harm: the node is kept for longer.
    """
    return f'","{node}",'.encode() in run
