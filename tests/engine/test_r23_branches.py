"""R23 branches, R24 triggers: alternatives, and nodes that a scenario fires."""

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


def branch(*alternatives: dict[str, Any], exclusive: bool = False) -> dict[str, Any]:
    """A flow of `a` and alternatives behind it."""
    fields = {"dep_ids": ["a"], "branch": "pay", "exclusive": exclusive}
    return flow("a", *({**fields, **node} for node in alternatives))


CARD, CASH, COIN = {"id": "card"}, {"id": "cash"}, {"id": "coin"}


# -- R23 ----------------------------------------------------------------------------------------


def test_R23_one_alternative_excuses_the_others():
    """A run passes with the first of them."""
    log = Log(branch(CARD, CASH, COIN))
    log.come(event("a", 0), event("cash", 1))
    assert summary(log.verdicts) == ["1 passed"]
    assert statuses(log.last) == {
        "a": "passed",
        "card": "skipped",
        "cash": "passed",
        "coin": "skipped",
    }


def test_R23_without_any_all_are_missing():
    """Nobody took any road: each of them would have been one."""
    log = Log(branch(CARD, CASH))
    log.come(event("a", 0))
    assert summary(log.run_on()) == ["1 incomplete card missing cash missing"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"validator": python("False")},
        {"conditions": timeout(10)},
    ],
    ids=["invalid", "late"],
)
def test_R23_whatever_its_judgement_an_alternative_excuses_the_others(wrong: dict[str, Any]):
    """A payment that was wrong is not cured by demanding another one."""
    log = Log(branch(CARD, {"id": "cash", **wrong}))
    log.come(event("a", 0), event("cash", 11))
    log.run_on()
    assert len(log.verdicts) == 1
    assert log.end().nodes == {"a": "passed", "card": "skipped", "cash": "failed"}


def test_R23_a_waiting_alternative_excuses_the_others():
    """It counts before its dependencies are there."""
    log = Log(branch(CARD, CASH))
    log.come(event("cash", 0), event("a", 0))
    assert summary(log.verdicts) == ["1 passed"]


def test_R23_two_alternatives_may_come_unless_they_exclude_each_other():
    """Paid in parts is paid."""
    log = Log(branch(CARD, CASH))
    log.come(event("a", 0), event("cash", 1), event("card", 2))
    assert summary(log.verdicts) == ["1 passed"]


def test_R23_exclusive_alternatives_fail_at_once_when_two_came():
    """A cause on each that came, and on none that did not."""
    log = Log(branch(CARD, CASH, COIN, exclusive=True))
    log.come(event("a", 0), event("cash", 1), event("card", 2))
    assert summary(log.verdicts) == ["1 passed", "2 failed card branch cash branch"]
    found = cause(log.last, "card")
    assert found["message"] == ("card: came beside cash, but only one node of branch pay may come")
    assert found["event_ids"] == ["card@2"]
    log.come(event("coin", 3))
    assert causes(log.last) == ["card branch", "cash branch", "coin branch"]


def test_R23_an_excluded_event_takes_no_branch():
    """Neither does it exclude another one."""
    log = Log(branch(CARD, CASH, exclusive=True))
    log.come(event("a", 0), event("cash", 1), event("card", 2, filter=False))
    log.run_on()
    assert summary(log.verdicts) == ["1 passed"]


def test_R23_one_alternative_may_come_often():
    """Exclusion is between nodes, not between events."""
    log = Log(branch(CARD, CASH, exclusive=True))
    log.come(event("a", 0), event("cash", 1), event("cash", 2))
    assert summary(log.verdicts) == ["1 passed"]


def test_R23_what_follows_a_road_not_taken_is_not_owed():
    """Skipping goes on along the graph, up to where roads meet."""
    log = Log(
        flow(
            {"id": "card", "branch": "pay"},
            {"id": "cash", "branch": "pay"},
            {"id": "slip", "dep_ids": ["card"]},
            {"id": "file", "dep_ids": ["slip"]},
            {"id": "done", "dep_ids": ["file", "cash"]},
        )
    )
    log.come(event("cash", 0), event("done", 1))
    assert summary(log.verdicts) == ["1 passed"]


