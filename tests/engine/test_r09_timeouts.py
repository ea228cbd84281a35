"""R9 late, R10 absence with a deadline: `timeout_ms`, for events that come and for those that do not."""

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
    timeout,
)

T_NS = 1_000_000_000


def timed(*deps: str, ms: int = 1_000, **fields: Any) -> dict[str, Any]:
    """A flow of roots and a node `z` that must follow them within `ms`."""
    node = {"id": "z", "dep_ids": list(deps), "conditions": timeout(ms), **fields}
    return flow(*({"id": dep} for dep in deps), node)


# -- R9 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("beyond_ns", "expected"), [(0, "1 passed"), (1, "1 failed z late")])
def test_R9_an_event_may_come_up_to_base_plus_timeout(beyond_ns: int, expected: str):
    """The limit is exact to the nanosecond: tolerance does not extend it."""
    log = Log(timed("a"))
    log.come(event("a", 0), event("z", 0, ts=START_NS + T_NS + beyond_ns))
    assert summary(log.verdicts) == [expected]


def test_R9_late_is_judged_by_ts_not_by_arrival():
    """An event that happened in time is in time, however long it was under way."""
    log = Log(timed("a"))
    log.come(event("a", 0), event("z", 999), at=60_000)
    assert summary(log.verdicts) == ["1 passed"]


def test_R9_the_reason_tells_the_overrun():
    """How much too late, after what, and what the deadline was."""
    log = Log(timed("a"))
    log.come(event("a", 0), event("z", 3_500))
    found = cause(log.last, "z", "late")
    assert found["message"] == (
        "z: came 2.5 s too late, due 1 s after a (deadline 15:06:41.000 UTC)"
    )
    assert found["deadline"] == START_NS + T_NS
    assert found["observed"] == "an event at 15:06:43.500 UTC"


def test_R9_base_is_the_latest_dependency_event_not_after_it():
    """Each further event of the dependency gives new time."""
    log = Log(timed("a"))
    log.come(event("a", 0), event("a", 600), event("z", 1_600))
    assert summary(log.verdicts) == ["1 passed"]


def test_R9_base_is_the_latest_of_all_dependencies():
    """Time runs from the dependency that was done last."""
    log = Log(timed("a", "b"))
    log.come(event("a", 0), event("b", 900), event("z", 1_900))
    assert summary(log.verdicts) == ["1 passed"]


def test_R9_a_dependency_event_after_it_is_no_base():
    """An event after the judged one, within tolerance or not, gives it no time."""
    log = Log(timed("a"))
    log.come(event("a", 0), event("a", 1_300), event("z", 1_200), at=1_300)
    assert summary(log.verdicts) == ["1 failed z late"]
    assert "came 200 ms too late" in cause(log.last, "z")["message"]


def test_R9_a_dependency_that_is_all_after_it_gives_no_base():
    """Another dependency that came before it does."""
    log = Log(timed("a", "b"))
    log.come(event("b", 0), event("a", 1_300), event("z", 1_200), at=1_300)
    assert summary(log.verdicts) == ["1 failed z late"]
    assert "due 1 s after b" in cause(log.last, "z")["message"]


def test_R9_where_all_are_after_it_an_event_is_its_own_base():
    """Clocks that differ make nobody late."""
    log = Log(timed("a", ms=1))
    log.come(event("a", 1_500), event("z", 0), at=1_500)
    assert summary(log.verdicts) == ["1 passed"]


def test_R9_without_dependencies_time_runs_from_the_first_event_of_the_run():
    """A root with a timeout must follow whatever came first."""
    for at, expected in ((1_000, "1 passed"), (1_001, "1 failed z late")):
        log = Log(flow("a", {"id": "z", "conditions": timeout(1_000)}))
        log.come(event("a", 0), event("z", at))
        assert summary(log.verdicts) == [expected]


def test_R9_the_first_event_of_the_run_is_not_late():
    """A root that comes first is its own base, and only its earliest event must be in time."""
    log = Log(flow({"id": "z", "conditions": timeout(1)}, {"id": "a"}))
    log.come(event("z", 0), event("z", 500), event("a", 600))
    assert summary(log.verdicts) == ["1 passed"]


def test_R9_an_earlier_first_event_makes_a_root_late():
    """The base follows what is known of the run: an older event that arrives last moves it."""
    log = Log(flow({"id": "z", "conditions": timeout(1_000)}, {"id": "a"}))
    log.come(event("z", 2_000), event("a", 999), at=2_000)
    assert summary(log.verdicts) == ["1 failed z late"]


def test_R9_an_excluded_event_is_no_base():
    """What does not count starts no time, neither for dependants nor for roots."""
    log = Log(timed("a"), flow({"id": "z", "conditions": timeout(1_000)}, {"id": "a"}, name="g"))
    log.come(event("a", 0), event("a", 600, filter=False), event("z", 1_001))
    assert causes(log.last) == ["z late"]
    log.come(event("a", 0, flow="g", filter=False), event("z", 1_500, flow="g"))
    log.come(event("a", 1_600, flow="g"))
    assert log.last["status"] == "passed"


