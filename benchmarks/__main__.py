"""`python -m benchmarks`: all figures, on one Kafka in one run; the ratios are what counts."""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, NamedTuple

import orjson

from benchmarks.latency import measure_latency
from benchmarks.open_runs import COST_TITLE, MEMORY_TITLE, measure_cost, measure_memory
from benchmarks.operations import measure_open_runs, measure_start
from benchmarks.profiler import Profiler
from benchmarks.redaction import TITLE as REDACTION_TITLE
from benchmarks.redaction import measure_redaction
from benchmarks.scripts import TITLE, measure_scripts
from benchmarks.sdk import measure_sdk
from benchmarks.throughput import load, measure_ceiling, measure_worker
from streams.dev_broker import APACHE_KINDS, start_broker
from tests.support.compiled import compiled_engine
from tests.support.installed_deployment import InstalledDeployment
from tests.support.report import Row, print_table, say
from tests.support.standard_job import definition

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

VALIDATORS = (0, 1, 3)
"""How many python validators a run meets, figure by figure."""

Tables = dict[str, list[Row]]


class Size(NamedTuple):
    """Amount of work that is measured."""

    events: int
    seconds: float


FULL = Size(400_000, 30.0)
SHORT = Size(60_000, 12.0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--short", action="store_true", help="a part of the work, for a first look")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=FIGURES,
        metavar="FIGURE",
        help=f"some of the figures: {', '.join(FIGURES)}",
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="say what the worker's time goes to, from the sources (needs py-spy)",
    )
    parser.add_argument(
        "--sources",
        action="store_true",
        help="measure workers as they run from the sources, not compiled as they are deployed",
    )
    arguments = parser.parse_args()
    profiler = Profiler.find() if arguments.profile else None
    # py-spy cannot see inside what is compiled.
    from_sources = arguments.sources or arguments.profile
    say("workers run from the sources" if from_sources else "compiling the engine")
    engine = nullcontext() if from_sources else compiled_engine()
    with engine, start_broker(APACHE_KINDS) as broker:
        say(f"broker: {broker.kind} on {broker.bootstrap}")
        size = SHORT if arguments.short else FULL
        chosen = arguments.only or list(FIGURES)
        figures = asyncio.run(measure(broker.bootstrap, size, chosen, profiler))
    if arguments.json:
        sys.stdout.buffer.write(orjson.dumps(figures, option=orjson.OPT_INDENT_2) + b"\n")
    else:
        for title, rows in figures.items():
            print_table(title, rows)


async def measure(
    bootstrap: str, size: Size, chosen: Sequence[str], profiler: Profiler | None = None
) -> dict[str, list[Row]]:
    """Return the tables of the figures that are asked for."""
    tables: dict[str, list[Row]] = {}
    for name in chosen:
        say(f"measuring: {name}")
        tables |= await FIGURES[name](bootstrap, size, profiler)
    return tables


async def _latency(bootstrap: str, size: Size, _profiler: Profiler | None) -> Tables:
    deployment = InstalledDeployment(bootstrap, definition(1))
    deployment.prepare()
    return {"latency": [figure.row() for figure in await measure_latency(deployment, size.seconds)]}


async def _sdk(bootstrap: str, _size: Size, _profiler: Profiler | None) -> Tables:
    return await measure_sdk(bootstrap)


async def _redaction(_bootstrap: str, _size: Size, _profiler: Profiler | None) -> Tables:
    return {REDACTION_TITLE: await asyncio.to_thread(measure_redaction)}


async def _scripts(_bootstrap: str, _size: Size, _profiler: Profiler | None) -> Tables:
    return {TITLE: await measure_scripts()}


async def _start(bootstrap: str, _size: Size, _profiler: Profiler | None) -> Tables:
    return {"start and recovery": await measure_start(bootstrap)}


async def _idle(bootstrap: str, _size: Size, _profiler: Profiler | None) -> Tables:
    return await measure_open_runs(bootstrap)


async def _cost(_bootstrap: str, _size: Size, _profiler: Profiler | None) -> Tables:
    return {COST_TITLE: await asyncio.to_thread(measure_cost)}


async def _memory(_bootstrap: str, _size: Size, _profiler: Profiler | None) -> Tables:
    return {MEMORY_TITLE: await asyncio.to_thread(measure_memory)}


async def _throughput(bootstrap: str, size: Size, profiler: Profiler | None) -> Tables:
    rows: list[Row] = []
    for validators in VALIDATORS:
        deployment = InstalledDeployment(bootstrap, definition(validators))
        deployment.prepare()
        say(f"loading {size.events} events")
        job = await load(deployment, size.events)
        # The machine is shared, and its speed drifts: each worker stands between two measures of its ceiling.
        before = await measure_ceiling(deployment, job)
        what = f"one worker, {validators or 'no'} python validator{'s' * (validators > 1)}"
        say(f"measuring {what}")
        worker = await measure_worker(deployment, job, what, profiler)
        ceiling = before.and_again(await measure_ceiling(deployment, job))
        rows += [ceiling.row(), worker.below(ceiling).row()]
    tables: Tables = {"throughput of the standard job": rows}
    return tables if profiler is None else tables | profiler.tables()


FIGURES: dict[str, Callable[[str, Size, Profiler | None], Awaitable[Tables]]] = {
    "throughput": _throughput,
    "latency": _latency,
    "sdk": _sdk,
    "redaction": _redaction,
    "scripts": _scripts,
    "start": _start,
    "idle-and-due": _idle,
    "cost": _cost,
    "memory": _memory,
}
"""What can be measured, by the word that asks for it."""


if __name__ == "__main__":
    main()
