"""Throughput of one worker process, beside the ceiling: a consumer that judges nothing."""

from __future__ import annotations

import asyncio
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from tests.support.figures import Throughput
from tests.support.installed_deployment import require_running
from tests.support.standard_job import NODES, PARTITIONS, events

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psutil

    from benchmarks.profiler import Profiler
    from tests.support.installed_deployment import InstalledDeployment

POLL_RECORDS = 2_000
BATCH_BYTES = 512 * 1024
PATIENCE_MS = 1_000
STALL_S = 60.0
"""A worker that says nothing for this long has stalled."""
COMMIT_POLL_S = 0.05
WARM = 0.1
"""The share of the verdicts that is not measured: the worker starts."""


class Job(NamedTuple):
    """The loaded job: how many events, and how many of their runs pass."""

    events: int
    passing: int


async def load(deployment: InstalledDeployment, count: int) -> Job:
    """Write the job's events to its topic before anybody reads."""
    producer = AIOKafkaProducer(
        bootstrap_servers=deployment.bootstrap, acks="all", max_batch_size=BATCH_BYTES
    )
    waiting: list[list[tuple[bytes, bytes]]] = [[] for _ in range(PARTITIONS)]
    passing = 0
    for event in events(count, time.time_ns()):
        waiting[event.partition].append((event.key, event.value))
        passing += event.completes
    async with producer:
        for partition, records in enumerate(waiting):
            await append(producer, deployment.events, partition, records)
    return Job(count, passing)


async def measure_ceiling(deployment: InstalledDeployment, job: Job) -> Throughput:
    """Take all events with a bare aiokafka loop: decode, count by run, produce a verdict for a whole one.

    Nothing is durable and nothing is judged; more than this no worker in Python can reach.
    """
    consumer = _consumer(deployment)
    producer = AIOKafkaProducer(
        bootstrap_servers=deployment.bootstrap, acks="all", max_batch_size=BATCH_BYTES
    )
    seen: dict[str, int] = {}
    taken = 0
    async with consumer, producer:
        consumer.assign(deployment.partitions(deployment.events))
        began, began_cpu = time.perf_counter(), time.process_time()
        while taken < job.events:
            fetched = await consumer.getmany(timeout_ms=PATIENCE_MS, max_records=POLL_RECORDS)
            for tp, records in fetched.items():
                # Behind the events stand the clock records of a worker that was here before.
                values = [record.value for record in records if record.value]
                taken += len(values)
                whole = _count(values, seen)
                if whole:
                    await append(producer, deployment.dead_letters, tp.partition, whole, wait=False)
        await producer.flush()
        return Throughput(
            "ceiling: bare aiokafka loop",
            taken,
            time.perf_counter() - began,
            time.process_time() - began_cpu,
        )


async def measure_worker(
    deployment: InstalledDeployment,
    job: Job,
    what: str,
    profiler: Profiler | None = None,
) -> Throughput:
    """Start a worker on the loaded topic and follow it until its last verdict is read and its last state written.

    Its offsets must be committed then; the wait for the next commit is not counted.
    """
    async with _consumer(deployment) as consumer:
        consumer.assign(deployment.partitions(deployment.verdicts))
        with deployment.worker() as process:
            said = warm = await _count_verdicts(consumer, process, round(job.passing * WARM))
            began, began_cpu = time.time(), sum(process.cpu_times()[:2])
            with profiler.sample(process.pid, what) if profiler else nullcontext():
                said += await _count_verdicts(consumer, process, job.passing - said)
                ended = time.time()
                await wait_for_commits(deployment)
            ended_cpu = sum(process.cpu_times()[:2])
    ended = max(ended, await _last_written(deployment))
    share = (said - warm) / job.passing
    return Throughput(what, round(job.events * share), ended - began, ended_cpu - began_cpu)


async def wait_for_commits(deployment: InstalledDeployment) -> None:
    """Return when the group has committed all that the events topic holds; raises if it does not."""
    admin = AIOKafkaAdminClient(bootstrap_servers=deployment.bootstrap)
    await admin.start()
    try:
        async with _consumer(deployment) as consumer, asyncio.timeout(STALL_S):
            events = deployment.partitions(deployment.events)
            while True:
                committed = await admin.list_consumer_group_offsets(deployment.group)
                ends = await consumer.end_offsets(events)
                if all(tp in committed and committed[tp].offset == ends[tp] for tp in events):
                    return
                await asyncio.sleep(COMMIT_POLL_S)
    finally:
        await admin.close()


async def _last_written(deployment: InstalledDeployment) -> float:
    """Return when the last state of a run was written, by the clock of this machine, in seconds."""
    changelog = deployment.partitions(deployment.changelog)
    last_ms = 0
    async with _consumer(deployment) as consumer:
        consumer.assign(changelog)
        for tp, end in (await consumer.end_offsets(changelog)).items():
            consumer.seek(tp, max(end - 1, 0))
            if end:
                last_ms = max(last_ms, (await consumer.getone(tp)).timestamp)
    return last_ms / 1_000


async def _count_verdicts(consumer: Any, process: psutil.Popen, wanted: int) -> int:
    """Read verdicts `passed` until there are as many as wanted; raises if none comes for long or the worker ends."""
    said, last = 0, time.monotonic()
    while said < wanted:
        require_running(process)
        fetched = await consumer.getmany(timeout_ms=PATIENCE_MS)
        for records in fetched.values():
            said += sum(b'"status":"passed"' in (record.value or b"") for record in records)
        if fetched:
            last = time.monotonic()
        elif time.monotonic() - last > STALL_S:
            raise RuntimeError(
                f"the worker said nothing for {STALL_S:g} s; {said} of {wanted} verdicts"
            )
    return said


def _count(values: Iterable[bytes], seen: dict[str, int]) -> list[tuple[bytes, bytes]]:
    whole: list[tuple[bytes, bytes]] = []
    for value in values:
        run_id = orjson.loads(value)["run_id"]
        count = seen.get(run_id, 0) + 1
        if count == len(NODES):
            del seen[run_id]
            whole.append((run_id.encode(), orjson.dumps({"run_id": run_id, "status": "passed"})))
        else:
            seen[run_id] = count
    return whole


async def append(
    producer: Any,
    topic: str,
    partition: int,
    records: list[tuple[bytes, bytes]],
    *,
    wait: bool = True,
) -> None:
    """Write records to a partition in batches as large as the producer takes; wait for the last."""
    batch = producer.create_batch()
    for key, value in records:
        if batch.append(key=key, value=value, timestamp=None) is None:
            await producer.send_batch(batch, topic, partition=partition)
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None)
    batch.close()
    sent = await producer.send_batch(batch, topic, partition=partition)
    if wait:
        await sent


def _consumer(deployment: InstalledDeployment) -> Any:
    return AIOKafkaConsumer(
        bootstrap_servers=deployment.bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
