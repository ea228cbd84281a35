"""Lanes: order within a partition, a bounded window, and what still waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from producer_sdk._transport import partition_queues as partition_queues_module
from producer_sdk._transport.partition_queues import Lanes

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


def by_run(lanes: Lanes) -> dict[bytes, list[int]]:
    """Return the events of each run in the order of its lane; a run must be in one lane only."""
    runs: dict[bytes, list[int]] = {}
    for _, lane in lanes.filled():
        own: dict[bytes, list[int]] = {}
        for _, (key, value) in lane:
            own.setdefault(key, []).append(int(value))
        assert runs.keys().isdisjoint(own)
        runs |= own
    return runs


IN_ORDER = {b"run-%d" % run: list(range(run, 100, 10)) for run in range(10)}


@pytest.mark.parametrize("partitions", [1, 3, 8])
def test_each_run_is_in_one_lane_in_order(queue: EventQueue, partitions: int) -> None:
    lanes = Lanes(queue)
    lanes.set_partitions(partitions)
    lanes.fill()
    assert by_run(lanes) == IN_ORDER
    assert len(lanes) == 100
    assert {partition for partition, _ in lanes.filled()} <= set(range(partitions))


@pytest.mark.parametrize("partitions", [1, 2, 8])
def test_other_partitions_keep_the_order(queue: EventQueue, partitions: int) -> None:
    lanes = Lanes(queue)
    lanes.set_partitions(4)
    lanes.fill()
    lanes.set_partitions(partitions)
    assert by_run(lanes) == IN_ORDER
    assert {partition for partition, _ in lanes.filled()} <= set(range(partitions))


def test_the_window_is_not_exceeded(queue: EventQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_queues_module, "_WINDOW_EVENTS", 30)
    lanes = Lanes(queue)
    lanes.set_partitions(4)
    lanes.fill()
    lanes.fill()
    assert len(lanes) == 30
    _, lane = next(lanes.filled())
    lanes.settle(lane, 1, "delivered")
    lanes.fill()
    assert len(lanes) == 30


def test_flush_waits_for_the_lane_that_lags(queue: EventQueue) -> None:
    lanes = Lanes(queue)
    lanes.set_partitions(4)
    lanes.fill()
    slow, *others = [lane for _, lane in lanes.filled()]
    for lane in others:
        lanes.settle(lane, len(lane), "delivered")
    assert not queue.flush(0)
    lanes.settle(slow, len(slow), "delivered")
    assert queue.flush(0)
    assert len(queue) == len(lanes) == 0
