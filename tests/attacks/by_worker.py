"""Attacks through a worker: events teach them, as those of a service do, and nobody checks them before."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Self

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from schemas.limits import MAX_EVENT_BYTES
from schemas.partitioning import murmur2_partition
from tests.attacks.findings import (
    GOOD_SCRIPTS,
    NODE,
    Fate,
    Finding,
    Findings,
    fate_of,
    files_in,
    flow_name,
    is_judged_wrongly,
)
from tests.support.standard_job import PARTITIONS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.support.attack_list import Attack
    from tests.support.installed_deployment import InstalledDeployment

SETTLE_MS = "200"
"""Flows are learned: one that passes waits for so long, by default for 5 s."""

PATIENCE_S = 60.0
"""A run that has no verdict by then will have none."""


async def attack_by_worker(
    attacks: Sequence[Attack], deployment: InstalledDeployment, canary: Path
) -> list[Findings]:
    """Send each attack to one worker: first one by one, then all at once to one partition.

    Good events of the same engine go before and behind each on its partition.
    """
    producer: Any = AIOKafkaProducer(
        bootstrap_servers=deployment.bootstrap, max_request_size=8 * MAX_EVENT_BYTES
    )
    with deployment.worker(DULY_SETTLE_MS=SETTLE_MS) as process:
        async with producer, _Answers(deployment) as answers:
            traffic = _Traffic(deployment, producer, answers)
            await traffic.one("warm-up", "good-python", {"n": 1}, GOOD_SCRIPTS["python"])
            ways = [
                await _one_by_one(attacks, traffic, canary),
                await _all_at_once(attacks, traffic, canary),
            ]
        deaths = int(not process.is_running() or process.status() == "zombie")
    return [way._replace(deaths=deaths) for way in ways]


async def _one_by_one(attacks: Sequence[Attack], traffic: _Traffic, canary: Path) -> Findings:
    found: list[Finding] = []
    for attack in attacks:
        names = await traffic.attack(attack, f"single-{flow_name(attack)}", partition=None)
        found.append(await traffic.answers.finding(attack, names))
    wrong = traffic.answers.take_wrong()
    return Findings("one by one", found, wrong, files_in(canary), 0)


async def _all_at_once(attacks: Sequence[Attack], traffic: _Traffic, canary: Path) -> Findings:
    sent = [
        (attack, await traffic.attack(attack, f"burst-{flow_name(attack)}", partition=0))
        for attack in attacks
    ]
    found = [await traffic.answers.finding(attack, names) for attack, names in sent]
    wrong = traffic.answers.take_wrong()
    return Findings("all at once", found, wrong, files_in(canary), 0)


class _Traffic:
    """Sends events of runs that have one each."""

    def __init__(self, deployment: InstalledDeployment, producer: Any, answers: _Answers) -> None:
        self._deployment = deployment
        self._producer = producer
        self.answers = answers

    async def attack(self, attack: Attack, name: str, partition: int | None) -> tuple[str, ...]:
        """Send an attack between good events; return the ids of the runs, the attack's first."""
        place = murmur2_partition(name.encode(), PARTITIONS) if partition is None else partition
        bad, before, behind = (_run_on(place, f"{name}-{one}") for one in ("bad", "one", "nought"))
        good = (f"good-{attack.engine}", attack.engine, GOOD_SCRIPTS[attack.engine])
        await self._send(before, *good, b'{"n":1}')
        await self._send(bad, flow_name(attack), attack.engine, attack.source, attack.data)
        await self._send(behind, *good, b'{"n":0}')
        self.answers.expect_good(before, 1)
        self.answers.expect_good(behind, 0)
        return bad, before, behind

    async def one(self, run_id: str, flow: str, data: dict[str, Any], script: str) -> None:
        """Send one python event, and wait for its verdict: the worker has started."""
        await self._send(run_id, flow, "python", script, orjson.dumps(data))
        await self.answers.wait_for([run_id])

    async def _send(self, run_id: str, flow: str, engine: str, script: str, data: bytes) -> None:
        event = {
            "v": 1,
            "event_id": "e",
            "flow": flow,
            "node": NODE,
            "run_id": run_id,
            "ts": time.time_ns(),
            "validator": {"engine": engine, "script": script},
            "data": orjson.Fragment(data),
        }
        self.answers.sent_at[run_id] = time.monotonic()
        await self._producer.send(
            self._deployment.events, value=orjson.dumps(event), key=run_id.encode()
        )


class _Answers:
    """Follows verdicts and dead letters, from now on."""

    def __init__(self, deployment: InstalledDeployment) -> None:
        self._deployment = deployment
        self._consumer: Any = AIOKafkaConsumer(
            bootstrap_servers=deployment.bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        self._fates: dict[str, tuple[Fate, str]] = {}
        self._seconds: dict[str, float] = {}
        self._good: dict[str, int] = {}
        self._wrong: list[str] = []
        self.sent_at: dict[str, float] = {}

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        self._consumer.assign(
            [
                partition
                for topic in (self._deployment.verdicts, self._deployment.dead_letters)
                for partition in self._deployment.partitions(topic)
            ]
        )
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._consumer.stop()

    def expect_good(self, run_id: str, n: int) -> None:
        """Know that a run's only event is a good one, of `{"n": n}`."""
        self._good[run_id] = n

    def take_wrong(self) -> list[str]:
        """Return the good runs that were judged wrongly since the last time."""
        wrong, self._wrong = self._wrong, []
        return wrong

    async def finding(self, attack: Attack, names: Sequence[str]) -> Finding:
        """Wait until all runs of an attack are judged; return what became of the first."""
        await self.wait_for(names)
        fate, message = self._fates[names[0]]
        return Finding(attack, fate, self._seconds[names[0]], message)

    async def wait_for(self, names: Sequence[str]) -> None:
        """Read until all these runs are judged.

        Raises:
            TimeoutError: one of them has no verdict.
        """
        async with asyncio.timeout(PATIENCE_S):
            while not self._fates.keys() >= set(names):
                for records in (await self._consumer.getmany(timeout_ms=100)).values():
                    for record in records:
                        self._take(record)

    def _take(self, record: Any) -> None:
        run_id = record.key.decode()
        if run_id in self._fates:
            return
        self._seconds[run_id] = time.monotonic() - self.sent_at[run_id]
        if record.topic == self._deployment.dead_letters:
            self._fates[run_id] = ("unread", "")
            return
        verdict = orjson.loads(record.value)
        self._fates[run_id] = fate_of(verdict)
        if run_id in self._good and is_judged_wrongly(verdict, self._good[run_id]):
            self._wrong.append(run_id)


def _run_on(partition: int, name: str) -> str:
    """Return a run id that begins with `name` and belongs on a partition."""
    number = 0
    while murmur2_partition(f"{name}-{number}".encode(), PARTITIONS) != partition:
        number += 1
    return f"{name}-{number}"
