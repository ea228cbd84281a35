"""Keeps the definitions topic to what is needed: says which learned nodes are seen, removes what is over.

Every worker does so once an hour, from what its own runs show; what another has written meanwhile it
reads, and does not write again. Decisions are the registry's (engine/definitions/registry.py).
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

    from streams.agents.events.outbox import Append
    from streams.engine.definitions.registry import Definitions

log = get_logger(__name__)

FIRST_AFTER_S = 60.0
"""Soon: a worker that is restarted every few minutes must do it too."""

INTERVAL_S = 3_600.0
RUNS_AT_A_TIME = 1_000
"""Runs that are looked at between two turns of the event loop."""

LOG_KEPT_NS = (EVENTS.retention_ms or 0) * NS_PER_MS


class DefinitionsKeeper:
    """Writes what the registry finds due.

    Args:
        topic: full name of the definitions topic.
        definitions: the registry.
        runs: gives the runs that this worker remembers, (state key, stored form).
        append: writes records, acknowledged.
    """

    def __init__(
        self,
        topic: str,
        definitions: Definitions,
        *,
        runs: Callable[[], Sequence[tuple[bytes, bytes]]],
        append: Append,
    ) -> None:
        self._topic = topic
        self._definitions = definitions
        self._runs = runs
        self._append = append

    async def keep(self) -> NoReturn:
        """Look after the topic, for the life of the worker."""
        await asyncio.sleep(FIRST_AFTER_S)
        while True:
            await self.look()
            await asyncio.sleep(INTERVAL_S)

    async def look(self) -> None:
        """Look once, and write what is due."""
        seen = await self._seen(self._definitions.unseen())
        records = self._definitions.upkeep(seen, log_kept_ns=LOG_KEPT_NS)
        if records:
            removed = [key.decode() for key, value in records if value is None]
            log.info("definitions kept", renewed=len(records) - len(removed), removed=removed)
            await self._append(self._topic, 0, [OutRecord(key, value) for key, value in records])

    async def _seen(self, wanted: Mapping[str, set[str]]) -> dict[str, set[str]]:
        """Return which of the wanted nodes stand in a run, by their flow."""
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
    """Tell whether a run has an event of a node.

    A stored run is not decoded for it: of an event, id and node stand first and beside each other.
    That its data may hold the same text does no harm: the node counts for longer.
    """
    return f'","{node}",'.encode() in run
