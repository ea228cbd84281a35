"""`python -m tests.hostile [--json] [--seconds N]`: what attacks cost the good runs beside them.

The standard job at a steady rate, every twentieth event replaced by one that brings an attack of the tests' list as its
validator; one worker. Measured from the event that completes a good run to the reading of its verdict, span by span: at
first the worker does not know the attacks, later those that go over their limits are suspended.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from aiokafka import AIOKafkaProducer

from schemas.limits import MAX_EVENT_BYTES
from schemas.partitioning import murmur2_partition
from streams.dev_broker import APACHE_KINDS, start_broker
from tests.attacks.findings import NODE, flow_name
from tests.support.attack_list import load_attacks
from tests.support.completed_runs import CompletedRuns
from tests.support.figures import Latency
from tests.support.installed_deployment import InstalledDeployment
from tests.support.report import Row, print_table, say
from tests.support.standard_job import FLOW, PARTITIONS, definition, events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.attack_list import Attack

EVENTS_PER_SECOND = 2_000
ONE_IN = 20
"""One in so many events is an attack."""
SLICE_S = 0.005
WARM_S = 2.0


def main() -> None:
    """Measure, print, and exit 1 if a good run was judged wrongly."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON array")
    parser.add_argument("--seconds", type=float, default=15.0, help="length of each span")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as canary,
        start_broker(APACHE_KINDS) as broker,
    ):
        deployment = InstalledDeployment(broker.bootstrap, definition(1))
        deployment.prepare()
        attacks = load_attacks(Path(canary))
        rows = asyncio.run(measure_beside_attacks(deployment, attacks, arguments.seconds))
    if arguments.json:
        sys.stdout.buffer.write(orjson.dumps(rows, option=orjson.OPT_INDENT_2) + b"\n")
    else:
        print_table(f"good runs beside attacks, {EVENTS_PER_SECOND:,} events/s", rows)
    sys.exit(any(row["wrong"] for row in rows))


async def measure_beside_attacks(
    deployment: InstalledDeployment, attacks: Sequence[Attack], seconds: float
) -> list[Row]:
    """Return a row for a span without attacks, and for two with them.

    Raises:
        RuntimeError: the worker ended.
    """
    small = [attack for attack in attacks if len(attack.source) < MAX_EVENT_BYTES // 2]
    spans: list[tuple[str, float, Sequence[Attack]]] = [
        ("no attacks", seconds, ()),
        (f"1 in {ONE_IN} an attack, first {seconds:g} s", seconds, small),
        (f"1 in {ONE_IN} an attack, next {seconds:g} s", seconds, small),
    ]
    rows: list[Row] = []
    watch = _GoodRuns(deployment)
    with deployment.worker():
        reading = asyncio.create_task(watch.read())
        await _produce(deployment, WARM_S, (), watch)
        await watch.all_read()
        for what, span_s, bad in spans:
            watch.forget()
            say(f"measuring: {what}")
            await _produce(deployment, span_s, bad, watch)
            await watch.all_read()
            rows.append(Latency(what, watch.seconds).row() | {"wrong": watch.wrong})
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    return rows


class _GoodRuns(CompletedRuns):
    """Good runs; the first verdict on each must be a pass."""

    def forget(self) -> None:
        self.seconds: list[float] = []
        self.wrong = 0

    def take(self, verdict: dict[str, Any], read_at: float) -> bool:
        if verdict["flow"] != FLOW or verdict["run_id"] not in self.completed:
            return False
        self.seconds.append(read_at - self.completed.pop(verdict["run_id"]))
        self.wrong += verdict["status"] != "passed" or bool(verdict["causes"])
        return True


async def _produce(
    deployment: InstalledDeployment, seconds: float, attacks: Sequence[Attack], watch: _GoodRuns
) -> None:
    """Produce events, each at its time; every `ONE_IN`th is an attack, if there are any."""
    job = events(round(seconds * EVENTS_PER_SECOND), time.time_ns())
    hostile = itertools.cycle(attacks)
    producer: Any = AIOKafkaProducer(
        bootstrap_servers=deployment.bootstrap, acks="all", max_request_size=8 * MAX_EVENT_BYTES
    )
    async with producer:
        began, size = time.monotonic(), round(SLICE_S * EVENTS_PER_SECOND)
        for number in itertools.count():
            chunk = list(itertools.islice(job, size))
            if not chunk:
                break
            await asyncio.sleep(max(0, number * SLICE_S - (time.monotonic() - began)))
            for place, event in enumerate(chunk, start=number * size):
                now = time.time_ns()
                if event.completes:
                    watch.completed[event.key.decode()] = now / 1e9
                value = orjson.dumps(orjson.loads(event.value) | {"ts": now})
                await producer.send(
                    deployment.events, value=value, key=event.key, partition=event.partition
                )
                if attacks and place % ONE_IN == 0:
                    await _attack(producer, deployment, next(hostile), now)


async def _attack(
    producer: Any, deployment: InstalledDeployment, attack: Attack, now_ns: int
) -> None:
    run_id = f"{flow_name(attack)}-{now_ns}"
    event = {
        "v": 1,
        "event_id": "e",
        "flow": flow_name(attack),
        "node": NODE,
        "run_id": run_id,
        "ts": now_ns,
        "validator": {"engine": attack.engine, "script": attack.source},
        "data": orjson.Fragment(attack.data),
    }
    key = run_id.encode()
    partition = murmur2_partition(key, PARTITIONS)
    await producer.send(deployment.events, value=orjson.dumps(event), key=key, partition=partition)


if __name__ == "__main__":
    main()
