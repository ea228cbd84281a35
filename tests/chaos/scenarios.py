"""Faults of a deployment, one function each. Every one runs under load; the verdicts are audited afterwards."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from streams.errors import EXIT_INTERNAL
from tests.chaos.watch import load_on

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine
    from typing import Any

    from streams.dev_broker import Broker
    from tests.chaos.watch import Outcome, Watch
    from tests.support.deployment import Deployment
    from tests.support.worker_process import WorkerProcess

    Scenario = Callable[[Deployment, Broker], Coroutine[Any, Any, Outcome]]

RUNS_PER_SECOND = 200
CALM = 300
"""Runs that get their verdict between two failures."""
SESSION_MS = 6_000
KILLS = 3
OUTAGE_S = 20.0


@asynccontextmanager
async def workers(deployment: Deployment, *numbers: int) -> AsyncGenerator[list[WorkerProcess]]:
    """Run workers, each with a name of its own that survives its restart."""
    made = [
        deployment.worker(
            DULY_INSTANCE_ID=f"{deployment.name}-{number}", DULY_SESSION_TIMEOUT_MS=str(SESSION_MS)
        )
        for number in numbers
    ]
    try:
        for worker in made:
            worker.start()
            await asyncio.to_thread(worker.wait_until_ready)
        yield made
    except BaseException:
        for worker in made:
            sys.stderr.write(
                f"--- {'running' if worker.running else 'ended'}\n{worker.log[-4_000:]}\n"
            )
        raise
    finally:
        for worker in made:
            worker.close()


async def killed_three_times(deployment: Deployment, _broker: Broker) -> Outcome:
    """The only worker is killed and started again, three times."""
    async with workers(deployment, 1) as (worker,), load_on(deployment, RUNS_PER_SECOND) as watch:
        await watch.more(CALM)
        began = time.monotonic()
        for _ in range(KILLS):
            left = worker.crash()
            await asyncio.to_thread(left.wait)
            await watch.more(CALM)
        return watch.outcome(began)


async def third_joins_and_leaves(deployment: Deployment, _broker: Broker) -> Outcome:
    """Beside two workers a third begins, takes its share, and stops in good order."""
    async with workers(deployment, 1, 2), load_on(deployment, RUNS_PER_SECOND) as watch:
        await watch.more(CALM)
        began = time.monotonic()
        async with workers(deployment, 3) as (third,):
            await watch.more(CALM)
            await asyncio.to_thread(third.terminate)
        await watch.more(CALM)
        return watch.outcome(began)


async def rolling_restart(deployment: Deployment, _broker: Broker) -> Outcome:
    """Two workers are stopped in good order and started again, one after the other."""
    async with workers(deployment, 1, 2) as pair, load_on(deployment, RUNS_PER_SECOND) as watch:
        await watch.more(CALM)
        began = time.monotonic()
        await _restart_each(pair, watch)
        return watch.outcome(began)


async def one_of_two_killed(deployment: Deployment, _broker: Broker) -> Outcome:
    """One of two workers is killed and started again under its name."""
    async with (
        workers(deployment, 1, 2) as (worker, _),
        load_on(deployment, RUNS_PER_SECOND) as watch,
    ):
        await watch.more(CALM)
        began = time.monotonic()
        await _kill(worker, watch)
        return watch.outcome(began)


async def restarted_then_killed(deployment: Deployment, _broker: Broker) -> Outcome:
    """Two workers restart one by one, then one is killed: the short form, under one load."""
    async with workers(deployment, 1, 2) as pair, load_on(deployment, RUNS_PER_SECOND) as watch:
        await watch.more(CALM)
        began = time.monotonic()
        await _restart_each(pair, watch)
        await _kill(pair[0], watch)
        return watch.outcome(began)


async def _restart_each(pair: list[WorkerProcess], watch: Watch) -> None:
    for worker in pair:
        await asyncio.to_thread(worker.terminate)
        worker.start()
        await asyncio.to_thread(worker.wait_until_ready)
        await watch.more(CALM)


async def _kill(worker: WorkerProcess, watch: Watch) -> None:
    left = worker.crash()
    await asyncio.to_thread(worker.wait_until_ready)
    await asyncio.to_thread(left.wait)
    await watch.more(CALM)


async def zombie_thaws(deployment: Deployment, _broker: Broker) -> Outcome:
    """One of two workers stands still for longer than its session; when it thaws it must write nothing that counts."""
    async with (
        workers(deployment, 1, 2) as (worker, _),
        load_on(deployment, RUNS_PER_SECOND) as watch,
    ):
        await watch.more(CALM)
        began = time.monotonic()
        with worker.frozen():
            await asyncio.sleep(SESSION_MS / 1_000 * 1.7)  # the other worker goes on
        code = await asyncio.to_thread(worker.wait_until_ended)
        if code != EXIT_INTERNAL:
            raise AssertionError(f"the thawed worker ended with {code}, not {EXIT_INTERNAL}")
        await watch.more(CALM)
        return watch.outcome(began)


async def kafka_killed(deployment: Deployment, broker: Broker) -> Outcome:
    """Kafka is killed and is away for 20 s, with runs open; services hold what they cannot send."""
    async with workers(deployment, 1, 2), load_on(deployment, RUNS_PER_SECOND) as watch:
        await watch.more(CALM)
        await asyncio.to_thread(broker.kill)
        await asyncio.sleep(OUTAGE_S)
        broker.restart()  # here: it would end with a thread that started it
        began = time.monotonic()
        await watch.more(CALM)
        return watch.outcome(began)._replace(false_alarms=watch.false_alarms())


SCENARIOS: dict[str, Scenario] = {
    "the only worker is killed three times": killed_three_times,
    "a third worker joins and leaves": third_joins_and_leaves,
    "two workers restart one by one": rolling_restart,
    "one of two is killed": one_of_two_killed,
    "a zombie thaws": zombie_thaws,
    "Kafka is killed for 20 s": kafka_killed,
}
