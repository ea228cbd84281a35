"""How soon a verdict can be read: after the event that completes a run, and after the instant at which it falls due."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING, Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.throughput import STALL_S
from tests.support.figures import Latency
from tests.support.standard_job import TIMEOUT_MS, events

if TYPE_CHECKING:
    from tests.support.installed_deployment import InstalledDeployment

EVENTS_PER_SECOND = 2_000
SLICE_S = 0.005
"""Events are produced in slices of this length, each at its time."""
WARM_S = 2.0
"""Events of this long are judged before anything is measured: the worker starts."""
GRACE_MS = 1_000
TAIL_S = (TIMEOUT_MS + GRACE_MS) / 1_000 + 2


async def measure_latency(deployment: InstalledDeployment, seconds: float) -> list[Latency]:
    """Produce the job at a steady rate beside a running worker, and read its verdicts as they come.

    Of the runs some lack their last event: they time out under the load. When it ends, those that are open then are
    left, and time out in a burst, without an event that would let time pass.
    """
    watch = _Watch(deployment)
    with deployment.worker():
        reading = asyncio.create_task(watch.read())
        await _produce(deployment, WARM_S, watch)
        await watch.all_read()
        watch.forget()
        await _produce(deployment, seconds, watch)
        await watch.all_read()
        under_load = watch.after_due
        watch.forget_dues()
        await asyncio.sleep(TAIL_S)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    load = f"{EVENTS_PER_SECOND:,} events/s"
    return [
        Latency(f"completing event produced → verdict read, {load}", watch.after_event),
        Latency(f"due instant → verdict read, {load}", under_load),
        Latency(
            f"due instant → verdict read, {len(watch.after_due)} runs left open", watch.after_due
        ),
    ]


class _Watch:
    """Reads verdicts, and knows when the events that completed their runs were produced."""

    def __init__(self, deployment: InstalledDeployment) -> None:
        self._deployment = deployment
        self._moved = asyncio.Event()
        self.completed: dict[str, float] = {}
        """Run id → when its last event was handed to the producer."""
        self.forget()

    def forget(self) -> None:
        """Begin to measure anew, with runs that are yet to open."""
        self.runs: set[str] = set()
        self.after_event: list[float] = []
        self.forget_dues()

    def forget_dues(self) -> None:
        """Begin to measure anew what falls due."""
        self.after_due: list[float] = []

    async def all_read(self) -> None:
        """Wait until every completed run has its verdict."""
        while self.completed:
            self._moved.clear()
            await asyncio.wait_for(self._moved.wait(), STALL_S)

    async def read(self) -> None:
        consumer: Any = AIOKafkaConsumer(
            bootstrap_servers=self._deployment.bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        async with consumer:
            consumer.assign(self._deployment.partitions(self._deployment.verdicts))
            async for record in consumer:
                self._take(orjson.loads(record.value), time.time())

    def _take(self, verdict: dict[str, Any], read_at: float) -> None:
        self._moved.set()
        if verdict["run_id"] not in self.runs:
            return
        if verdict["trigger"] == "deadline":
            self.after_due.append(read_at - verdict["decided_at_ns"] / 1e9)
        elif verdict["run_id"] in self.completed:
            self.after_event.append(read_at - self.completed.pop(verdict["run_id"]))


async def _produce(deployment: InstalledDeployment, seconds: float, watch: _Watch) -> None:
    """Produce events, each at its time; that is when they happen, and what their deadlines run from."""
    job = events(round(seconds * EVENTS_PER_SECOND), time.time_ns())
    producer: Any = AIOKafkaProducer(bootstrap_servers=deployment.bootstrap, acks="all")
    async with producer:
        began = time.monotonic()
        size = round(SLICE_S * EVENTS_PER_SECOND)
        for number in itertools.count():
            chunk = list(itertools.islice(job, size))
            if not chunk:
                break
            await asyncio.sleep(max(0, number * SLICE_S - (time.monotonic() - began)))
            for event in chunk:
                now = time.time_ns()
                value = orjson.dumps(orjson.loads(event.value) | {"ts": now})
                run_id = event.key.decode()
                watch.runs.add(run_id)
                if event.completes:
                    watch.completed[run_id] = now / 1e9
                await producer.send(
                    deployment.events, value=value, key=event.key, partition=event.partition
                )