def test_R9_of_events_with_one_base_only_the_earliest_must_be_in_time():
    """A step that is reported again later was still done in time."""
    log = Log(timed("a"))
    log.come(event("a", 0), event("z", 1_000), event("z", 9_000))
    assert summary(log.verdicts) == ["1 passed"]


def test_R9_each_base_wants_an_event_in_time():
    """A second round is judged for itself."""
    log = Log(timed("a"))
    log.come(event("a", 0), event("z", 500), event("a", 2_000), event("z", 3_001))
    assert summary(log.verdicts) == ["1 passed", "2 failed z late"]
    assert cause(log.last, "z")["event_ids"] == ["z@3001"]


def test_R9_an_earlier_event_that_arrives_later_heals():
    """The earliest event of a base decides, whenever it arrives."""
    log = Log(timed("a"))
    log.come(event("a", 0), event("z", 1_500))
    log.come(event("z", 900), at=2_000)
    assert summary(log.verdicts) == ["1 failed z late", "2 passed"]


def test_R9_a_dependency_event_that_arrives_later_heals():
    """The base is what is known of it now."""
    log = Log(timed("a"))
    log.come(event("a", 0), event("z", 1_500))
    log.come(event("a", 600), at=2_000)
    assert summary(log.verdicts) == ["1 failed z late", "2 passed"]


def test_R9_a_late_event_satisfies_its_dependants():
    """Too late is the fault of one node alone."""
    log = Log(flow("a", {"id": "b", "dep_ids": ["a"], "conditions": timeout(1)}, "c"))
    log.come(event("a", 0), event("b", 500), event("c", 501))
    log.run_on()
    assert summary(log.verdicts) == ["1 failed b late"]
    assert log.end().nodes["c"] == "passed"


def test_R9_late_and_invalid_are_two_causes():
    """An event can be wrong in more than one way."""
    log = Log(timed("a", validator=python("False")))
    log.come(event("a", 0), event("z", 1_500))
    assert summary(log.verdicts) == ["1 failed z late z validator"]


def test_R9_a_timeout_of_zero_is_none():
    """`timeout_ms: 0` states no limit."""
    log = Log(timed("a", ms=0))
    log.come(event("a", 0), event("z", 60_000))
    assert summary(log.verdicts) == ["1 passed"]


# -- R10 ----------------------------------------------------------------------------------------


def test_R10_an_owed_node_times_out_at_deadline_plus_grace():
    """Not a millisecond before, and exactly then."""
    log = Log(timed("a"))
    log.come(event("a", 0))
    assert log.clock(1_999) == []
    assert summary(log.clock(2_000)) == ["1 failed z timeout"]
    assert (decided(log.last), log.last["trigger"]) == (2_000, "deadline")


def test_R10_due_instants_are_whole_milliseconds_rounded_up():
    """A base with a fraction of a millisecond fires at the next whole one."""
    log = Log(timed("a"))
    log.come(event("a", 0, ts=START_NS + 1))
    assert log.clock(2_000) == []
    assert summary(log.clock(2_001)) == ["1 failed z timeout"]
    assert decided(log.last) == 2_001


def test_R10_the_reason_reads_as_in_the_law():
    """Node, time allowed, after what, and the deadline."""
    log = Log(timed("a", ms=5_000))
    log.come(event("a", 120))
    log.run_on()
    found = cause(log.last, "z")
    assert found["message"] == "z: no event within 5 s after a (deadline 15:06:45.120 UTC)"
    assert found["deadline"] == START_NS + 5_120_000_000
    assert reading(log.last, "z")["deadline_ns"] == found["deadline"]
    assert found["event_ids"] == []


def test_R10_an_event_ends_the_wait():
    """Once the node has come nothing times out."""
    log = Log(timed("a"))
    log.come(event("a", 0), event("z", 1))
    log.run_on()
    assert summary(log.verdicts) == ["1 passed"]


def test_R10_base_is_the_latest_event_of_the_dependencies():
    """Each further event of a dependency that changes base starts the wait anew."""
    log = Log(timed("a"))
    log.come(event("a", 0), event("a", 800))
    assert log.run_on(2_799) == []
    assert summary(log.run_on(2_800)) == ["1 failed z timeout"]


def test_R10_an_older_event_does_not_change_base():
    """What happened before the base changes nothing."""
    log = Log(timed("a"))
    log.come(event("a", 0))
    log.come(event("a", -100), at=900)
    assert summary(log.run_on(2_000)) == ["1 failed z timeout"]


def test_R10_no_deadline_lies_before_the_arrival_that_made_it():
    """A producer that was cut off sends old events late; what follows them comes right behind."""
    log = Log(timed("a"))
    log.come(event("a", 0), at=60_000)
    assert log.clock(60_999) == []
    assert summary(log.clock(61_000)) == ["1 failed z timeout"]
    assert cause(log.last, "z")["deadline"] == START_NS + 60_000_000_000


