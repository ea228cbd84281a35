"""R7 dependencies, R8 order: what an event needs, how long it waits, and which came first."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.driver import (
    START_NS,
    Log,
    cause,
    causes,
    decided,
    event,
    flow,
    python,
    reading,
    statuses,
    summary,
)

TOLERANCE_NS = 2_000_000_000


def needing(*deps: str, **fields: Any) -> dict[str, Any]:
    """A flow of roots and a node `z` that depends on them."""
    return flow(*({"id": dep} for dep in deps), {"id": "z", "dep_ids": list(deps), **fields})


# -- R7 ----------------------------------------------------------------------------------------


def test_R7_an_event_waits_for_its_dependency_until_grace_is_over():
    """Grace runs from the arrival; the cause is there exactly when it ends."""
    log = Log(needing("a"))
    log.come(event("z", 0), at=300)
    assert log.clock(1_299) == []
    assert summary(log.clock(1_300)) == ["1 failed z dependency"]


def test_R7_grace_runs_from_the_arrival_not_from_the_ts():
    """An event that was long under way waits as long as any other."""
    log = Log(needing("a"))
    log.come(event("z", -60_000), at=0)
    assert log.run_on(999) == []
    assert summary(log.run_on(1_000)) == ["1 failed z dependency"]


def test_R7_a_dependency_within_grace_satisfies():
    """Whoever comes just before grace is over is in time."""
    log = Log(needing("a"))
    log.come(event("z", 10), at=10)
    log.come(event("a", 0), at=1_009)
    assert summary(log.verdicts) == ["1 passed"]


def test_R7_an_instant_fires_before_the_record_that_reaches_it():
    """A dependency that arrives exactly when grace ends is too late; the next revision heals (R13)."""
    log = Log(needing("a"))
    log.come(event("z", 10), at=10)
    log.come(event("a", 0), at=1_010)
    assert summary(log.verdicts) == ["1 failed z dependency", "2 passed"]
    assert [verdict["trigger"] for verdict in log.verdicts] == ["deadline", "event"]


def test_R7_grace_is_an_option_of_the_flow():
    """`grace_ms` sets how long an event waits."""
    log = Log(needing("a") | {"options": {"grace_ms": 1}})
    log.come(event("z", 0), at=0)
    assert summary(log.clock(1)) == ["1 failed z dependency"]


def test_R7_all_names_every_absent_dependency():
    """The reason names each dependency that has not come, and none that has."""
    log = Log(needing("a", "b", "c", "d"))
    log.come(event("b", 0), event("z", 1))
    log.run_on(1_001)
    found = cause(log.last, "z")
    assert found["message"] == "z: came without a, c and d, which did not follow within 1 s"
    assert found["expected"] == "a, c and d before z"
    assert found["event_ids"] == ["z@1"]
    assert found["deadline"] == START_NS + 1_001_000_000


def test_R7_any_needs_one():
    """With `dep_mode: any` the first dependency satisfies."""
    log = Log(needing("a", "b", dep_mode="any"))
    log.come(event("b", 0), event("z", 1))
    assert log.run_on(2_000) == []
    assert summary(log.come(event("a", 2_000))) == ["1 passed"]


def test_R7_any_without_one_names_all():
    """With none of them the reason names every dependency."""
    log = Log(needing("a", "b", dep_mode="any"))
    log.come(event("z", 1))
    assert summary(log.run_on(1_001)) == ["1 failed z dependency"]
    assert cause(log.last, "z")["expected"] == "a and b before z"


def test_R7_each_event_of_a_node_is_judged_for_itself():
    """A second event that lacks what the first one had is a cause of its own."""
    log = Log(needing("a"))
    log.come(event("a", 5_000), event("z", 5_001))
    log.come(event("z", 1), at=5_002)
    log.run_on(6_002)
    assert summary(log.verdicts) == ["1 passed", "2 failed z order"]
    assert cause(log.last, "z")["event_ids"] == ["z@1"]


def test_R7_several_events_share_one_cause():
    """A cause is of a node: its events are listed in order of happening."""
    log = Log(needing("a"))
    log.come(event("z", 1), at=1)
    log.come(event("z", 0), at=2)
    log.run_on(1_002)
    assert summary(log.verdicts) == ["1 failed z dependency"]
    log.come(event("z", 3, run="r2"), event("z", 2, run="r2"), at=5_000)
    log.run_on(6_000)
    found = cause(log.last, "z")
    assert found["event_ids"] == ["z@2", "z@3"]
    assert found["message"].endswith("(and 1 more of its events)")


def test_R7_a_skippable_dependency_does_not_count_beside_another():
    """An optional node that has not come is not waited for, once another dependency is there."""
    log = Log(flow("a", {"id": "gift", "required": False}, {"id": "z", "dep_ids": ["a", "gift"]}))
    log.come(event("a", 0), event("z", 1))
    assert summary(log.verdicts) == ["1 passed"]


@pytest.mark.parametrize("deps", [["gift"], ["gift", "card"]])
def test_R7_something_must_have_come_before(deps: list[str]):
    """Where all dependencies may be skipped and none came, the event lacks them all."""
    nodes = [{"id": dep, "required": False} for dep in deps]
    log = Log(flow(*nodes, {"id": "z", "dep_ids": deps}))
    log.come(event("z", 1))
    assert log.verdicts == []
    assert summary(log.run_on(1_001)) == ["1 failed z dependency"]


def test_R7_a_waiting_event_is_shown_as_waiting():
    """A verdict that is said meanwhile shows which event waits."""
    log = Log(flow("a", "b", {"id": "x", "validator": python("False")}))
    log.come(event("b", 0), event("x", 1))
    assert summary(log.verdicts) == ["1 failed x validator"]
    assert statuses(log.last) == {"a": "pending", "b": "waiting", "x": "failed"}


def test_R7_a_waiting_event_keeps_the_run_from_passing():
    """Something pending is no green, even if all that is owed has come."""
    log = Log(flow("a", {"id": "gift", "dep_ids": ["card"], "required": False}, {"id": "card"}))
    log.come(event("gift", 0), event("a", 0))
    assert log.verdicts == []
    assert summary(log.run_on(1_000)) == ["1 failed gift dependency"]


def test_R7_the_cause_goes_when_the_dependency_comes():
    """A late dependency heals what its absence was (R15)."""
    log = Log(needing("a"))
    log.come(event("z", 1))
    log.run_on(1_001)
    log.come(event("a", 0), at=60_000)
    assert summary(log.verdicts) == ["1 failed z dependency", "2 passed"]


def test_R7_a_dependency_skipped_so_far_counts_once_it_came():
    """What was passed over is a dependency like any other as soon as it has an event."""
    log = Log(flow("a", {"id": "gift", "required": False}, {"id": "z", "dep_ids": ["a", "gift"]}))
    log.come(event("a", 0), event("z", 1))
    log.come(event("gift", 2_002))
    assert summary(log.verdicts) == ["1 passed", "2 failed z order"]


def test_R7_upstream_events_are_listed():
    """The verdict tells which events a node built on."""
    log = Log(needing("a", "b"))
    log.come(event("a", 0), event("b", 1), event("z", 2))
    assert reading(log.last, "z")["upstream_event_ids"] == ["a@0", "b@1"]


# -- R8 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("beyond_ns", "expected"), [(0, "1 passed"), (1, "1 failed z order")])
def test_R8_a_dependency_may_be_later_by_the_tolerance(beyond_ns: int, expected: str):
    """Clocks differ: up to `clock_tolerance_ms` is no disorder, one nanosecond more is."""
    log = Log(needing("a"))
    log.come(event("z", 0), at=3_000)
    log.come(event("a", 0, ts=START_NS + TOLERANCE_NS + beyond_ns), at=3_000)
    log.run_on(4_000)
    assert summary(log.verdicts) == [expected]


def test_R8_the_tolerance_is_an_option_of_the_flow():
    """`clock_tolerance_ms: 0` takes the instants as they are."""
    log = Log(needing("a") | {"options": {"clock_tolerance_ms": 0}})
    log.come(event("z", 0), event("a", 0, run="r2"), event("z", 0, run="r2"), event("a", 1))
    log.run_on(1_000)
    assert [(v["run_id"], v["status"]) for v in log.verdicts] == [
        ("r2", "passed"),
        ("r1", "failed"),
    ]


def test_R8_order_is_judged_after_grace():
    """An earlier event of the dependency may still be under way."""
    log = Log(needing("a"))
    log.come(event("z", 0), event("a", 5_000), at=5_000)
    assert log.clock(5_999) == []
    log.come(event("a", -1), at=5_999)
    assert summary(log.verdicts) == ["1 passed"]


def test_R8_the_reason_has_both_instants():
    """Whoever reads it sees what happened when."""
    log = Log(needing("a"))
    log.come(event("z", 0), event("a", 5_000), at=5_000)
    log.run_on(6_000)
    found = cause(log.last, "z", "order")
    assert found["message"] == ("z: happened at 15:06:40.000 UTC, 5 s before a at 15:06:45.000 UTC")
    assert found["observed"] == "a at 15:06:45.000 UTC, z at 15:06:40.000 UTC"
    assert decided(log.last) == 6_000


def test_R8_all_needs_each_in_order():
    """One dependency in order does not excuse the other."""
    log = Log(needing("a", "b"))
    log.come(event("a", 0), event("z", 1))
    log.run_on(4_999)
    log.come(event("b", 5_000))
    assert summary(log.verdicts) == ["1 failed z dependency", "2 failed z order"]
    assert cause(log.last, "z")["expected"] == "b before z"


def test_R8_any_is_out_of_order_only_if_none_is_in_order():
    """With `dep_mode: any` one in order is enough."""
    log = Log(needing("a", "b", dep_mode="any"))
    log.come(event("a", 0), event("z", 1), event("b", 5_000), at=5_000)
    assert summary(log.verdicts) == ["1 passed"]


def test_R8_any_with_only_later_ones_is_out_of_order():
    """With `dep_mode: any` and none in order, order is the cause, not absence."""
    log = Log(needing("a", "b", "c", dep_mode="any"))
    log.come(event("z", 1), event("a", 5_000), event("b", 6_000), at=6_000)
    log.run_on(7_000)
    assert causes(log.last) == ["z order"]


def test_R8_absent_and_later_are_two_causes():
    """Of two dependencies one absent, one later: both are said."""
    log = Log(needing("a", "b"))
    log.come(event("z", 0), event("a", 5_000), at=5_000)
    log.run_on(6_000)
    assert causes(log.last) == ["z dependency", "z order"]


def test_R8_a_later_dependency_event_does_not_spoil_an_earlier_one():
    """One event in order satisfies, however many follow."""
    log = Log(needing("a"))
    log.come(event("a", 0), event("z", 1), event("a", 60_000))
    assert summary(log.verdicts) == ["1 passed"]


def test_R8_a_skippable_dependency_that_came_later_is_not_skipped():
    """Only a dependency without event is passed over."""
    log = Log(flow("a", {"id": "gift", "required": False}, {"id": "z", "dep_ids": ["a", "gift"]}))
    log.come(event("a", 0), event("z", 1), event("gift", 9_000), at=9_000)
    log.run_on()
    assert causes(log.last) == ["z order"]
