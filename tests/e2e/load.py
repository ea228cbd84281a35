"""Many runs at once, some of which break: what a worker is under when it is killed."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

from tests.e2e.traffic import NS_PER_MS, event, now_ns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.traffic import Service

STEPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("cart", {"total": 60}),
    ("pay", {"amount": 60}),
    ("ship", {}),
)
STEP_NS = 200 * NS_PER_MS
UNFINISHED = 0.05
UNDERPAID = 0.02
REPEATED = 0.02


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
        """Send events, each when it is due, until told to stop and all open runs have ended."""
        start = now_ns()
        waiting: list[tuple[int, dict[str, Any]]] = []
        while waiting or not self._stopping.is_set():
            due_ns = start + self.runs * self._interval_ns
            if not self._stopping.is_set() and due_ns <= now_ns():
                waiting += self._open(due_ns)
                waiting.sort(key=lambda step: step[0])
                continue
            ripe = [content for at, content in waiting if at <= now_ns()]
            del waiting[: len(ripe)]
            await sender.send(*ripe)
            await asyncio.sleep(0.005)

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
