"""Latency of verdicts: from the event that completes a run, and from the due instant, to reading the verdict."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING, Any

import orjson
from aiokafka import AIOKafkaProducer

from tests.support.completed_runs import CompletedRuns
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
    watch = _Latencies(deployment)
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


class _Latencies(CompletedRuns):
    """Times from the completing event, or from the due instant, to the reading of the verdict."""

    def forget(self) -> None:
        self.runs: set[str] = set()
        self.after_event: list[float] = []
        self.forget_dues()

    def forget_dues(self) -> None:
        """Begin to measure anew what falls due."""
        self.after_due: list[float] = []

    def take(self, verdict: dict[str, Any], read_at: float) -> bool:
        if verdict["run_id"] in self.runs:
            if verdict["trigger"] == "deadline":
                self.after_due.append(read_at - verdict["decided_at_ns"] / 1e9)
            elif verdict["run_id"] in self.completed:
                self.after_event.append(read_at - self.completed.pop(verdict["run_id"]))
        return True


async def _produce(deployment: InstalledDeployment, seconds: float, watch: _Latencies) -> None:
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
