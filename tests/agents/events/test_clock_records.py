"""When the owner of a partition appends a clock record (R13)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.units import NS_PER_MS
from streams.agents.events.clock_records import CLOCK_INTERVAL_NS, ClockRecords

T = 1_700_000_000_000_000_000


@pytest.fixture
def clock() -> ClockRecords:
    return ClockRecords()


def test_nothing_due_needs_no_clock_record(clock: ClockRecords) -> None:
    assert clock.wait_ns(None, T) is None


def test_an_instant_ahead_is_waited_for(clock: ClockRecords) -> None:
    assert clock.wait_ns(T + 5 * NS_PER_MS, T) == 5 * NS_PER_MS


def test_an_instant_behind_needs_a_clock_record_at_once(clock: ClockRecords) -> None:
    assert clock.wait_ns(T, T + 5 * NS_PER_MS) == 0


@pytest.mark.parametrize("later_ms", [0, 1, 1_000])
def test_a_record_in_the_log_that_passes_the_instant_makes_one_needless(
    clock: ClockRecords, later_ms: int
) -> None:
    clock.seen(T + later_ms * NS_PER_MS, T + 2_000 * NS_PER_MS)
    assert clock.wait_ns(T, T + 2_000 * NS_PER_MS) is None


def test_an_acknowledged_clock_record_passes_its_instant_before_it_is_read(
    clock: ClockRecords,
) -> None:
    clock.appended(T)
    clock.acknowledged(T + 1 * NS_PER_MS, sent_ns=T, now_ns=T + 3 * NS_PER_MS)
    assert clock.wait_ns(T, T + 3 * NS_PER_MS) is None
    assert clock.wait_ns(T + 30 * NS_PER_MS, T + 30 * NS_PER_MS) == 0


def test_clock_records_keep_their_distance(clock: ClockRecords) -> None:
    clock.appended(T)
    assert clock.wait_ns(T, T + 5 * NS_PER_MS) == CLOCK_INTERVAL_NS - 5 * NS_PER_MS


def test_a_clock_ahead_of_the_brokers_waits_for_the_broker(clock: ClockRecords) -> None:
    """Without it, a worker that is 5 s ahead would append 250 records that pass nothing."""
    sent = T + 5_000 * NS_PER_MS
    clock.appended(sent)
    clock.acknowledged(T, sent_ns=sent, now_ns=sent + 2 * NS_PER_MS)
    wait = clock.wait_ns(T + 1_000 * NS_PER_MS, sent + 2 * NS_PER_MS)
    assert wait is not None
    assert 990 * NS_PER_MS <= wait <= 1_000 * NS_PER_MS


def test_a_clock_behind_the_brokers_does_not_make_deadlines_late(clock: ClockRecords) -> None:
    clock.seen(T + 5_000 * NS_PER_MS, T)
    assert clock.wait_ns(T + 6_000 * NS_PER_MS, T + 1_000 * NS_PER_MS) == 0


def test_old_records_say_nothing_about_the_clocks(clock: ClockRecords) -> None:
    clock.seen(T - 3_600_000 * NS_PER_MS, T)
    assert clock.wait_ns(T + 1_000 * NS_PER_MS, T) == 1_000 * NS_PER_MS


@given(
    difference_ms=st.integers(-10_000, 10_000),
    trip_ms=st.integers(0, 200),
    due_in_ms=st.integers(1, 20_000),
)
def test_a_clock_record_is_never_appended_before_the_broker_has_reached_the_instant(
    difference_ms: int, trip_ms: int, due_in_ms: int
) -> None:
    """Once one acknowledgement has been seen, whatever the clocks differ by, up to the trip's time."""
    clock = ClockRecords()
    sent, trip = T, trip_ms * NS_PER_MS
    stamped = (sent + trip // 2 + difference_ms * NS_PER_MS) // NS_PER_MS * NS_PER_MS
    clock.appended(sent)
    clock.acknowledged(stamped, sent_ns=sent, now_ns=sent + trip)
    due = stamped + due_in_ms * NS_PER_MS
    wait = clock.wait_ns(due, sent + trip)
    assert wait is not None
    broker_then = sent + trip + wait + difference_ms * NS_PER_MS
    assert broker_then >= due - trip - NS_PER_MS
    assert broker_then <= due + trip + CLOCK_INTERVAL_NS + NS_PER_MS
