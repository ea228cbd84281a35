"""What goes wrong, one function each. Every one runs under load; what was said is audited afterwards."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from streams.errors import EXIT_INTERNAL
from tests.chaos.watch import load_on

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from typing import Any

    from streams.kafka.broker import Broker
    from tests.e2e.deployment import Deployment
    from tests.e2e.worker_process import WorkerProcess

    Scenario = Callable[[Deployment, Broker], Coroutine[Any, Any, float]]

RUNS_PER_SECOND = 200
CALM = 300
"""Runs that get their verdict between two failures."""
SESSION_MS = 6_000
KILLS = 3


@contextmanager
def workers(deployment: Deployment, *numbers: int) -> Generator[list[WorkerProcess]]:
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
            worker.wait_until_ready()
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


async def killed_three_times(deployment: Deployment, _broker: Broker) -> float:
    """The only worker is killed and started again, three times; returns the longest silence in s."""
    with workers(deployment, 1) as (worker,):
        async with load_on(deployment, RUNS_PER_SECOND) as watch:
            await watch.more(CALM)
            began = time.monotonic()
            for _ in range(KILLS):
                worker.kill()
                worker.start()
                await watch.more(CALM)
            return watch.silence_s(began)


async def third_joins_and_leaves(deployment: Deployment, _broker: Broker) -> float:
    """Beside two workers a third begins, takes its share, and stops in good order."""
    with workers(deployment, 1, 2):
        async with load_on(deployment, RUNS_PER_SECOND) as watch:
            await watch.more(CALM)
            began = time.monotonic()
            with workers(deployment, 3) as (third,):
                await watch.more(CALM)
                third.terminate()
            await watch.more(CALM)
            return watch.silence_s(began)


async def rolling_restart(deployment: Deployment, _broker: Broker) -> float:
    """Two workers are stopped in good order and started again, one after the other."""
    with workers(deployment, 1, 2) as pair:
        async with load_on(deployment, RUNS_PER_SECOND) as watch:
            await watch.more(CALM)
            began = time.monotonic()
            for worker in pair:
                worker.terminate()
                worker.start()
                worker.wait_until_ready()
                await watch.more(CALM)
            return watch.silence_s(began)


async def one_of_two_killed(deployment: Deployment, _broker: Broker) -> float:
    """One of two workers is killed and started again under its name."""
    with workers(deployment, 1, 2) as (worker, _):
        async with load_on(deployment, RUNS_PER_SECOND) as watch:
            await watch.more(CALM)
            began = time.monotonic()
            worker.kill()
            worker.start()
            worker.wait_until_ready()
            await watch.more(CALM)
            return watch.silence_s(began)


async def zombie_thaws(deployment: Deployment, _broker: Broker) -> float:
    """One of two workers stands still for longer than its session; when it thaws it must write nothing that counts."""
    with workers(deployment, 1, 2) as (worker, _):
        async with load_on(deployment, RUNS_PER_SECOND) as watch:
            await watch.more(CALM)
            began = time.monotonic()
            with worker.frozen():
                await asyncio.sleep(SESSION_MS / 1_000 * 1.7)  # the other worker goes on
            code = await asyncio.to_thread(worker.wait_until_ended)
            if code != EXIT_INTERNAL:
                raise AssertionError(f"the thawed worker ended with {code}, not {EXIT_INTERNAL}")
            await watch.more(CALM)
            return watch.silence_s(began)


SCENARIOS: dict[str, Scenario] = {
    "the only worker is killed three times": killed_three_times,
    "a third worker joins and leaves": third_joins_and_leaves,
    "two workers restart one by one": rolling_restart,
    "one of two is killed": one_of_two_killed,
    "a zombie thaws": zombie_thaws,
}
