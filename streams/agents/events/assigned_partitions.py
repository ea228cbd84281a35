"""Partitions assigned to this worker: opened, drained and closed as the group rebalances."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, cast

from streams.agents.events.owner import PartitionOwner
from streams.engine.partition import Partition
from streams.errors import DulyError
from streams.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from faust.types import TP

    from streams.agents.events.backlog import FetchedBatch
    from streams.agents.events.context import WorkerContext
    from streams.engine.definitions.registry import Definitions
    from streams.faust_batches.run_table import RunStore, RunTable

log = get_logger(__name__)

STUCK_S = 60.0
"""How long an owner may be at one batch before the worker counts as dead."""

DRAIN_TIMEOUT_S = 2.0
"""How long judged work may take to become durable before a partition is given up."""


class AssignedPartitions:
    """One owner for each partition of the events topic that is assigned to this worker.

    Args:
        table: the runs table; its store drops lost and invalid partitions.
        definitions: the registry that the engine judges by.
        context: what the owners share.
        assigned: the partitions of the changelog that are ours, by Faust's assignor.
    """

    def __init__(
        self,
        table: RunTable,
        definitions: Definitions,
        context: WorkerContext,
        *,
        assigned: Callable[[], Iterable[TP]],
    ) -> None:
        self._table = table
        self._definitions = definitions
        self._context = context
        self._assigned = assigned
        self._owners: dict[int, PartitionOwner] = {}
        self._partitions: dict[int, Partition] = {}
        self._rebalance_began: float | None = None
        self._is_open = False  # assigned and recovered; a worker may have no partition

    def deliver(self, batch: FetchedBatch) -> None:
        """Give a batch to the owner of its partition; without one it is another worker's."""
        owner = self._owners.get(batch.message.partition)
        if owner is not None:
            owner.accept(batch)

    def open(self) -> None:
        """Begin to judge what is ours; its runs are recovered.

        Raises:
            UnreadableState: the changelog holds what is not the state of a run.
            DulyError: partitions are still owned, with work under way.
        """
        store = self._store
        if store.failure is not None:
            raise store.failure
        if not self.close():
            raise DulyError("partitions came anew before those from before were given up")
        context = self._context
        changelog = self._table.changelog_topic_name
        ours = sorted(tp for tp in self._assigned() if tp.topic == changelog)
        self._partitions = {
            tp.partition: self._partition(tp.partition, context.destinations.events) for tp in ours
        }
        for tp in ours:
            owner = PartitionOwner(
                self._partitions[tp.partition],
                context,
                remembered=partial(store.set_persisted_offset, tp),
            )
            self._owners[tp.partition] = owner
            owner.start()
        self._is_open = True
        duration_ms = self._rebalance_ms()
        context.metrics.assigned(duration_ms)
        log.info(
            "partitions assigned",
            partitions=list(self._owners),
            generation=context.log.generation(),
            open_runs=sum(partition.open_runs for partition in self._partitions.values()),
            duration_ms=duration_ms,
        )

    def measure(self) -> None:
        """Bring the gauges of all partitions up to date."""
        for owner in self._owners.values():
            owner.measure()

    def why_stuck(self) -> str | None:
        """Return why the worker should be restarted, or None: an owner does not get through a batch.

        One that waits for a script engine is not stuck: the sandbox itself ends the worker after its bound.
        """
        if self._context.sandbox.why_waiting() is not None:
            return None
        for number, owner in self._owners.items():
            if (stuck_s := owner.stuck_s()) > STUCK_S:
                return f"partition {number} has been at one batch for {stuck_s:.0f} s"
        return None

    def why_not_ready(self) -> str | None:
        """Return why nothing is judged yet, or what is not judged now; None if all is."""
        if not self._is_open:
            return "partitions are not assigned and recovered yet"
        return self._context.sandbox.why_waiting()

    async def drain(self) -> None:
        """Let what is judged become durable, in all partitions at once, for a bounded time."""
        self._rebalance_began = time.monotonic()
        await asyncio.gather(*(owner.drain(DRAIN_TIMEOUT_S) for owner in self._owners.values()))

    def close(self) -> bool:
        """Give up all partitions; what was judged but is not durable will be read again.

        Returns:
            Whether all that was judged is durable.
        """
        if self._owners:
            log.info("partitions given up", partitions=list(self._owners))
        lost = [number for number, owner in self._owners.items() if not owner.close()]
        for number in self._owners:
            self._context.metrics.given_up(number)
        for number in lost:
            log.warning("partition given up with work under way", partition=number)
            self._store.invalidate(number)
        self._owners.clear()
        self._is_open = False
        return not lost

    def _partition(self, number: int, topic: str) -> Partition:
        """Return the engine's side of a partition: the one that we had, if its runs are the same."""
        runs = self._store.runs(number)
        kept = self._partitions.get(number)
        if kept is not None and kept.runs is runs:
            return kept
        partition = Partition(topic, number, self._definitions, runs=runs)
        partition.restore()
        return partition

    @property
    def _store(self) -> RunStore:
        return cast("RunStore", self._table.data)

    def _rebalance_ms(self) -> int | None:
        began, self._rebalance_began = self._rebalance_began, None
        return None if began is None else round((time.monotonic() - began) * 1_000)