def test_R10_no_new_value_lies_before_the_arrival_that_made_it():
    """The same for a deadline that got its present value by a late event."""
    log = Log(timed("a"))
    log.come(event("a", 0))
    log.come(event("a", 100), at=1_900)
    assert log.clock(2_899) == []
    assert summary(log.clock(2_900)) == ["1 failed z timeout"]


def test_R10_a_new_base_takes_the_timeout_back():
    """The wait starts anew: the verdict stands until it is over, and then there is nothing new."""
    log = Log(timed("a"))
    log.come(event("a", 0))
    log.run_on(2_000)
    log.come(event("a", 3_000))
    assert log.run_on(4_999) == []
    log.come(event("z", 3_500), at=4_999)
    assert summary(log.verdicts) == ["1 failed z timeout", "2 passed"]


def test_R10_the_same_timeout_twice_is_said_once():
    """A timeout that comes back is the same cause (R15)."""
    log = Log(timed("a"))
    log.come(event("a", 0))
    log.run_on(2_000)
    log.come(event("a", 3_000))
    log.run_on()
    assert summary(log.verdicts) == ["1 failed z timeout"]


def test_R10_without_its_dependencies_a_node_has_no_deadline():
    """What nobody started cannot be late: the window decides."""
    log = Log(flow("a", "b", {"id": "z", "dep_ids": ["b"], "conditions": timeout(1_000)}))
    log.come(event("a", 0))
    assert summary(log.run_on()) == ["1 incomplete b missing z unreached"]


def test_R10_all_dependencies_must_be_there():
    """With `all` the deadline comes to be with the last dependency."""
    log = Log(timed("a", "b"))
    log.come(event("a", 0), event("b", 5_000))
    assert log.run_on(6_999) == []
    assert summary(log.run_on(7_000)) == ["1 failed z timeout"]


def test_R10_any_has_a_deadline_from_the_first_and_moves_with_the_next():
    """With `any` one dependency starts the wait, the next starts it anew."""
    log = Log(timed("a", "b", dep_mode="any"))
    log.come(event("a", 0), event("b", 1_500))
    assert log.run_on(3_499) == []
    assert summary(log.run_on(3_500)) == ["1 failed z timeout"]


def test_R10_a_skippable_dependency_does_not_hold_the_deadline():
    """An optional node that has not come is not waited for."""
    log = Log(
        flow(
            "a",
            {"id": "gift", "required": False},
            {"id": "z", "dep_ids": ["a", "gift"], "conditions": timeout(1_000)},
        )
    )
    log.come(event("a", 0))
    assert summary(log.run_on(2_000)) == ["1 failed z timeout"]


def test_R10_a_root_times_out_from_the_first_event_of_the_run():
    """As in R9: a root that is owed has the run's first event as its base."""
    log = Log(flow("a", {"id": "z", "conditions": timeout(1_000)}))
    log.come(event("a", 0))
    assert log.clock(1_999) == []
    assert summary(log.clock(2_000)) == ["1 failed z timeout"]


def test_R10_what_may_be_skipped_does_not_time_out():
    """A node that is not required is owed by nobody, deadline or not."""
    log = Log(timed("a", required=False))
    log.come(event("a", 0))
    log.run_on()
    assert summary(log.verdicts) == ["1 passed"]


def test_R10_two_deadlines_at_one_instant_are_one_verdict():
    """All that is due in a run at one instant is judged together (R15)."""
    nodes = [{"id": n, "dep_ids": ["a"], "conditions": timeout(1_000)} for n in ("x", "y")]
    log = Log(flow("a", *nodes))
    log.come(event("a", 0))
    log.run_on()
    assert summary(log.verdicts) == ["1 failed x timeout y timeout"]


def test_R10_two_deadlines_at_two_instants_are_two_verdicts():
    """Each instant speaks for itself, and the causes add up."""
    nodes = [
        {"id": n, "dep_ids": ["a"], "conditions": timeout(ms)} for n, ms in (("x", 1), ("y", 2))
    ]
    log = Log(flow("a", *nodes))
    log.come(event("a", 0))
    log.run_on()
    assert summary(log.verdicts) == ["1 failed x timeout", "2 failed x timeout y timeout"]
    assert statuses(log.verdicts[0]) == {"a": "passed", "x": "failed", "y": "pending"}
    assert reading(log.verdicts[0], "y")["deadline_ns"] == START_NS + 2_000_000


def test_R10_an_event_that_was_in_time_takes_the_timeout_back():
    """An event that was long under way heals: late is judged by its ts."""
    log = Log(timed("a"))
    log.come(event("a", 0))
    log.run_on(2_000)
    log.come(event("z", 1_000), at=9_000)
    assert summary(log.verdicts) == ["1 failed z timeout", "2 passed"]


def test_R10_an_event_that_was_late_replaces_the_timeout():
    """Absent, then late: the cause is another one, and so is the revision."""
    log = Log(timed("a"))
    log.come(event("a", 0))
    log.run_on(2_000)
    log.come(event("z", 9_000))
    assert summary(log.verdicts) == ["1 failed z timeout", "2 failed z late"]
