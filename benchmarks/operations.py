"""Operational figures: a start, a recovery, a deadline among many open runs, an idle worker."""

from __future__ import annotations

import asyncio
import time
from statistics import median
from typing import TYPE_CHECKING, Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.throughput import BATCH_BYTES, STALL_S, append, wait_for_commits
from schemas.partitioning import murmur2_partition
from schemas.units import NS_PER_MS
from schemas.wire import decode_event
from streams.engine.definitions.registry import Definitions
from streams.engine.partition import Partition
from streams.engine.records import Record
from tests.support.figures import Latency
from tests.support.installed_deployment import InstalledDeployment
from tests.support.standard_job import LAST_STEP, NODES, PARTITIONS, definition, make_event

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psutil

    from tests.support.report import Row
    from tests.support.standard_job import JobEvent

STARTS = 3
RECOVERED_RUNS = 200_000
OPEN_RUNS = 50_000
IDLE_S = 20.0
SETTLE_S = 5.0
DUE_S = 20.0
DUE_RUNS_PER_SECOND = 50
SHORT_MS = 1_000
"""Timeout of the runs that fall due; the open ones wait for a day."""
LONG_MS = 86_400_000
WAITING = "waiting"
QUICK = "quick"


async def measure_start(bootstrap: str, recovered_runs: int = RECOVERED_RUNS) -> list[Row]:
    """Return how long a worker takes from its start to its first verdict, without runs to recover and with many."""
    rows: list[Row] = []
    empty = [await _start(bootstrap, 0) for _ in range(STARTS)]
    rows.append(
        {
            "measured": "start → first verdict, nothing to recover",
            "s": round(median(empty), 2),
            "runs/s": None,
        }
    )
    full = await _start(bootstrap, recovered_runs)
    rows.append(
        {
            "measured": f"start → first verdict, {recovered_runs:,} runs to recover",
            "s": round(full, 2),
            "runs/s": round(recovered_runs / (full - median(empty))),
        }
    )
    return rows


async def measure_open_runs(bootstrap: str, open_runs: int = OPEN_RUNS) -> dict[str, list[Row]]:
    """Return what an idle worker takes and how soon a deadline is heard of, while many runs are open."""
    deployment = InstalledDeployment(
        bootstrap,
        definition(0, name=WAITING, timeout_ms=LONG_MS),
        definition(0, name=QUICK, timeout_ms=SHORT_MS),
    )
    deployment.prepare()
    rows: list[Row] = []
    with deployment.worker() as process:
        await _first_verdict(deployment, "first")
        rows.append(await _idle(process, "no run open"))
        await _open(deployment, open_runs)
        await wait_for_commits(deployment)
        rows.append(await _idle(process, f"{open_runs:,} runs open"))
        late = await _fall_due(deployment)
    what = f"due instant → verdict read, {open_runs:,} runs open"
    return {"an idle worker": rows, "deadlines among open runs": [Latency(what, late).row()]}


async def _start(bootstrap: str, stored_runs: int) -> float:
    """Return the seconds from the start of a worker to its first verdict."""
    deployment = InstalledDeployment(bootstrap, definition(0, name=WAITING, timeout_ms=LONG_MS))
    deployment.prepare()
    if stored_runs:
        await _store(deployment, stored_runs)
    began = time.perf_counter()
    with deployment.worker():
        await _first_verdict(deployment, "first", flow=WAITING)
        return time.perf_counter() - began


async def _first_verdict(
    deployment: InstalledDeployment, run_id: str, *, flow: str = QUICK
) -> None:
    """Send a whole run and wait until its verdict can be read."""
    whole = [make_event(run_id, step, time.time_ns(), flow=flow) for step in range(len(NODES))]
    await _send(deployment, whole)
    async with _verdicts(deployment) as consumer, asyncio.timeout(STALL_S):
        async for record in consumer:
            if orjson.loads(record.value)["run_id"] == run_id:
                return