def test_R23_an_alternative_may_depend_on_another():
    """What comes in place of its own dependency excuses it at once."""
    nodes = [
        {"id": "a"},
        {"id": "card", "branch": "pay"},
        {"id": "again", "dep_ids": ["a", "card"], "branch": "pay"},
    ]
    log = Log(flow(*nodes))
    log.come(event("a", 0), event("again", 1))
    assert summary(log.verdicts) == ["1 passed"]
    assert decided(log.last) == 1


def test_R23_alternatives_time_out_together_at_the_last_deadline():
    """As long as one may still come in time, none is late."""
    log = Log(
        branch({"id": "card", "conditions": timeout(1_000)}, {"id": "cash", "conditions": timeout(3_000)})
    )  # fmt: skip
    log.come(event("a", 0))
    assert log.run_on(3_999) == []
    assert summary(log.run_on(4_000)) == ["1 failed card timeout cash timeout"]
    assert cause(log.last, "card")["deadline"] == START_NS + 3_000_000_000
    assert reading(log.last, "card")["deadline_ns"] == START_NS + 3_000_000_000


def test_R23_the_message_of_a_shared_deadline_names_the_time_that_it_gives():
    """The time in the sentence and the deadline behind it belong together."""
    log = Log(
        branch({"id": "card", "conditions": timeout(1_000)}, {"id": "cash", "conditions": timeout(3_000)})
    )  # fmt: skip
    log.come(event("a", 0))
    log.run_on()
    assert [found["message"] for found in log.last["causes"]] == [
        "card: no event within 3 s after a (deadline 15:06:43.000 UTC)",
        "cash: no event within 3 s after a (deadline 15:06:43.000 UTC)",
    ]


def test_R23_an_optional_alternative_gives_its_time_and_does_not_time_out():
    """As long as it may come in time nobody is late; its own absence is no failure."""
    log = Log(
        branch(
            {"id": "card", "conditions": timeout(1_000)},
            {"id": "cash", "conditions": timeout(3_000), "required": False},
        )
    )
    log.come(event("a", 0))
    assert log.run_on(3_999) == []
    assert summary(log.run_on(4_000)) == ["1 failed card timeout"]


def test_R23_an_alternative_without_deadline_keeps_all_from_timing_out():
    """One that may come at any time leaves it to the window."""
    log = Log(branch({"id": "card", "conditions": timeout(1_000)}, CASH))
    log.come(event("a", 0))
    assert summary(log.run_on()) == ["1 incomplete card missing cash missing"]


def test_R23_an_alternative_whose_dependencies_are_open_has_no_deadline():
    """It keeps all from timing out until its dependency comes."""
    log = Log(
        flow(
            {"id": "a"},
            {"id": "b"},
            {"id": "card", "dep_ids": ["a"], "branch": "pay", "conditions": timeout(1_000)},
            {"id": "cash", "dep_ids": ["b"], "branch": "pay", "conditions": timeout(1_000)},
        )
    )
    log.come(event("a", 0))
    assert log.run_on(60_000) == []
    log.come(event("b", 60_000))
    assert summary(log.run_on(62_000)) == ["1 failed card timeout cash timeout"]


def test_R23_an_alternative_that_comes_ends_the_deadline_of_the_others():
    """No timeout beside an alternative taken."""
    nodes = [{"id": n, "conditions": timeout(1_000)} for n in ("card", "cash")]
    log = Log(branch(*nodes))
    log.come(event("a", 0), event("card", 500))
    log.run_on()
    assert summary(log.verdicts) == ["1 passed"]


# -- R24 ----------------------------------------------------------------------------------------

FIRED = flow({"id": "t", "type": "trigger"}, "a", "b")


def test_R24_a_trigger_may_be_skipped():
    """A run that no scenario started is judged without it."""
    log = Log(FIRED)
    log.come(event("a", 0), event("b", 1))
    assert summary(log.verdicts) == ["1 passed"]
    assert statuses(log.last)["t"] == "skipped"


