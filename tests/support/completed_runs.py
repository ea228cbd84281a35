"""Times the verdicts of runs whose last event was produced; `benchmarks` and the hostile load measure with it."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import orjson
from aiokafka import AIOKafkaConsumer

if TYPE_CHECKING:
    from tests.support.installed_deployment import InstalledDeployment

STALL_S = 60.0
"""A worker that gives no verdict for this long has stalled."""


class CompletedRuns(ABC):
    """Reads verdicts, and knows when the events that completed their runs were produced.

    A subclass says in `take` what becomes of a verdict, and in `forget` how to measure anew.
    """

    def __init__(self, deployment: InstalledDeployment) -> None:
        self._deployment = deployment
        self._moved = asyncio.Event()
        self.completed: dict[str, float] = {}
        """Run id → when its last event was handed to the producer."""
        self.forget()

    @abstractmethod
    def forget(self) -> None:
        """Begin to measure anew."""

    @abstractmethod
    def take(self, verdict: dict[str, Any], read_at: float) -> bool:
        """Take in a verdict that was read at `read_at`, in seconds since 1970; return True if it shows progress."""

    async def all_read(self) -> None:
        """Wait until every completed run has its verdict; raises TimeoutError if none comes for long."""
        while self.completed:
            self._moved.clear()
            await asyncio.wait_for(self._moved.wait(), STALL_S)

    async def read(self) -> None:
        """Read the verdict topic from its beginning, until cancelled."""
        consumer: Any = AIOKafkaConsumer(
            bootstrap_servers=self._deployment.bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        async with consumer:
            consumer.assign(self._deployment.partitions(self._deployment.verdicts))
            async for record in consumer:
                if self.take(orjson.loads(record.value), time.time()):
                    self._moved.set()
