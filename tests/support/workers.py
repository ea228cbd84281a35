"""Worker processes in an event loop, and what a test says to and hears from them over Kafka."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.support.kafka_records import event

if TYPE_CHECKING:
    import signal
    from collections.abc import AsyncGenerator, Callable

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60
PARTITIONS = 2

FAUST = "from faust.cli.faust import cli; cli(['-A', 'streams', 'worker'])"
DULY = "from streams.worker.process import run; run()"


class FollowedWorker:
    """One worker in a process of its own; its log lines are read as they come."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self.words: list[str] = []
        self._changed = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    @property
    def stderr(self) -> str:
        """What it said on stderr besides log lines."""
        return "\n".join(self.words)

    async def _read(self) -> None:
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            async with self._changed:
                try:
                    self.lines.append(json.loads(line))
                except ValueError:
                    self.words.append(line.decode().rstrip())
                self._changed.notify_all()
        async with self._changed:
            self._changed.notify_all()

    async def logged(self, event: str, **fields: Any) -> dict[str, Any]:
        """Wait for a log line and return it."""

        def found() -> dict[str, Any] | None:
            for line in self.lines:
                if line["event"] == event and fields.items() <= line.items():
                    return line
            assert self.process.returncode is None, f"it ended: {self.stderr} {self.lines}"
            return None

        async with self._changed:
            line = await asyncio.wait_for(self._changed.wait_for(found), PATIENCE_S)
        assert line is not None
        return line

    async def ready(self) -> None:
        """Wait until it owns partitions."""
        await self.logged("partitions assigned")

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its end and return its exit code."""
        code = await asyncio.wait_for(self.process.wait(), PATIENCE_S)
        await self._reading
        return code

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.ended()


@asynccontextmanager
async def worker(
    bootstrap: str, prefix: str, *, program: str = FAUST, cwd: Path = ROOT, **settings: Any
) -> AsyncGenerator[FollowedWorker]:
    """Run a worker whose topics, group and app id begin with `prefix`; kill it at the end."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DULY_BROKER": bootstrap,
        "DULY_TOPIC_PREFIX": prefix,
        "DULY_APP_ID": f"{prefix}app",
        "DULY_PARTITIONS": str(PARTITIONS),
        "DULY_REPLICATION": "1",
        "DULY_SETTLE_MS": "50",
        "DULY_GRACE_MS": "50",
        **{f"DULY_{name.upper()}": str(value) for name, value in settings.items()},
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # as an installed command: the folder where it starts is not searched for modules
        "-c",
        program,
        cwd=cwd,
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        limit=2**22,
    )
    started = FollowedWorker(process)
    try:
        yield started
    finally:
        await started.kill()


class Shop:
    """A flow `pay → ship` on Kafka: sends its events, reads its verdicts and dead letters."""

    def __init__(self, prefix: str, producer: Any, consumer: Any) -> None:
        self._prefix = prefix
        self._producer = producer
        self._consumer = consumer
        self._opened_ms = now_ms()
        self.heard: dict[str, list[Any]] = {"flow-verdicts.v1": [], "flow-dead-letters.v1": []}

    async def pay(self, run_id: str, **fields: Any) -> Any:
        return await self._happens("pay", run_id, **fields)

    async def ship(self, run_id: str, **fields: Any) -> Any:
        return await self._happens("ship", run_id, dep_ids=["pay"], **fields)

    async def ship_unpaid(self, run_id: str) -> dict[str, Any]:
        """Let a run fail at a deadline: its `pay` does not count; return the verdict."""
        await self.pay(run_id, filter=False)
        await self.ship(run_id)
        return await self.verdict(run_id, status="failed")

    async def pay_late(self, run_id: str) -> dict[str, Any]:
        """Let that run pass after all, by a `pay` that took its time to come; return the verdict."""
        await self.pay(run_id, at_ms=self._opened_ms)
        return await self.verdict(run_id, status="passed")

    async def _happens(self, node: str, run_id: str, **fields: Any) -> Any:
        value = event(node, run_id=run_id, **({"at_ms": now_ms()} | fields))
        return await self.send(value, run_id.encode())

    async def send(self, value: bytes, key: bytes | None) -> Any:
        return await self._producer.send_and_wait(f"{self._prefix}flow-events.v1", value, key=key)

    async def verdict(self, run_id: str, **fields: Any) -> dict[str, Any]:
        """Wait for a verdict on a run."""

        def wanted(record: Any) -> bool:
            verdict = orjson.loads(record.value)
            return verdict["run_id"] == run_id and fields.items() <= verdict.items()

        return orjson.loads((await self.hear("flow-verdicts.v1", wanted)).value)

    async def hear(self, topic: str, wanted: Callable[[Any], bool]) -> Any:
        """Wait for a record of a topic that the worker writes."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for record in self.heard[topic]:
                    if wanted(record):
                        return record
                fetched = await self._consumer.getmany(timeout_ms=1_000)
                for records in fetched.values():
                    for record in records:
                        self.heard[record.topic.removeprefix(self._prefix)].append(record)


@asynccontextmanager
async def shop(bootstrap: str, prefix: str) -> AsyncGenerator[Shop]:
    """Open the shop; the topics must be there."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    consumer = AIOKafkaConsumer(
        f"{prefix}flow-verdicts.v1",
        f"{prefix}flow-dead-letters.v1",
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
    )
    await producer.start()
    await consumer.start()
    try:
        yield Shop(prefix, producer, consumer)
    finally:
        await producer.stop()
        await consumer.stop()


def now_ms() -> int:
    return time.time_ns() // 1_000_000
