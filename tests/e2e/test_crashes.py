"""A worker that is killed in mid-load loses nothing and says nothing twice in different words."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.support.load import Load
from tests.support.traffic import service, subscriber

if TYPE_CHECKING:
    from tests.support.deployment import Deployment
    from tests.support.traffic import Subscriber
    from tests.support.worker_process import WorkerProcess

pytestmark = [pytest.mark.xdist_group("e2e-crashes"), pytest.mark.slow, pytest.mark.timeout(240)]

RUNS_PER_SECOND = 300
KILLS = 3
RUNS_BETWEEN_KILLS = 600
PATIENCE_S = 40.0
"""How long the worker may be silent: it starts, reads its state, and catches up."""


async def _read_runs(reader: Subscriber, runs: int) -> None:
    """Return when that many runs have a verdict.

    Raises:
        TimeoutError: the worker does not get on.
    """
    while len(reader.verdicts) < runs:
        async with asyncio.timeout(PATIENCE_S):
            await reader.read()


async def test_kills_in_mid_load_leave_every_verdict_right(
    deployment: Deployment, worker: WorkerProcess
):
    settings = deployment.settings
    load = Load(RUNS_PER_SECOND)
    worker.start()
    worker.wait_until_ready()
    async with service(settings) as sender, subscriber(settings) as reader:
        sending = asyncio.create_task(load.run(sender))
        for _ in range(KILLS):
            await _read_runs(reader, len(reader.verdicts) + RUNS_BETWEEN_KILLS)
            worker.kill()
            worker.start()
        await _read_runs(reader, len(reader.verdicts) + RUNS_BETWEEN_KILLS)
        load.stop()
        await sending
        await _read_runs(reader, load.runs)
    assert worker.terminate() == 0

    code, findings = deployment.audit()
    assert findings["examples"] == []
    assert findings["faults"] == dict.fromkeys(findings["faults"], 0)
    assert code == 0
    assert sum(found["implied"] for found in findings["partitions"]) >= load.runs
