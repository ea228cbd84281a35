"""Commits of a consumer whose messages are batches, acknowledged in log order.

Its seams to Faust are pinned by tests/faust_batches/test_seams.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from faust.transport.drivers import aiokafka as driver

from streams.log import faust_logger

if TYPE_CHECKING:
    from faust.types import TP

    from streams.faust_batches.transport import BatchTransport


class CommitsInOrder(driver.Consumer):
    """Commits the newest acknowledged batch of each partition: it stands for all before it."""

    logger = faust_logger

    async def wait_empty(self) -> None:
        """Let the owners finish what is judged, for a bounded time, then commit.

        The base class waits for ever for the acknowledgement of all that was fetched.
        """
        await cast("BatchTransport", self.transport).drain()
        await self.commit_and_end_transactions()

    def _new_offset(self, tp: TP) -> int | None:
        # Batches of a partition are acknowledged in log order and stand for all offsets up to
        # their last, so the newest one says it all. The base class lists every offset between.
        acked = self._acked[tp]
        if not acked:
            return None
        newest = max(acked)
        acked.clear()
        self._acked_index[tp].clear()
        return newest + 1

    def committed(self, tp: TP) -> int:
        """Return the offset up to which a partition is committed, as far as we know."""
        return self._committed_offset[tp] or 0

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: `_new_offset` needs no list of offsets that were never delivered."""
