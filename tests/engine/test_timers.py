"""Due instants, outages and the wheel."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.units import NS_PER_MS
from streams.engine.records import OUTAGE_NS
from streams.engine.run.timers import (
    OUTAGE_GRACE_NS,
    Outage,
    Waking,
    Wheel,
    ceil_ms,
    due,
)


@pytest.mark.parametrize(
    ("instant_ns", "rounded_ns"),
    [
        (0, 0),
        (1, NS_PER_MS),
        (NS_PER_MS - 1, NS_PER_MS),
        (NS_PER_MS, NS_PER_MS),
        (NS_PER_MS + 1, 2 * NS_PER_MS),
        (-1, 0),
        (-NS_PER_MS, -NS_PER_MS),
    ],
)
def test_instants_are_rounded_up_to_whole_milliseconds(instant_ns: int, rounded_ns: int):
    """As record timestamps are, so that a clock record can reach them."""
    assert ceil_ms(instant_ns) == rounded_ns
    assert due(instant_ns, []) == rounded_ns


GAP = Outage(start_ns=1_000 * NS_PER_MS, end_ns=10_000 * NS_PER_MS)
MOVED = GAP.end_ns + OUTAGE_GRACE_NS


@pytest.mark.parametrize(
    ("instant_ms", "due_ns"),
    [
        (999, 999 * NS_PER_MS),
        (1_000, 1_000 * NS_PER_MS),
        (1_001, MOVED),
        (7_999, MOVED),
        (8_000, 8_000 * NS_PER_MS),
        (10_001, 10_001 * NS_PER_MS),
    ],
    ids=["before", "at its start", "in it", "last swallowed", "within 2 s of its end", "behind"],
)
def test_an_outage_moves_what_it_swallowed(instant_ms: int, due_ns: int):
    """What fell due inside, but for the last 2 s, waits until producers could send (R27)."""
    assert OUTAGE_NS == 2_000 * NS_PER_MS
    assert due(instant_ms * NS_PER_MS, [GAP]) == due_ns


def test_a_second_outage_moves_it_again():
    """An instant goes through the outages in turn."""
    second = Outage(MOVED - 5, MOVED + 60_000 * NS_PER_MS)
    assert due(2_000 * NS_PER_MS, [GAP, second]) == second.end_ns + OUTAGE_GRACE_NS


def waking(due_ns: int, key: bytes, offset: int = 0) -> Waking:
    """An entry of the wheel."""
    return (due_ns, offset, key)


def test_an_empty_wheel_is_due_never():
    """Nothing waits, nothing is taken."""
    wheel = Wheel()
    assert (len(wheel), wheel.next_due_ns(), wheel.take_due(10**30)) == (0, None, [])


def test_what_is_due_is_taken_once_in_order():
    """Up to the instant, inclusive; ties in the order in which the runs opened."""
    wheel = Wheel()
    for entry in (waking(3, b"c"), waking(2, b"y", 1), waking(2, b"x", 2), waking(4, b"d")):
        wheel.schedule(entry)
    assert wheel.next_due_ns() == 2
    assert [key for _, _, key in wheel.take_due(3)] == [b"y", b"x", b"c"]
    assert wheel.take_due(3) == []
    assert (len(wheel), wheel.next_due_ns()) == (1, 4)


def test_an_earlier_instant_replaces_a_later_one():
    """A run is looked at by its earliest instant, and once."""
    wheel = Wheel()
    wheel.schedule(waking(5, b"a"))
    wheel.schedule(waking(2, b"a"))
    assert wheel.take_due(9) == [waking(2, b"a")]
    assert len(wheel) == 0


def test_a_later_instant_changes_nothing():
    """The entry stays where it is: whoever takes it looks and puts it in again."""
    wheel = Wheel()
    wheel.schedule(waking(2, b"a"))
    wheel.schedule(waking(5, b"a"))
    assert wheel.take_due(3) == [waking(2, b"a")]
    wheel.schedule(waking(5, b"a"))
    assert wheel.take_due(5) == [waking(5, b"a")]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.integers(0, 20), st.sampled_from([b"a", b"b", b"c"])), st.integers(0, 20)
        ),
        max_size=30,
    )
)
def test_a_wheel_keeps_every_promise(steps: list[tuple[int, bytes] | int]):
    """No run is looked at later than the earliest instant that was asked for, and none twice."""
    wheel = Wheel()
    promised: dict[bytes, int] = {}
    for step in steps:
        if isinstance(step, tuple):
            due_ns, key = step
            wheel.schedule(waking(due_ns, key))
            promised[key] = min(due_ns, promised.get(key, due_ns))
        else:
            taken = {key: due_ns for due_ns, _, key in wheel.take_due(step)}
            assert taken == {key: due_ns for key, due_ns in promised.items() if due_ns <= step}
            promised = {key: due_ns for key, due_ns in promised.items() if due_ns > step}
        assert len(wheel) == len(promised)
