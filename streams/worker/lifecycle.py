"""Lifecycle of a worker: recovery, rebalances and the stop, driven by Faust's signals."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from streams.agents.supervision import SupervisedTasks
from streams.faust_batches.leave_group import leave_group_at_stop
from streams.worker.tuning import tune_process

if TYPE_CHECKING:
    from collections.abc import Callable

    import faust

    from streams.agents.definitions.reader import DefinitionsReader
    from streams.agents.definitions.upkeep import DefinitionsUpkeep
    from streams.agents.events.assigned_partitions import AssignedPartitions
    from streams.faust_batches.lease import Lease
    from streams.scripts.sandbox import Sandbox
    from streams.worker.health_page import HealthPage


class Lifecycle:
    """Starts what the owners of partitions need before the first batch, and ends all of it at the stop.

    Args:
        partitions: those that are ours.
        reader: has read all definitions before the first batch is judged.
        upkeep: looks after the definitions topic from the first assignment on.
        sandbox: can run scripts before the first batch is judged.
        lease: looked at and stamped from the first assignment on.
        page: is served already, and no longer after the stop.
        fail: ends the worker, non-zero.
    """

    def __init__(
        self,
        partitions: AssignedPartitions,
        reader: DefinitionsReader,
        upkeep: DefinitionsUpkeep,
        sandbox: Sandbox,
        lease: Lease,
        page: HealthPage,
        *,
        fail: Callable[[BaseException], None],
    ) -> None:
        self._partitions = partitions
        self._reader = reader
        self._upkeep = upkeep
        self._sandbox = sandbox
        self._lease = lease
        self._page = page
        self._leave: Callable[[], None] = lambda: None
        self._background = SupervisedTasks(fail)

    def follow(self, app: faust.App) -> None:
        """Let Faust's signals drive the partitions."""
        app.on_rebalance_complete.connect(self._recovered)
        app.on_partitions_revoked.connect(self._revoked)
        app.on_before_shutdown.connect(self._stopping)
        self._leave = partial(leave_group_at_stop, app)

    async def _recovered(self, *_args: Any, **_signal: Any) -> None:
        first = not self._background
        if first:
            await asyncio.gather(self._reader.start(), self._sandbox.start())
            self._background.run(self._reader.follow(), "read-definitions")
            self._background.run(self._upkeep.keep(), "keep-definitions")
            self._background.run(self._lease.keep(), "keep-lease")
        self._partitions.open()
        if first:
            tune_process()

    async def _revoked(self, *_args: Any, **_signal: Any) -> None:
        self._partitions.close()

    async def _stopping(self, *_args: Any, **_signal: Any) -> None:
        self._leave()
        self._partitions.close()
        self._background.cancel()
        await asyncio.gather(self._reader.stop(), self._sandbox.stop(), self._page.stop())
