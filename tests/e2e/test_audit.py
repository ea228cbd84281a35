"""The audit as a program, on what a real worker said and on faults planted among it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from schemas.topics import DEAD_LETTERS, EVENTS, VERDICTS
from schemas.v1.dead_letter import DeadLetter
from streams.errors import EXIT_BROKER
from streams.kafka.topics import full_name
from tests.support.traffic import event, now_ns, run_on, service, subscriber
from tests.support.worker_process import ROOT

if TYPE_CHECKING:
    from streams.settings.worker import WorkerSettings
    from tests.support.deployment import Deployment
    from tests.support.worker_process import WorkerProcess

pytestmark = pytest.mark.xdist_group("e2e-lifecycle")

RUNS = 4


def _whole_run(run_id: str) -> list[dict[str, Any]]:
    start = now_ns()
    return [event("crate", node, run_id, start) for node in ("pack", "seal")]


async def _let_judge(worker: WorkerProcess, settings: WorkerSettings) -> list[dict[str, Any]]:
    """Have runs and a record that is no event judged; return the verdicts."""
    runs = [run_on(0, f"crate-{number}", settings) for number in range(RUNS)]
    worker.start()
    worker.wait_until_ready()
    async with service(settings) as sender, subscriber(settings) as reader:
        await sender.send_bytes(b"no event", key=b"any", partition=0)
        for run_id in runs:
            await sender.send(*_whole_run(run_id))
        verdicts = [await reader.verdict_of(run_id) for run_id in runs]
    assert worker.terminate() == 0
    return verdicts


async def _plant_faults(verdict: dict[str, Any], settings: WorkerSettings) -> None:
    """Leave an event unjudged, say a verdict otherwise, one of nothing, and a false dead letter."""
    otherwise = verdict | {"status": "failed"}
    of_nothing = verdict | {
        "run_id": "nobody",
        "verdict_id": "00000000-0000-0000-0000-000000000000",
    }
    false_letter = DeadLetter(
        reason="not_json",
        error="",
        source_topic=full_name(EVENTS, settings),
        source_partition=0,
        source_offset=1,
    )
    async with service(settings) as sender:
        topic = full_name(VERDICTS, settings)
        for planted in (otherwise, of_nothing):
            await sender.producer.send_and_wait(topic, orjson.dumps(planted), partition=0)
        await sender.producer.send_and_wait(
            full_name(DEAD_LETTERS, settings), b"{}", partition=0, headers=false_letter.to_headers()
        )
        await sender.send(*_whole_run(run_on(0, "unjudged", settings)))


async def test_every_fault_that_is_planted_is_found(deployment: Deployment, worker: WorkerProcess):
    settings = deployment.settings
    verdicts = await _let_judge(worker, settings)
    code, findings = deployment.audit()
    assert (code, findings["sound"], findings["examples"]) == (0, True, [])
    assert findings["partitions"][0]["implied"] == RUNS
    assert findings["partitions"][0]["dead_letters"] == 1

    await _plant_faults(verdicts[1], settings)
    code, findings = deployment.audit(patience_s=0)
    assert (code, findings["sound"]) == (1, False)
    assert findings["faults"] == {
        "lost": 1,
        "unexpected": 1,
        "conflicting": 1,
        "wrong": 1,
        "disordered": 0,
        "letters": 1,
    }
    subjects = {fault["kind"]: fault["subject"] for fault in findings["examples"]}
    assert subjects["lost"].startswith("crate/unjudged-")
    assert subjects["unexpected"] == "crate/nobody revision 1"
    assert subjects["conflicting"] == f"crate/{verdicts[1]['run_id']} revision 1"


def test_topics_that_are_not_there_are_named(deployment: Deployment):
    command = [sys.executable, "-m", "streams.audit", "--bootstrap", deployment.settings.broker]
    finished = subprocess.run(
        [*command, "--prefix", "nowhere-"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert finished.returncode == EXIT_BROKER
    assert "there is no topic nowhere-flow-events.v1" in finished.stderr