async def _store(deployment: InstalledDeployment, runs: int) -> None:
    """Write what a worker would have written of open runs to the changelog; of each, all but the last node came."""
    definitions = Definitions()
    definitions.publish(definition(0, name=WAITING, timeout_ms=LONG_MS))
    now_ns = time.time_ns() // NS_PER_MS * NS_PER_MS
    producer = _producer(deployment)
    async with producer:
        for number in range(PARTITIONS):
            partition = Partition(deployment.events, number, definitions)
            ours = (
                run_id
                for run_id in (f"stored-{run:08d}" for run in range(runs))
                if murmur2_partition(run_id.encode(), PARTITIONS) == number
            )
            states = _states(partition, ours, now_ns)
            await append(producer, deployment.changelog, number, states)


def _states(partition: Partition, run_ids: Iterable[str], now_ns: int) -> list[tuple[bytes, bytes]]:
    states: list[tuple[bytes, bytes]] = []
    for number, run_id in enumerate(run_ids):
        at_ns = now_ns + number * NS_PER_MS  # each falls due at an instant of its own
        values = (make_event(run_id, step, at_ns, flow=WAITING).value for step in range(LAST_STEP))
        records = [Record(step, at_ns, decode_event(value)) for step, value in enumerate(values)]
        judged = partition.judge(records).judged
        states += [(key, value) for key, value, _ in judged.states if value is not None]
    return states


async def _open(deployment: InstalledDeployment, runs: int) -> None:
    await _send(
        deployment,
        [make_event(f"open-{run:08d}", 0, time.time_ns(), flow=WAITING) for run in range(runs)],
    )


async def _fall_due(deployment: InstalledDeployment) -> list[float]:
    """Open runs at a steady rate, let each time out, and return how late every verdict was read, in seconds."""
    count = round(DUE_S * DUE_RUNS_PER_SECOND)
    late: list[float] = []
    sending = asyncio.create_task(_send_steadily(deployment, count))
    async with _verdicts(deployment) as consumer, asyncio.timeout(DUE_S + STALL_S):
        async for record in consumer:
            read_at = time.time()
            verdict = orjson.loads(record.value)
            if verdict["run_id"].startswith("due-"):
                late.append(read_at - verdict["decided_at_ns"] / 1e9)
            if len(late) == count:
                break
    await sending
    return late


async def _send_steadily(deployment: InstalledDeployment, count: int) -> None:
    began = time.monotonic()
    producer = _producer(deployment)
    async with producer:
        for number in range(count):
            await asyncio.sleep(max(0, number / DUE_RUNS_PER_SECOND - (time.monotonic() - began)))
            event = make_event(f"due-{number:06d}", 0, time.time_ns(), flow=QUICK)
            await producer.send(
                deployment.events, value=event.value, key=event.key, partition=event.partition
            )


async def _idle(process: psutil.Process, what: str) -> Row:
    """Return the share of one CPU that a worker takes while nothing happens, its sandbox included."""
    await asyncio.sleep(SETTLE_S)
    before, began = _cpu_s(process), time.perf_counter()
    await asyncio.sleep(IDLE_S)
    share = (_cpu_s(process) - before) / (time.perf_counter() - began)
    rss = process.memory_info().rss
    return {"measured": what, "% of a CPU": round(share * 100, 1), "MB of memory": round(rss / 1e6)}


def _cpu_s(process: psutil.Process) -> float:
    return sum(sum(one.cpu_times()[:2]) for one in (process, *process.children(recursive=True)))


async def _send(deployment: InstalledDeployment, events: list[JobEvent]) -> None:
    producer = _producer(deployment)
    async with producer:
        for number in range(PARTITIONS):
            records = [(event.key, event.value) for event in events if event.partition == number]
            await append(producer, deployment.events, number, records)


def _producer(deployment: InstalledDeployment) -> Any:
    return AIOKafkaProducer(
        bootstrap_servers=deployment.bootstrap, acks="all", max_batch_size=BATCH_BYTES
    )


def _verdicts(deployment: InstalledDeployment) -> Any:
    """Return a consumer of all verdicts; it must be started."""
    consumer: Any = AIOKafkaConsumer(
        bootstrap_servers=deployment.bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=10,
    )
    consumer.assign(deployment.partitions(deployment.verdicts))
    return consumer
