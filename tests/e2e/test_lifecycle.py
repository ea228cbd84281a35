"""A worker starts, stops and continues where it was."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from schemas.units import NS_PER_MS
from tests.support.deployment import PARTITIONS
from tests.support.traffic import event, now_ns, run_on, service, subscriber

if TYPE_CHECKING:
    from tests.support.deployment import Deployment
    from tests.support.worker_process import WorkerProcess

pytestmark = pytest.mark.xdist_group("e2e-lifecycle")


async def test_a_run_goes_on_over_an_orderly_stop(deployment: Deployment, worker: WorkerProcess):
    settings, start = deployment.settings, now_ns()
    run_id = "interrupted"
    async with service(settings) as sender, subscriber(settings) as reader:
        worker.start()
        worker.wait_until_ready()
        await sender.send(event("heap", "load", run_id, start))
        # Judged, so that it is the stored state that goes on.
        await sender.send(event("shop", "cart", run_id, start, data={"total": 1}))
        await reader.verdict_of(run_id, lambda said: said["status"] == "incomplete")
        assert worker.terminate() == 0

        worker.start()
        worker.wait_until_ready()
        await sender.send(event("heap", "weigh", run_id, start + NS_PER_MS))
        verdict = await reader.verdict_of(run_id, lambda said: said["flow"] == "heap")
        assert worker.terminate() == 0

    assert (verdict["status"], verdict["revision"]) == ("passed", 1)
    assert len(reader.verdicts[run_id]) == len({v["verdict_id"] for v in reader.verdicts[run_id]})


async def test_a_backlog_older_than_its_timeouts_raises_no_false_alarm(
    deployment: Deployment, worker: WorkerProcess
):
    """A worker with an eye on its own clock would see every one of these deadlines passed."""
    settings, start = deployment.settings, now_ns()
    run_ids = [
        run_on(partition, f"backlog-{number}", settings)
        for partition in range(PARTITIONS)
        for number in range(5)
    ]
    async with service(settings) as sender, subscriber(settings) as reader:
        for run_id in run_ids:
            await sender.send(
                event("shop", "cart", run_id, start, data={"total": 1}),
                event("shop", "pay", run_id, start + NS_PER_MS, data={"amount": 1}),
            )
        for run_id in run_ids:
            await sender.send(event("shop", "ship", run_id, start + 2 * NS_PER_MS))
        due = start + (1 + 1_000 + 300) * NS_PER_MS
        await asyncio.sleep(max(0, due - now_ns()) / 1e9)  # the worker comes when all are past
        worker.start()
        worker.wait_until_ready()
        verdicts = [await reader.verdict_of(run_id) for run_id in run_ids]
        assert worker.terminate() == 0

    assert {(verdict["status"], verdict["revision"]) for verdict in verdicts} == {("passed", 1)}


def test_the_audit_finds_all_of_it_sound(deployment: Deployment):
    """Last in this file."""
    code, findings = deployment.audit()
    assert (code, findings["examples"]) == (0, [])
