"""Contract of a partition owner: one suite, on a log in memory and on Apache Kafka.

The two logs differ in this alone: Kafka stamps records with the broker's clock and the one in memory with this
process's; in memory a write is acknowledged at once, on Kafka when the broker has it.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from schemas.headers import GENERATION
from schemas.v1.dead_letter import DeadLetter
from streams.agents.events import backlog as backlog_module
from streams.agents.events.decoder import is_clock_record
from streams.agents.events.owner import PartitionOwner
from streams.engine.definitions.registry import Definitions
from streams.engine.partition import Partition
from streams.engine.run.codec import state_offset
from streams.kafka.rows import Appended, OutRecord
from streams.settings.worker import WorkerSettings
from tests.support.kafka_records import PARTITIONS, event, record, run_on
from tests.support.log_in_memory import DESTINATIONS, Batch, Log, Neighbours
from tests.support.log_on_kafka import LogOnKafka, log_on_kafka

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from streams.kafka.rows import Row
    from tests.support.shared_kafka import SharedKafka

PARTITION = 2
RUN = run_on(PARTITION)
OTHER = run_on(PARTITION, among="other")
GRACE_MS = 50
FLOW = {
    "flow": "shop",
    "options": {"grace_ms": GRACE_MS},
    "nodes": [{"id": "pay"}, {"id": "ship", "dep_ids": ["pay"]}],
}


class LogInMemory:
    """`Log` with the ways of `LogOnKafka`: it stamps what is written, and is read again."""

    def __init__(self) -> None:
        self.destinations = DESTINATIONS
        self._log = Log()
        self._stamps_ms: list[int] = []
        self._fetched_to = 0
        self.paused = self._log.paused
        self.block = self._log.block
        self.unblock = self._log.unblock
        self.generation = self._log.generation
        self.committed = self._log.committed
        self.pause = self._log.pause
        self.resume = self._log.resume

    async def append(self, topic: str, partition: int, records: Iterable[Row]) -> Appended | None:
        records = list(records)
        appended = await self._log.append(topic, partition, records)
        if appended is None:
            return None
        now_ms = time.time_ns() // 1_000_000
        if topic == DESTINATIONS.events:
            self._stamps_ms += [now_ms] * len(records)
        return appended._replace(timestamp_ms=now_ms)

    async def until_written(self, topic: str, count: int = 1) -> None:
        await self._log.until(lambda: len(self._log.of(topic)) >= count)

    async def fetch(self, partition: int, at_least: int = 1) -> Batch:
        await self.until_written(DESTINATIONS.events, self._fetched_to + at_least)
        await asyncio.sleep(0)  # what has just been written is stamped now
        begin, self._fetched_to = self._fetched_to, len(self._stamps_ms)
        written = self._log.of(DESTINATIONS.events)
        return Batch(
            *(
                record(
                    written[offset].value,
                    key=written[offset].key,
                    offset=offset,
                    partition=partition,
                    timestamp_ms=self._stamps_ms[offset],
                    headers=written[offset].headers,
                )
                for offset in range(begin, self._fetched_to)
            )
        )

    async def read(self, topic: str, partition: int) -> list[OutRecord]:
        return [out for to, on, out in self._log.written if (to, on) == (topic, partition)]


class Worker:
    """Owners of one partition, one after the other, over one log."""

    def __init__(self, log: LogInMemory | LogOnKafka) -> None:
        definitions = Definitions({})
        definitions.publish(FLOW)
        self.log = log
        neighbours = Neighbours(Log(), definitions)
        self._definitions = definitions
        self._context = replace(neighbours.context(), log=log, destinations=log.destinations)
        self.owner = self._start({})

    def _start(self, runs: dict[bytes, Any]) -> PartitionOwner:
        partition = Partition(self.log.destinations.events, PARTITION, self._definitions, runs=runs)
        partition.restore()
        owner = PartitionOwner(partition, self._context, remembered=lambda _offset: None)
        owner.start()
        return owner

    async def restart(self) -> None:
        """End at once; go on as a worker does that recovers its runs from the changelog."""
        self.owner.close()
        states = await self.log.read(self.log.destinations.changelog, PARTITION)
        runs = {state.key or b"": state.value for state in states}
        self.owner = self._start({key: value for key, value in runs.items() if value is not None})

    async def send(self, *values: bytes, run_id: str = RUN, **headers: bytes) -> Batch:
        """Write records to the events topic, and return them as they are fetched."""
        rows = [OutRecord(run_id.encode(), value, list(headers.items())) for value in values]
        await self.log.append(self.log.destinations.events, PARTITION, rows)
        return await self.log.fetch(PARTITION, len(rows))

    async def judge(self, batch: Batch) -> None:
        self.owner.accept(batch)
        await batch.done()

    async def verdicts(self) -> list[dict[str, Any]]:
        return [orjson.loads(out.value or b"") for out in await self.written("verdicts")]

    async def written(self, destination: str) -> list[OutRecord]:
        return await self.log.read(getattr(self.log.destinations, destination), PARTITION)


def happened(node: str, *, run_id: str = RUN) -> bytes:
    deps = {"dep_ids": ["pay"]} if node == "ship" else {}
    return event(node, run_id=run_id, at_ms=time.time_ns() // 1_000_000, **deps)


class OwnerContract:
    """What holds on every log; a class for each gives the fixture `log`."""

    @pytest.fixture
    async def worker(self, log: LogInMemory | LogOnKafka) -> AsyncGenerator[Worker]:
        worker = Worker(log)
        yield worker
        worker.owner.close()

    async def test_a_batch_becomes_a_verdict_and_a_state_on_its_partition(
        self, worker: Worker
    ) -> None:
        batch = await worker.send(happened("pay"), happened("ship"))
        await worker.judge(batch)
        last = batch.message.value[-1].offset
        (verdict,) = await worker.verdicts()
        assert (verdict["run_id"], verdict["status"]) == (RUN, "passed")
        assert verdict["source"]["offset"] == last
        (said,) = await worker.written("verdicts")
        assert (said.key, dict(said.headers)[GENERATION]) == (RUN.encode(), b"7")
        (state,) = await worker.written("changelog")
        assert (state.key, state_offset(state.value or b"")) == (f"shop\0{RUN}".encode(), last)

    @pytest.mark.parametrize("topic", ["verdicts", "dead_letters"])
    async def test_emit_then_remember_no_state_is_written_before_what_was_said_is_acknowledged(
        self, worker: Worker, topic: str
    ) -> None:
        name = getattr(worker.log.destinations, topic)
        batch = await worker.send(happened("pay"), b"garbage", happened("ship"))
        worker.log.block(name)
        worker.owner.accept(batch)
        other = {"verdicts": "dead_letters", "dead_letters": "verdicts"}[topic]
        await worker.log.until_written(getattr(worker.log.destinations, other))
        assert await worker.written("changelog") == []
        worker.log.unblock(name)
        await batch.done()
        assert len(await worker.written("changelog")) == 1

    async def test_remember_then_commit_no_batch_is_acknowledged_before_its_state(
        self, worker: Worker
    ) -> None:
        batch = await worker.send(happened("pay"), happened("ship"))
        worker.log.block(worker.log.destinations.changelog)
        worker.owner.accept(batch)
        await worker.log.until_written(worker.log.destinations.verdicts)
        assert not batch.acknowledged.is_set()
        worker.log.unblock(worker.log.destinations.changelog)
        await batch.done()

    async def test_batches_are_judged_and_acknowledged_in_the_order_of_the_log(
        self, worker: Worker
    ) -> None:
        runs = [run_on(PARTITION, among=f"order-{number}") for number in range(5)]
        batches = [
            await worker.send(happened("pay", run_id=run), happened("ship", run_id=run), run_id=run)
            for run in runs
        ]
        for batch in batches:
            worker.owner.accept(batch)
        await batches[-1].done()
        assert all(batch.acknowledged.is_set() for batch in batches)
        assert [verdict["run_id"] for verdict in await worker.verdicts()] == runs

    async def test_R20_a_dead_letter_is_whole_and_the_stream_goes_on(self, worker: Worker) -> None:
        pay = await worker.send(happened("pay"))
        bad = await worker.send(b"\x00 garbage", run_id="any", sent_by=b"a stranger")
        ship = await worker.send(happened("ship"))
        for batch in (pay, bad, ship):
            await worker.judge(batch)
        (letter,) = await worker.written("dead_letters")
        about = DeadLetter.from_headers(letter.headers)
        assert (letter.key, letter.value) == (b"any", b"\x00 garbage")
        assert ("sent_by", b"a stranger") in letter.headers
        assert (about.reason, about.source_partition) == ("not_json", PARTITION)
        assert about.source_topic == worker.log.destinations.events
        assert about.source_offset == bad.message.value[0].offset
        assert [verdict["status"] for verdict in await worker.verdicts()] == ["passed"]

    async def test_R13_a_deadline_fires_by_the_clock_record_that_the_owner_appends_and_reads_back(
        self, worker: Worker
    ) -> None:
        await worker.judge(await worker.send(happened("ship")))
        assert await worker.verdicts() == []
        while not await worker.verdicts():
            clock = await worker.log.fetch(PARTITION)
            assert all(is_clock_record(record) for record in clock.message.value)
            await worker.judge(clock)
        (verdict,) = await worker.verdicts()
        assert (verdict["status"], verdict["trigger"]) == ("failed", "deadline")
        assert [cause["kind"] for cause in verdict["causes"]] == ["dependency"]
        assert await worker.written("dead_letters") == []
        assert verdict["decided_at_ns"] >= verdict["opened_at_ns"] + GRACE_MS * 1_000_000

    async def test_a_partition_with_enough_under_way_is_paused_until_half_of_it_is_done(
        self, worker: Worker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(backlog_module, "MOST_RECORDS", 4)
        batches = [await worker.send(happened("pay"), happened("ship")) for _ in range(4)]
        worker.log.block(worker.log.destinations.verdicts)
        worker.owner.accept(batches[0])
        assert worker.log.paused == set()
        for batch in batches[1:]:
            worker.owner.accept(batch)
        assert worker.log.paused == {PARTITION}
        worker.log.unblock(worker.log.destinations.verdicts)
        await batches[-1].done()
        assert worker.log.paused == set()
        assert all(batch.acknowledged.is_set() for batch in batches)

    async def test_R16_what_is_read_again_after_a_crash_is_said_again_word_for_word(
        self, worker: Worker
    ) -> None:
        batch = await worker.send(happened("pay"), happened("ship"), happened("nope"))
        worker.log.block(worker.log.destinations.changelog)
        worker.owner.accept(batch)
        await worker.log.until_written(worker.log.destinations.verdicts)
        said = len(await worker.verdicts())
        await worker.restart()
        worker.log.unblock(worker.log.destinations.changelog)
        await worker.judge(Batch(*batch.message.value))
        values = [out.value for out in await worker.written("verdicts")]
        assert values[:said] == values[said:]
        assert not batch.acknowledged.is_set()

    async def test_a_run_goes_on_from_its_state_in_the_changelog(self, worker: Worker) -> None:
        await worker.judge(await worker.send(happened("pay")))
        await worker.restart()
        await worker.judge(await worker.send(happened("ship")))
        (verdict,) = await worker.verdicts()
        assert (verdict["status"], verdict["revision"]) == ("passed", 1)
        await worker.restart()
        await worker.judge(await worker.send(happened("pay", run_id=OTHER), run_id=OTHER))
        assert len(await worker.verdicts()) == 1


class TestOwnerInMemory(OwnerContract):
    """On the log in memory."""

    @pytest.fixture
    async def log(self) -> LogInMemory:
        return LogInMemory()


class TestOwnerOnKafka(OwnerContract):
    """On Apache Kafka, by the worker's own producer."""

    @pytest.fixture
    async def log(self, kafka: SharedKafka, topic_prefix: str) -> AsyncGenerator[LogOnKafka]:
        settings = WorkerSettings(
            broker=kafka.bootstrap,
            topic_prefix=topic_prefix,
            app_id=f"{topic_prefix}app",
            partitions=PARTITIONS,
        )
        async with log_on_kafka(settings) as log:
            yield log
