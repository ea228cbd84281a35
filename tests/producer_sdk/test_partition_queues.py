"""Partition queues: order within a partition, a bounded window, and what still waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from producer_sdk._transport import partition_queues as partition_queues_module
from producer_sdk._transport.partition_queues import PartitionQueues

if TYPE_CHECKING:
    from collections.abc import Callable

    from producer_sdk._queue import EventQueue


@pytest.fixture
def queue(make_queue: Callable[..., EventQueue]) -> EventQueue:
    """A queue of the events 0 to 99 of ten runs."""
    queue = make_queue()
    for number in range(100):
        queue.put((b"run-%d" % (number % 10), b"%d" % number))
    return queue


def by_run(queues: PartitionQueues) -> dict[bytes, list[int]]:
    """Return the events of each run in the order of its queue; a run must be in one queue only."""
    runs: dict[bytes, list[int]] = {}
    for _, own_queue in queues.filled():
        own: dict[bytes, list[int]] = {}
        for _, (key, value) in own_queue:
            own.setdefault(key, []).append(int(value))
        assert runs.keys().isdisjoint(own)
        runs |= own
    return runs


IN_ORDER = {b"run-%d" % run: list(range(run, 100, 10)) for run in range(10)}


@pytest.mark.parametrize("partitions", [1, 3, 8])
def test_each_run_is_in_one_queue_in_order(queue: EventQueue, partitions: int) -> None:
    queues = PartitionQueues(queue)
    queues.set_partitions(partitions)
    queues.fill()
    assert by_run(queues) == IN_ORDER
    assert len(queues) == 100
    assert {partition for partition, _ in queues.filled()} <= set(range(partitions))


@pytest.mark.parametrize("partitions", [1, 2, 8])
def test_other_partitions_keep_the_order(queue: EventQueue, partitions: int) -> None:
    queues = PartitionQueues(queue)
    queues.set_partitions(4)
    queues.fill()
    queues.set_partitions(partitions)
    assert by_run(queues) == IN_ORDER
    assert {partition for partition, _ in queues.filled()} <= set(range(partitions))


def test_the_window_is_not_exceeded(queue: EventQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_queues_module, "_WINDOW_EVENTS", 30)
    queues = PartitionQueues(queue)
    queues.set_partitions(4)
    queues.fill()
    queues.fill()
    assert len(queues) == 30
    _, own_queue = next(queues.filled())
    queues.settle(own_queue, 1, "delivered")
    queues.fill()
    assert len(queues) == 30


def test_flush_waits_for_the_partition_that_lags(queue: EventQueue) -> None:
    queues = PartitionQueues(queue)
    queues.set_partitions(4)
    queues.fill()
    slow, *others = [own_queue for _, own_queue in queues.filled()]
    for own_queue in others:
        queues.settle(own_queue, len(own_queue), "delivered")
    assert not queue.flush(0)
    queues.settle(slow, len(slow), "delivered")
    assert queue.flush(0)
    assert len(queue) == len(queues) == 0
