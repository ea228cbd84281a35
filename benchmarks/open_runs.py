"""Cost of open runs in the engine: time of an event and memory of a run, by how many runs are open.

The engine alone, in a process of its own for each figure: bytes to events, judgement, states and
verdicts to bytes; no Kafka.
"""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import statistics
import time
from typing import TYPE_CHECKING

import psutil

from schemas.units import NS_PER_MS
from schemas.wire import decode_event
from streams.engine.definitions.registry import Definitions
from streams.engine.partition import Partition
from streams.engine.records import Record
from streams.worker.tuning import tune_process
from tests.support.compiled import import_compiled
from tests.support.standard_job import FLOW, LAST_STEP, NODES, definition, events, make_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.support.report import Row

COST_TITLE = "cost of an event by open runs (the engine alone)"
MEMORY_TITLE = "memory of an open run of four nodes"
OPEN_RUNS = (1_000, 10_000, 100_000, 500_000)
MEASURED_EVENTS = 100_000
PASSES = 3
"""How often they are measured, of which the median counts: others use the caches of this machine, too."""
BATCH = 500
"""Records that are judged at a time."""
MEMORY_RUNS = 200_000


def measure_cost(open_runs: tuple[int, ...] = OPEN_RUNS) -> list[Row]:
    """Return the CPU time of an event of the standard job while so many runs are open."""
    rows: list[Row] = []
    for count in open_runs:
        seconds = _in_a_process(_cost_of_an_event, count)
        first = rows[0]["µs per event"] if rows else None
        cost = round(seconds * 1e6, 2)
        against = None if first is None else f"{(cost / first - 1) * 100:+.0f} %"
        rows.append(
            {"measured": f"{count:,} open runs", "µs per event": cost, "against the first": against}
        )
    return rows


def measure_memory(runs: int = MEMORY_RUNS) -> list[Row]:
    """Return what a run takes after one event, and after all but the last."""
    rows: list[Row] = []
    for came in (1, LAST_STEP):
        grown = _in_a_process(_memory_of_a_run, runs, came)
        rows.append(
            {
                "measured": f"{came} of {len(NODES)} nodes came, {runs:,} runs",
                "bytes per run": round(grown),
            }
        )
    return rows


def _cost_of_an_event(open_runs: int) -> float:
    # The ramp: until as many runs are open, and their last steps have begun to come.
    ramp = open_runs // LAST_STEP * (1 + 2 + 3) + 4 * BATCH
    count = ramp + PASSES * MEASURED_EVENTS
    log = _log(make.value for make in events(count, time.time_ns(), open_runs=open_runs))
    partition = _partition()
    _judge(partition, itertools.islice(log, ramp))
    tune_process()
    return statistics.median(_cpu_of_an_event(partition, log) for _ in range(PASSES))


def _cpu_of_an_event(partition: Partition, log: Iterator[tuple[int, int, bytes]]) -> float:
    measured = list(itertools.islice(log, MEASURED_EVENTS))
    began = time.process_time()
    _judge(partition, measured)
    return (time.process_time() - began) / MEASURED_EVENTS


def _memory_of_a_run(runs: int, came: int) -> float:
    partition = _partition()
    now = time.time_ns()
    _judge(partition, _log(make_event("warm", 0, now).value for _ in range(1)))
    gc.collect()
    before = psutil.Process().memory_info().rss
    _judge(
        partition,
        _log(
            make_event(f"order-{number:08d}", step, now + step, note="").value
            for number in range(runs)
            for step in range(came)
        ),
    )
    gc.collect()
    return (psutil.Process().memory_info().rss - before) / runs


def _partition() -> Partition:
    definitions = Definitions()
    definitions.publish(definition(0, name=FLOW))
    return Partition("events", 0, definitions)


def _log(values: Iterable[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """Number values as a log does, recorded as they are made, in whole milliseconds."""
    start_ms = time.time_ns() // NS_PER_MS + 1
    return (
        (offset, (start_ms + offset // 1_000) * NS_PER_MS, value)
        for offset, value in enumerate(values)
    )


def _judge(partition: Partition, log: Iterable[tuple[int, int, bytes]]) -> None:
    log = iter(log)
    while batch := list(itertools.islice(log, BATCH)):
        judgement = partition.judge(
            [Record(offset, at, decode_event(value)) for offset, at, value in batch]
        )
        if judgement.calls:
            raise RuntimeError(f"the job has no scripts, and {len(judgement.calls)} were asked")


def _in_a_process(measure: Callable[..., float], *arguments: object) -> float:
    with multiprocessing.get_context("spawn").Pool(1, import_compiled) as pool:
        return pool.apply(measure, arguments)
