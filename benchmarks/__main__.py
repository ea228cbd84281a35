"""`python -m benchmarks [--json] [--short]`: all figures, on one Kafka in one run; the ratios are what counts."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.deployment import Deployment
from benchmarks.latency import measure_latency
from benchmarks.throughput import load, measure_ceiling, measure_worker
from streams.kafka.broker import start_broker

FULL_EVENTS, SHORT_EVENTS = 400_000, 60_000
FULL_SECONDS, SHORT_SECONDS = 20.0, 5.0

Row = dict[str, Any]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--short", action="store_true", help="a tenth of the work, for a first look"
    )
    arguments = parser.parse_args()
    count = SHORT_EVENTS if arguments.short else FULL_EVENTS
    seconds = SHORT_SECONDS if arguments.short else FULL_SECONDS
    with start_broker() as broker:
        say(f"broker: {broker.kind} on {broker.bootstrap}")
        figures = asyncio.run(measure(broker.bootstrap, count, seconds))
    if arguments.json:
        sys.stdout.buffer.write(orjson.dumps(figures, option=orjson.OPT_INDENT_2) + b"\n")
    else:
        for title, rows in figures.items():
            print_table(title, rows)


async def measure(bootstrap: str, count: int, seconds: float) -> dict[str, list[Row]]:
    """Return the tables of all figures."""
    throughput: list[Row] = []
    ceiling: float | None = None
    for validator in (False, True):
        deployment = Deployment(bootstrap, validator=validator)
        deployment.prepare()
        say(f"loading {count} events")
        passing = await load(deployment, count)
        if ceiling is None:
            bare = await measure_ceiling(deployment, count)
            throughput.append(bare.row())
            ceiling = bare.per_second
        what = f"one worker, {'a python validator on pay' if validator else 'no validator'}"
        say(f"measuring {what}")
        worker = await measure_worker(deployment, count, passing, what, ceiling)
        throughput.append(worker.row())
    deployment = Deployment(bootstrap, validator=True)
    deployment.prepare()
    say("measuring latency")
    latency = [figure.row() for figure in await measure_latency(deployment, seconds)]
    return {"throughput of the standard job": throughput, "latency": latency}


def print_table(title: str, rows: list[Row]) -> None:
    """Print rows that have the same columns."""
    table = Table(title=title, title_justify="left")
    for column in rows[0]:
        table.add_column(column, justify="left" if column == "measured" else "right")
    for row in rows:
        table.add_row(*map(_cell, row.values()))
    Console().print(table)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else str(value)


def say(text: str) -> None:
    """Tell what goes on, on stderr: stdout is for figures."""
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
