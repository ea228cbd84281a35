"""The partitions of a worker, through rebalances."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import faust
import pytest
from faust.types import TP

from streams.agents.events import assigned_partitions as assigned_module
from streams.agents.events.assigned_partitions import AssignedPartitions
from streams.engine.definitions.registry import Definitions
from streams.errors import DulyError, UnreadableState
from streams.faust_batches.run_table import RunTable
from tests.support.kafka_records import T_MS, event, record, run_on
from tests.support.log_in_memory import Batch, Log, Neighbours

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

SHOP = {"flow": "shop", "nodes": [{"id": "pay"}, {"id": "ship", "dep_ids": ["pay"]}]}


class Waiting(Neighbours):
    """A sandbox whose engine does not work."""

    reason: str | None = None

    def why_waiting(self) -> str | None:
        return self.reason


class Group:
    """A worker in a group whose assignment a test decides."""

    def __init__(self) -> None:
        definitions = Definitions({})
        definitions.publish(SHOP)
        self.log = Log()
        self.table = RunTable(
            faust.App("app", store="memory://", autodiscover=False), name="runs", partitions=4
        )
        self.assigned: set[TP] = set()
        self.neighbours = Waiting(self.log, definitions)
        self.partitions = AssignedPartitions(
            self.table, definitions, self.neighbours.context(), assigned=lambda: self.assigned
        )

    @property
    def store(self) -> Any:
        return cast("Any", self.table).data

    async def rebalance(self, *partitions: int) -> None:
        """Do as Faust does: drain, give up, let the store forget, recover, open."""
        await self.partitions.drain()
        self.partitions.close()
        topics = (self.table.changelog_topic_name, "events")
        self.assigned = {TP(topic, partition) for topic in topics for partition in partitions}
        await self.store.on_rebalance(self.assigned, set(), set())
        self.partitions.open()


@pytest.fixture
async def group() -> AsyncGenerator[Group]:
    group = Group()
    yield group
    group.partitions.close()


def batch(partition: int, *nodes: str, offset: int = 0) -> Batch:
    run_id = run_on(partition)
    return Batch(
        *(
            record(
                event(node, run_id=run_id),
                key=run_id.encode(),
                partition=partition,
                offset=offset + number,
                timestamp_ms=T_MS + number,
            )
            for number, node in enumerate(nodes)
        )
    )


async def test_each_batch_goes_to_the_owner_of_its_partition(group: Group) -> None:
    await group.rebalance(0, 3)
    batches = [batch(0, "pay", "ship"), batch(3, "pay", "ship")]
    for fetched in batches:
        group.partitions.deliver(fetched)
        await fetched.done()
    partitions = [number for topic, number, _ in group.log.written if topic == "verdicts"]
    assert partitions == [0, 3]


async def test_a_batch_of_another_workers_partition_is_left_alone(group: Group) -> None:
    await group.rebalance(0)
    stray = batch(1, "pay", "ship")
    group.partitions.deliver(stray)
    ours = batch(0, "pay", "ship")
    group.partitions.deliver(ours)
    await ours.done()
    assert not stray.acknowledged.is_set()
    assert {number for _, number, _ in group.log.written} == {0}


async def test_a_partition_that_stays_goes_on_with_its_live_runs(group: Group) -> None:
    await group.rebalance(0)
    opened = batch(0, "pay")
    group.partitions.deliver(opened)
    await opened.done()
    await group.rebalance(0, 1)
    finished = batch(0, "ship", offset=10)
    group.partitions.deliver(finished)
    await finished.done()
    assert len(group.log.of("verdicts")) == 1


async def test_a_partition_given_up_with_work_under_way_is_read_anew(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.agents.events.assigned_partitions.DRAIN_TIMEOUT_S", 0.01)
    await group.rebalance(0)
    group.log.block("changelog")
    lost = batch(0, "pay", "ship")
    group.partitions.deliver(lost)
    await group.log.until(lambda: len(group.log.of("verdicts")) == 1)
    runs = group.store.runs(0)
    await group.rebalance(0)
    assert group.store.runs(0) is not runs
    group.log.unblock("changelog")
    again = Batch(*lost.message.value)
    group.partitions.deliver(again)
    await again.done()
    first, second = group.log.of("verdicts")
    assert first.value == second.value, "what is judged again is said again, word for word"


async def test_partitions_are_not_opened_over_work_under_way(group: Group) -> None:
    await group.rebalance(0)
    group.log.block("changelog")
    group.partitions.deliver(batch(0, "pay", "ship"))
    await group.log.until(lambda: len(group.log.of("verdicts")) == 1)
    with pytest.raises(DulyError, match="came anew"):
        group.partitions.open()


async def test_partitions_are_not_opened_on_states_that_cannot_be_read(group: Group) -> None:
    group.store.failure = UnreadableState("app-runs-changelog-0")
    with pytest.raises(UnreadableState):
        await group.rebalance(0)


async def test_a_partition_that_waits_for_a_script_engine_is_not_ready_and_not_stuck(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A liveness probe must not restart what the sandbox ends itself, after its own bound."""
    monkeypatch.setattr(assigned_module, "STUCK_S", -1.0)
    await group.rebalance(1)
    group.neighbours.may_open.clear()
    group.partitions.deliver(batch(1, "pay"))
    await asyncio.wait_for(group.neighbours.opening.wait(), 10)
    assert group.partitions.why_stuck() is not None
    group.neighbours.reason = "the script engine js has not worked for 61 s"
    assert group.partitions.why_stuck() is None
    assert group.partitions.why_not_ready() == group.neighbours.reason
