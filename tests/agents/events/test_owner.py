"""One partition and its owner, where no log has a part; what it owes its log is in test_owner_on_logs.py."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from schemas.v1.dead_letter import DeadLetter
from streams.agents.events.owner import PartitionOwner
from streams.engine.definitions.registry import Definitions
from streams.engine.partition import Partition
from streams.engine.script_calls import ScriptAnswer
from tests.support.kafka_records import event, record, run_on
from tests.support.log_in_memory import Batch, Log, Neighbours

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

PARTITION = 2
RUN = run_on(PARTITION)
SHOP = {"flow": "shop", "nodes": [{"id": "pay"}, {"id": "ship", "dep_ids": ["pay"]}]}


@pytest.fixture
async def log() -> Log:
    return Log()


@pytest.fixture
async def neighbours(log: Log) -> Neighbours:
    definitions = Definitions({})
    definitions.publish(SHOP)
    return Neighbours(log, definitions)


@pytest.fixture
def runs() -> dict[bytes, Any]:
    return {}


@pytest.fixture
async def owner(neighbours: Neighbours, runs: dict[bytes, Any]) -> AsyncGenerator[PartitionOwner]:
    partition = Partition("events", PARTITION, neighbours.definitions, runs=runs)
    owner = PartitionOwner(partition, neighbours.context(), remembered=lambda _offset: None)
    owner.start()
    yield owner
    owner.close()


def source(
    node: str, offset: int, *, run_id: str = RUN, at_ms: int | None = None, **of: Any
) -> Any:
    now_ms = time.time_ns() // 1_000_000 if at_ms is None else at_ms
    return record(
        event(node, run_id=run_id, at_ms=now_ms, **of),
        key=run_id.encode(),
        offset=offset,
        partition=PARTITION,
        timestamp_ms=now_ms,
    )


def verdicts(log: Log) -> list[dict[str, Any]]:
    return [orjson.loads(out.value or b"") for out in log.of("verdicts")]


async def test_R20_an_event_that_its_run_has_no_room_for_is_a_dead_letter_too(
    log: Log, runs: dict[bytes, Any]
) -> None:
    definitions = Definitions({"max_events_per_run": 1})
    definitions.publish(SHOP)
    neighbours = Neighbours(log, definitions)
    partition = Partition("events", PARTITION, definitions, runs=runs)
    owner = PartitionOwner(partition, neighbours.context(), remembered=lambda _: None)
    owner.start()
    batch = Batch(source("pay", 5), source("ship", 6))
    owner.accept(batch)
    await batch.done()
    owner.close()
    (letter,) = log.of("dead-letters")
    about = DeadLetter.from_headers(letter.headers)
    assert (about.reason, about.source_offset) == ("too_many_events", 6)
    assert letter.value == batch.message.value[1].value


async def test_while_scripts_are_out_later_batches_wait_and_then_follow(
    neighbours: Neighbours, log: Log, runs: dict[bytes, Any]
) -> None:
    validator = {"engine": "python", "script": "data['amount'] == 42"}
    neighbours.definitions.publish(
        {"flow": "shop", "nodes": [{"id": "pay", "validator": validator}]}, timestamp_ns=1
    )
    partition = Partition("events", PARTITION, neighbours.definitions, runs=runs)
    owner = PartitionOwner(partition, neighbours.context(), remembered=lambda _offset: None)
    owner.start()
    other = run_on(PARTITION, among="other")
    first = Batch(source("pay", 5, data={"amount": 42}))
    second = Batch(source("pay", 6, run_id=other))
    owner.accept(first)
    (call,) = await asyncio.wait_for(neighbours.asked.get(), 10)
    owner.accept(second)
    assert (call.kind, orjson.loads(call.data)) == ("validator", {"amount": 42})
    assert log.written == []
    neighbours.answers.put_nowait([ScriptAnswer("true")])
    await asyncio.wait_for(neighbours.asked.get(), 10)
    neighbours.answers.put_nowait([ScriptAnswer("false")])
    await second.done()
    owner.close()
    assert first.acknowledged.is_set()
    assert [(v["run_id"], v["status"]) for v in verdicts(log)] == [
        (RUN, "passed"),
        (other, "failed"),
    ]


async def test_R17_a_batch_waits_until_definitions_are_read_far_enough(
    owner: PartitionOwner, neighbours: Neighbours, log: Log
) -> None:
    neighbours.may_open.clear()
    batch = Batch(source("pay", 5), source("ship", 6))
    owner.accept(batch)
    await asyncio.wait_for(neighbours.opening.wait(), 10)
    await owner.drain(0.05)
    assert log.written == []
    neighbours.may_open.set()
    await batch.done()
    assert len(verdicts(log)) == 1


async def test_draining_finishes_what_is_judged_and_drops_what_is_not(
    owner: PartitionOwner, neighbours: Neighbours, log: Log
) -> None:
    neighbours.may_open.clear()
    judging, waiting = Batch(source("pay", 5)), Batch(source("ship", 6))
    owner.accept(judging)
    await asyncio.wait_for(neighbours.opening.wait(), 10)
    owner.accept(waiting)
    draining = asyncio.create_task(owner.drain(10))
    await asyncio.sleep(0)
    neighbours.may_open.set()
    await draining
    assert judging.acknowledged.is_set()
    assert not waiting.acknowledged.is_set()
    assert owner.close() is True
    assert verdicts(log) == []


async def test_an_owner_closed_with_work_under_way_says_so(owner: PartitionOwner, log: Log) -> None:
    log.block("changelog")
    batch = Batch(source("pay", 5), source("ship", 6))
    owner.accept(batch)
    await log.until(lambda: len(verdicts(log)) == 1)
    await owner.drain(0.01)
    assert owner.close() is False
    assert not batch.acknowledged.is_set()


@pytest.mark.parametrize("broken", ["verdicts", "changelog", "dead-letters"])
async def test_a_write_that_fails_ends_the_worker_and_acknowledges_nothing(
    neighbours: Neighbours, runs: dict[bytes, Any], broken: str
) -> None:
    context = neighbours.context()

    class Broken(Log):
        async def append(self, topic: str, partition: int, records: Any) -> Any:
            if topic == broken:
                raise ConnectionError("the broker is gone")
            return await super().append(topic, partition, records)

    partition = Partition("events", PARTITION, neighbours.definitions, runs=runs)
    owner = PartitionOwner(
        partition, replace(context, log=Broken()), remembered=lambda _offset: None
    )
    owner.start()
    batch = Batch(source("pay", 5), source("ship", 6))
    owner.accept(batch)
    failure = await asyncio.wait_for(neighbours.failures.get(), 10)
    owner.close()
    assert isinstance(failure, ConnectionError)
    assert not batch.acknowledged.is_set()


async def test_a_state_that_cannot_be_decoded_ends_the_worker(
    owner: PartitionOwner, neighbours: Neighbours, runs: dict[bytes, Any]
) -> None:
    runs[f"shop\0{RUN}".encode()] = b"[2,0,0,0,0,0,0,not json"
    batch = Batch(source("pay", 5))
    owner.accept(batch)
    assert isinstance(await asyncio.wait_for(neighbours.failures.get(), 10), ValueError)
    assert not batch.acknowledged.is_set()
