"""Load on a deployment, and what can be heard of it meanwhile."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.e2e.load import Load
from tests.e2e.traffic import service, subscriber

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.e2e.deployment import Deployment
    from tests.e2e.traffic import Subscriber

PATIENCE_S = 90.0


class Watch:
    """Follows the verdicts while something fails: how many runs have one, and the longest silence."""

    def __init__(self, reader: Subscriber, load: Load) -> None:
        self._reader = reader
        self._grown = asyncio.Condition()
        self._heard_at: list[float] = []
        self.load = load

    @property
    def runs(self) -> int:
        """How many runs have a verdict."""
        return len(self._reader.verdicts)

    async def follow(self) -> None:
        """Read for as long as the load is on."""
        while True:
            await self._reader.read()
            self._heard_at.append(time.monotonic())
            async with self._grown:
                self._grown.notify_all()

    async def until(self, runs: int) -> None:
        """Wait until that many runs have a verdict.

        Raises:
            TimeoutError: the workers do not get on.
        """
        try:
            async with asyncio.timeout(PATIENCE_S), self._grown:
                await self._grown.wait_for(lambda: self.runs >= runs)
        except TimeoutError as late:
            state = f"{self.runs} of {self.load.runs} runs have a verdict, {runs} were awaited"
            raise TimeoutError(state) from late

    async def more(self, runs: int) -> None:
        """Wait until that many more runs have a verdict."""
        await self.until(self.runs + runs)

    def silence_s(self, since: float) -> float:
        """Return the longest time without a verdict since an instant of `time.monotonic`."""
        heard = [since, *(at for at in self._heard_at if at > since)]
        return max(
            after - before for before, after in zip(heard, [*heard[1:], heard[-1]], strict=True)
        )


@asynccontextmanager
async def load_on(deployment: Deployment, runs_per_second: int) -> AsyncGenerator[Watch]:
    """Open runs at a steady rate during a block; afterwards wait until each has a verdict."""
    load = Load(runs_per_second)
    settings = deployment.settings
    # Services hold what they cannot send, through an outage and the start of the broker after it.
    sending_for = service(settings, request_timeout_ms=round(PATIENCE_S * 1_000))
    async with sending_for as sender, subscriber(settings) as reader:
        watch = Watch(reader, load)
        following = asyncio.create_task(watch.follow())
        sending = asyncio.create_task(load.run(sender))
        try:
            yield watch
            load.stop()
            await sending
            await watch.until(load.runs)
        finally:
            load.stop()
            following.cancel()
            sending.cancel()
            await asyncio.gather(following, sending, return_exceptions=True)
