"""R25 stamped late: events of clients that stamp when they send a batch are judged with more patience."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.units import NS_PER_MS
from tests.engine.driver import START_NS, Log, causes, event, flow, summary, timeout


def stamped(node: str, at: int, **fields: Any) -> Any:
    """An event whose instant is that of its batch."""
    return event(node, at, stamped="flush", **fields)


def test_R25_a_stamped_event_waits_6_s_for_its_dependency():
    """Its `grace_ms` is at least 6 000."""
    log = Log(flow("a", "b"))
    log.come(stamped("b", 0))
    assert log.run_on(5_999) == []
    assert summary(log.run_on(6_000)) == ["1 failed b dependency"]


def test_R25_the_other_event_does_not():
    """An event that was stamped when it happened waits `grace_ms`, whoever else is in the run."""
    log = Log(flow("a", "b", {"id": "x"}))
    log.come(stamped("x", 0), event("b", 0))
    assert summary(log.run_on(1_000)) == ["1 failed b dependency"]


def test_R25_a_longer_grace_stays():
    """At least 6 000: more is more."""
    log = Log(flow("a", "b", grace_ms=8_000))
    log.come(stamped("b", 0))
    assert log.run_on(7_999) == []
    assert summary(log.run_on(8_000)) == ["1 failed b dependency"]


@pytest.mark.parametrize("which", ["the event", "its dependency"])
@pytest.mark.parametrize(("beyond_ns", "expected"), [(0, []), (1, ["b order"])])
def test_R25_order_is_judged_with_6_s_of_tolerance(which: str, beyond_ns: int, expected: list[str]):
    """Be it the event or its dependency that was stamped late."""
    log = Log(flow("a", "b"))
    late: dict[str, Any] = {"ts": START_NS + 6_000 * NS_PER_MS + beyond_ns}
    if which == "the event":
        log.come(stamped("b", 0), event("a", 0, **late), at=6_001)
    else:
        log.come(event("b", 0), stamped("a", 0, **late), at=6_001)
    log.run_on()
    assert log.end().causes == expected


def test_R25_a_dependency_that_was_stamped_when_it_happened_is_judged_as_ever():
    """A stamped event elsewhere in the run, or later of the same node, changes nothing for it."""
    log = Log(flow("a", "b", {"id": "x"}))
    log.come(stamped("x", 0), event("b", 0), event("a", 2_001), stamped("a", 6_001), at=6_001)
    log.run_on()
    assert causes(log.last) == ["b order"]


def test_R25_a_longer_tolerance_stays():
    """At least 6 000: more is more."""
    log = Log(flow("a", "b", clock_tolerance_ms=9_000))
    log.come(stamped("b", 0), event("a", 9_000), at=9_000)
    assert summary(log.verdicts) == ["1 passed"]


@pytest.mark.parametrize("which", ["a", "b"])
@pytest.mark.parametrize(("at", "expected"), [(7_000, "1 passed"), (7_001, "1 failed b late")])
def test_R25_a_timeout_in_which_one_takes_part_is_longer(which: str, at: int, expected: str):
    """Whether the base or the event was stamped late: T and 6 000."""
    log = Log(flow("a", {"id": "b", "dep_ids": ["a"], "conditions": timeout(1_000)}))
    for node, instant in (("a", 0), ("b", at)):
        log.come((stamped if node == which else event)(node, instant))
    log.run_on()
    assert summary(log.verdicts)[-1].split(" ", 1)[1] == expected.split(" ", 1)[1]


def test_R25_a_timeout_in_which_none_takes_part_is_as_stated():
    """A stamped event that is neither base nor judged lengthens nothing."""
    log = Log(flow("a", {"id": "b", "dep_ids": ["a"], "conditions": timeout(1_000)}, {"id": "x"}))
    log.come(stamped("x", 0), event("a", 0), event("b", 1_001))
    assert causes(log.last) == ["b late"]


def test_R25_absence_waits_for_both():
    """With a stamped base T is longer by 6 000, and so is the grace behind it."""
    log = Log(flow("a", {"id": "b", "dep_ids": ["a"], "conditions": timeout(1_000)}))
    log.come(stamped("a", 0))
    assert log.run_on(13_999) == []
    assert summary(log.run_on(14_000)) == ["1 failed b timeout"]


def test_R25_absence_waits_longer_in_a_run_that_has_one():
    """Who stamped one event late may do so with the one that is waited for."""
    log = Log(flow("a", {"id": "b", "dep_ids": ["a"], "conditions": timeout(1_000)}, {"id": "x"}))
    log.come(stamped("x", 0), event("a", 0))
    assert log.run_on(7_999) == []
    assert summary(log.run_on(8_000)) == ["1 failed b timeout"]


def test_R25_it_is_remembered_by_a_stored_run():
    """A restart makes nobody less patient."""
    log = Log(flow("a", "b"))
    log.come(stamped("b", 0))
    log.restart()
    assert log.run_on(5_999) == []
    assert summary(log.run_on(6_000)) == ["1 failed b dependency"]


def test_R25_one_dependency_gives_data_with_the_same_tolerance():
    """What satisfies an event is what its scripts see (R5)."""
    log = Log(
        flow("a", {"id": "b", "dep_ids": ["a"], "validator": {"engine": "python", "script": "ctx['data'] == {}"}})
    )  # fmt: skip
    log.come(stamped("b", 0), event("a", 6_000), at=6_000)
    assert summary(log.verdicts) == ["1 passed"]
