"""Many runs at once, some of which break: what a worker is under when it is killed."""

from __future__ import annotations

import asyncio
import random
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from schemas.units import NS_PER_MS
from tests.support.traffic import event, now_ns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

    from tests.support.traffic import Service

STEPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("cart", {"total": 60}),
    ("pay", {"amount": 60}),
    ("ship", {}),
)
STEP_NS = 200 * NS_PER_MS
UNFINISHED = 0.05
UNDERPAID = 0.02
REPEATED = 0.02
TICK_S = 0.005

Queue = asyncio.Queue[dict[str, Any] | None]
"""Events in the order in which they happened, then None."""


class Load:
    """Runs of the flow `shop`, opened at a steady rate, until it is told to stop.

    Of the runs some end early and some pay too little; of the events some are sent twice.

    Args:
        runs_per_second: how many open.
        seed: of what goes wrong.
    """

    def __init__(self, runs_per_second: int, *, seed: int = 1) -> None:
        self._interval_ns = 1_000_000_000 // runs_per_second
        self._random = random.Random(seed)
        self._stopping = asyncio.Event()
        self.runs = 0
        self.unfinished: set[str] = set()
        """Ids of the runs that lack their last event."""

    def stop(self) -> None:
        """Open no more runs; those that are open go on to their end."""
        self._stopping.set()

    async def run(self, sender: Service) -> None:
        """Send events, each when it is due, until told to stop and all open runs have ended.

        Business goes on while the broker is away: what happens then is queued, as the SDK does it,
        and is sent in order as soon as the broker takes it.
        """
        queue: Queue = asyncio.Queue()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._happen(queue))
            tasks.create_task(_send(queue, sender))

    async def _happen(self, queue: Queue) -> None:
        """Queue each event when it happens."""
        start = now_ns()
        coming: list[tuple[int, int, dict[str, Any]]] = []
        made = 0  # breaks ties: events do not compare
        while coming or not self._stopping.is_set():
            now = now_ns()
            while not self._stopping.is_set() and start + self.runs * self._interval_ns <= now:
                for at, content in self._open(start + self.runs * self._interval_ns):
                    made += 1
                    heappush(coming, (at, made, content))
            while coming and coming[0][0] <= now:
                queue.put_nowait(heappop(coming)[-1])
            await asyncio.sleep(TICK_S)
        queue.put_nowait(None)

    def _open(self, at_ns: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the events of the next run, each with the instant at which it is sent."""
        draw = self._random.random
        run_id = f"load-{self.runs}"
        self.runs += 1
        steps = STEPS[:2] if draw() < UNFINISHED else STEPS
        if steps is not STEPS:
            self.unfinished.add(run_id)
        amount = 6 if draw() < UNDERPAID else 60
        for number, (node, data) in enumerate(steps):
            happened = at_ns + number * STEP_NS
            content = data | ({"amount": amount} if node == "pay" else {})
            made = event("shop", node, run_id, happened, data=content)
            yield happened, made
            if draw() < REPEATED:
                yield happened + STEP_NS // 2, made


async def _send(queue: Queue, sender: Service) -> None:
    """Send what is queued, in order, and return when all of it is acknowledged."""
    sent: list[Awaitable[Any]] = []
    while (content := await queue.get()) is not None:
        sent.append(await sender.post(content))
    await asyncio.gather(*sent)
