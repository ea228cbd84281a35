"""The short form of `make soak`, and that it would see what must not happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.soak.__main__ import Found, Plan, soak
from tests.soak.service import RUNS, Recorded
from tests.soak.topic import Arrived, Comparison

if TYPE_CHECKING:
    from streams.dev_broker import Broker

ID, OTHER_ID = "019c2f6e-7d3a-7b22-8f8b-8a2e50533f00", "019c2f6e-7d3a-7b22-8f8b-8a2e50533f01"


@pytest.mark.slow
def test_all_that_a_service_records_arrives_in_order_though_its_broker_is_killed(
    own_kafka: Broker,
) -> None:
    found = soak(own_kafka, Plan(seconds=24.0, per_second=2_000, restarts=1))
    assert found.recorded.sent >= 48_000
    assert found.recorded.most_waiting > 2_000  # of the outage, which lasts longer than a second
    assert found.faults() == []


def test_every_event_is_told_apart_from_its_copies() -> None:
    comparison = Comparison(sent=2 * RUNS)
    for number, event_id in ((0, ID), (0, ID), (0, OTHER_ID), (1, ID)):
        comparison.take(number, event_id)
    assert comparison.arrived == Arrived(received=2, duplicates=1, renamed=1)


def test_an_event_that_comes_after_a_later_one_of_its_run_is_out_of_order() -> None:
    comparison = Comparison(sent=2 * RUNS)
    for number in (RUNS, 1, 0):
        comparison.take(number, ID)
    assert comparison.arrived == Arrived(received=3, out_of_order=1)


@pytest.mark.parametrize(
    ("arrived", "flushed", "memory_mib", "fault"),
    [
        (Arrived(received=9), True, [30.0, 30.0], "1 events are lost"),
        (Arrived(10, renamed=1), True, [30.0, 30.0], "1 events came twice"),
        (Arrived(10, out_of_order=1), True, [30.0, 30.0], "1 events are out of the order"),
        (Arrived(10), False, [30.0, 30.0], "the SDK could not deliver all"),
        (Arrived(10), True, [30.0, 30.0, 50.0], "memory grew by 20.0 MiB"),
        (Arrived(10), True, [30.0, 50.0], "outages left 20.0 MiB behind"),
    ],
)
def test_what_is_wrong_is_said(
    arrived: Arrived, flushed: bool, memory_mib: list[float], fault: str
) -> None:
    recorded = Recorded(10, 0, 1.0, flushed, {})
    assert fault in ", ".join(Found(recorded, arrived, memory_mib, []).faults())


def test_a_copy_with_the_same_id_is_no_fault() -> None:
    recorded = Recorded(10, 0, 1.0, True, {})
    assert Found(recorded, Arrived(10, duplicates=3), [30.0, 31.0], []).faults() == []
