"""`python -m benchmarks`: all figures, on one Kafka in one run; the ratios are what counts."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import NamedTuple

import orjson

from benchmarks.deployment import Deployment
from benchmarks.latency import measure_latency
from benchmarks.profiler import Profiler
from benchmarks.report import Row, print_table, say
from benchmarks.scripts import TITLE, measure_scripts
from benchmarks.sdk import measure_sdk
from benchmarks.standard_job import definition
from benchmarks.throughput import load, measure_ceiling, measure_worker
from streams.kafka.broker import APACHE_KINDS, start_broker

VALIDATORS = (0, 1, 3)
"""How many python validators a run meets, figure by figure."""


class Size(NamedTuple):
    """How much work is measured."""

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
        "--profile", action="store_true", help="say what the worker's time goes to (needs py-spy)"
    )
    arguments = parser.parse_args()
    profiler = Profiler.find() if arguments.profile else None
    with start_broker(APACHE_KINDS) as broker:
        say(f"broker: {broker.kind} on {broker.bootstrap}")
        size = SHORT if arguments.short else FULL
        figures = asyncio.run(measure(broker.bootstrap, size, profiler))
    if arguments.json:
        sys.stdout.buffer.write(orjson.dumps(figures, option=orjson.OPT_INDENT_2) + b"\n")
    else:
        for title, rows in figures.items():
            print_table(title, rows)


async def measure(
    bootstrap: str, size: Size, profiler: Profiler | None = None
) -> dict[str, list[Row]]:
    """Return the tables of all figures."""
    tables: dict[str, list[Row]] = {}
    tables["throughput of the standard job"] = await _throughput(bootstrap, size, profiler)
    if profiler is not None:
        tables |= profiler.tables()
    deployment = Deployment(bootstrap, definition(1))
    deployment.prepare()
    say("measuring latency")
    tables["latency"] = [figure.row() for figure in await measure_latency(deployment, size.seconds)]
    say("measuring the SDK")
    tables |= await measure_sdk(bootstrap)
    say("measuring scripts")
    tables[TITLE] = await measure_scripts()
    return tables


async def _throughput(bootstrap: str, size: Size, profiler: Profiler | None) -> list[Row]:
    rows: list[Row] = []
    ceiling: float | None = None
    for validators in VALIDATORS:
        deployment = Deployment(bootstrap, definition(validators))
        deployment.prepare()
        say(f"loading {size.events} events")
        job = await load(deployment, size.events)
        if ceiling is None:
            bare = await measure_ceiling(deployment, job)
            rows.append(bare.row())
            ceiling = bare.per_second
        what = f"one worker, {validators or 'no'} python validator{'s' * (validators > 1)}"
        say(f"measuring {what}")
        worker = await measure_worker(deployment, job, what, ceiling, profiler)
        rows.append(worker.row())
    return rows


if __name__ == "__main__":
    main()
