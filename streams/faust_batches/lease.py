"""Lease of a worker on its partitions: it ends itself if it stood still for too long (self-fencing).

Kafka gives the partitions of a silent worker to another. Frozen (SIGSTOP, a paused machine), the
first worker does not notice, and what it writes when it thaws could overwrite the work of the new
owner. So a tick stamps a clock, every write first looks at the stamp, and a stamp that is older
than a good part of the session ends the process at once. The gap becomes narrow, not closed:
readers of state take the higher source offset all the same.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from streams.errors import LeaseLost
from streams.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

log = get_logger(__name__)

SESSION_SHARE = 0.6
"""Share of the session that may pass without a stamp."""

TICK_S = 0.05


class Lease:
    """The right to write, which lasts for as long as the process keeps moving.

    Args:
        session_timeout_ms: silence after which Kafka gives the partitions to another worker.
        abandon: ends the process without another write; tests pass one that raises.
        now: seconds on a clock that nobody sets.
    """

    def __init__(
        self,
        session_timeout_ms: int,
        *,
        abandon: Callable[[LeaseLost], NoReturn] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit_s = session_timeout_ms / 1_000 * SESSION_SHARE
        self._abandon = abandon or abandon_process
        self._now = now
        self._stamp: float | None = None

    def renew(self) -> None:
        """Stamp the clock: the process moves. The first stamp arms the lease."""
        self._stamp = self._now()

    def check(self) -> None:
        """Return if the lease holds; otherwise end the process."""
        if self._stamp is None:
            return
        still_s = self._now() - self._stamp
        if still_s > self._limit_s:
            self._abandon(
                LeaseLost(
                    f"the worker stood still for {still_s:.1f} s, more than the "
                    f"{self._limit_s:.1f} s after which its partitions may have a new owner; "
                    "it ends without writing, restart it"
                )
            )

    async def keep(self) -> NoReturn:
        """Look and stamp, again and again, for the life of the worker."""
        while True:
            self.check()
            self.renew()
            await asyncio.sleep(TICK_S)


def abandon_process(error: LeaseLost) -> NoReturn:
    """End the process at once: an orderly stop would still send what is queued."""
    log.critical("lease lost", error={"type": "LeaseLost", "message": str(error)})
    os._exit(error.exit_code)