def test_R24_a_trigger_that_came_is_a_dependency_like_any_other():
    """Its event must be there in order."""
    log = Log(FIRED)
    log.come(event("t", 0), event("a", 1), event("b", 2))
    assert summary(log.verdicts) == ["1 passed"]
    log.come(event("t", 5_000, run="r2"), event("a", 1, run="r2"), at=5_000)
    log.run_on(6_000)
    assert (log.last["run_id"], causes(log.last)) == ("r2", ["a order"])


def test_R24_a_trigger_alone_owes_what_follows_it():
    """Who fires expects something to happen."""
    log = Log(FIRED)
    log.come(event("t", 0))
    assert summary(log.run_on()) == ["1 incomplete a missing b unreached"]


def test_R24_without_its_trigger_a_node_is_owed_like_a_root():
    """It is missing, not unreached or skipped, if only others came."""
    log = Log(flow({"id": "t", "type": "trigger"}, {"id": "a", "dep_ids": ["t"]}, {"id": "x"}))
    log.come(event("x", 0))
    assert summary(log.run_on()) == ["1 incomplete a missing"]


def test_R24_without_its_trigger_a_node_is_judged_by_its_other_dependencies():
    """The rest of the list stands."""
    log = Log(flow({"id": "t", "type": "trigger"}, {"id": "x"}, {"id": "a", "dep_ids": ["t", "x"]}))
    log.come(event("a", 0), event("x", 0, run="r2"), event("a", 1, run="r2"))
    assert [(v["run_id"], v["status"]) for v in log.verdicts] == [("r2", "passed")]
    log.run_on(1_000)
    assert cause(log.last, "a")["expected"] == "x before a"


def test_R24_without_its_trigger_a_node_that_may_be_skipped_can_be():
    """What stands beside an absent trigger decides alone whether the road was taken (R11)."""
    log = Log(
        flow(
            {"id": "x"},
            {"id": "t", "type": "trigger"},
            {"id": "gift", "required": False},
            {"id": "a", "dep_ids": ["t", "gift"]},
        )
    )
    log.come(event("x", 0))
    assert summary(log.verdicts) == ["1 passed"]


def test_R24_without_its_trigger_late_is_judged_from_the_first_event():
    """The base is that of a root (R9)."""
    node = {"id": "a", "dep_ids": ["t"], "conditions": timeout(1_000)}
    log = Log(flow({"id": "t", "type": "trigger"}, {"id": "x"}, node))
    log.come(event("x", 0), event("a", 1_001))
    assert summary(log.verdicts) == ["1 failed a late"]


def test_R24_a_trigger_that_comes_later_gives_the_base():
    """As soon as it has an event, time runs from it."""
    node = {"id": "a", "dep_ids": ["t"], "conditions": timeout(1_000)}
    log = Log(flow({"id": "t", "type": "trigger"}, {"id": "x"}, node))
    log.come(event("x", 0), event("a", 1_001))
    log.come(event("t", 500), at=1_100)
    assert summary(log.verdicts) == ["1 failed a late", "2 passed"]


def test_R24_without_its_trigger_absence_times_out_like_that_of_a_root():
    """The deadline runs from the run's first event (R10)."""
    node = {"id": "a", "dep_ids": ["t"], "conditions": timeout(1_000)}
    log = Log(flow({"id": "t", "type": "trigger"}, {"id": "x"}, node))
    log.come(event("x", 0))
    assert summary(log.run_on(2_000)) == ["1 failed a timeout"]
    assert decided(log.last) == 2_000


def test_R24_with_its_trigger_absence_times_out_from_it():
    """A scenario that fired and saw nothing is told in time."""
    node = {"id": "a", "dep_ids": ["t"], "conditions": timeout(1_000)}
    log = Log(flow({"id": "t", "type": "trigger"}, node))
    log.come(event("t", 300))
    assert log.run_on(2_299) == []
    assert summary(log.run_on(2_300)) == ["1 failed a timeout"]
