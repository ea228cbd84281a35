"""Load on a deployment, and what can be heard of it meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from tests.support.load import Load
from tests.support.traffic import service, subscriber

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.support.deployment import Deployment
    from tests.support.traffic import Subscriber

PATIENCE_S = 90.0


class Outcome(NamedTuple):
    """How a scenario went, as subscribers saw it.

    Attributes:
        silence_s: the longest time without a verdict of one partition, from the failure on.
        false_alarms: runs that were said to have timed out, though none of their events is lacking;
            counted where an outage holds events up (R27).
    """

    silence_s: float
    false_alarms: int = 0


class Watch:
    """Follows the verdicts while something fails: how many runs have one, and the longest silence.

    It hears as they come only while the event loop turns: what waits for a process waits in a thread.
    """

    def __init__(self, reader: Subscriber, load: Load) -> None:
        self._reader = reader
        self._grown = asyncio.Condition()
        self._heard_at: defaultdict[int, list[float]] = defaultdict(list)
        self.load = load

    @property
    def runs(self) -> int:
        """How many runs have a verdict."""
        return len(self._reader.verdicts)

    async def follow(self) -> None:
        """Read for as long as the load is on."""
        while True:
            verdict = await self._reader.read()
            self._heard_at[verdict["source"]["partition"]].append(time.monotonic())
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

    def outcome(self, since: float) -> Outcome:
        """Return how it went since an instant of `time.monotonic`."""
        return Outcome(self._silence_s(since))

    def false_alarms(self) -> int:
        """Return how many runs that lack nothing were said to have timed out."""
        alarmed = {
            run_id
            for run_id, verdicts in self._reader.verdicts.items()
            if any(cause["kind"] == "timeout" for said in verdicts for cause in said["causes"])
        }
        return len(alarmed - self.load.unfinished)

    def _silence_s(self, since: float) -> float:
        """Return the longest time without a verdict of one partition since then."""
        return max(
            _longest([since, *(at for at in heard if at > since)])
            for heard in self._heard_at.values()
        )


def _longest(heard: list[float]) -> float:
    return max((after - before for before, after in pairwise(heard)), default=0.0)


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
