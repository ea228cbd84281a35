"""What happens when tables are recovered, partitions revoked, the worker stopped."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from streams.faust_batches.leave_group import leave_at_the_end
from streams.worker.tuning import tune_process

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import faust

    from streams.agents.definitions.reader import DefinitionsReader
    from streams.agents.definitions.upkeep import DefinitionsKeeper
    from streams.agents.events.assigned_partitions import Owners
    from streams.faust_batches.lease import Lease
    from streams.scripts.sandbox import Sandbox
    from streams.worker.health_page import WebPage


class Lifecycle:
    """Starts what owners need before the first batch, and ends all of it at the end.

    Args:
        owners: the partitions that are ours.
        reader: has read all definitions before the first batch is judged.
        keeper: looks after the definitions topic from the first assignment on.
        sandbox: can run scripts before the first batch is judged.
        lease: looked at and stamped from the first assignment on.
        page: is served already, and no longer after the stop.
        fail: ends the worker, non-zero.
    """

    def __init__(
        self,
        owners: Owners,
        reader: DefinitionsReader,
        keeper: DefinitionsKeeper,
        sandbox: Sandbox,
        lease: Lease,
        page: WebPage,
        *,
        fail: Callable[[BaseException], None],
    ) -> None:
        self._owners = owners
        self._reader = reader
        self._keeper = keeper
        self._sandbox = sandbox
        self._lease = lease
        self._page = page
        self._fail = fail
        self._leave: Callable[[], None] = lambda: None
        self._background: list[asyncio.Task[Any]] = []

    def follow(self, app: faust.App) -> None:
        """Let Faust's signals drive the owners."""
        app.on_rebalance_complete.connect(self._recovered)
        app.on_partitions_revoked.connect(self._revoked)
        app.on_before_shutdown.connect(self._stopping)
        self._leave = partial(leave_at_the_end, app)

    async def _recovered(self, *_args: Any, **_signal: Any) -> None:
        first = not self._background
        if first:
            await asyncio.gather(self._reader.start(), self._sandbox.start())
            self._watch(self._reader.follow(), "read-definitions")
            self._watch(self._keeper.keep(), "keep-definitions")
            self._watch(self._lease.keep(), "keep-lease")
        self._owners.open()
        if first:
            tune_process()

    async def _revoked(self, *_args: Any, **_signal: Any) -> None:
        self._owners.close()

    async def _stopping(self, *_args: Any, **_signal: Any) -> None:
        self._leave()
        self._owners.close()
        for task in self._background:
            task.cancel()
        await asyncio.gather(self._reader.stop(), self._sandbox.stop(), self._page.stop())

    def _watch(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._report)
        self._background.append(task)

    def _report(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)
