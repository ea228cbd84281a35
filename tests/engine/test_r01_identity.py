"""R1 identity, R2 once, R3 any order: whose an event is, and that arrival does not decide."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from schemas.ids import state_key
from tests.engine.driver import End, Log, causes, event, flow, python, reading, summary

if TYPE_CHECKING:
    from schemas.wire import Event

ABC = flow("a", "b", "c")


# -- R1 ----------------------------------------------------------------------------------------


def test_R1_flows_that_share_a_run_id_have_runs_of_their_own():
    """State is per flow and run id: the same id in another flow is another run."""
    log = Log(flow("a", "b", name="f"), flow("a", "b", name="g"))
    log.come(event("a", 0, flow="f"), event("a", 0, flow="g"), event("b", 1, flow="g"))
    assert [(verdict["flow"], verdict["status"]) for verdict in log.verdicts] == [("g", "passed")]


def test_R1_runs_of_one_flow_do_not_see_each_other():
    """An event of another run satisfies nothing, even with the same event id."""
    log = Log(flow("a", "b"))
    log.come(event("a", 0, run="r1"), event("b", 1, run="r2"), event("a", 0, run="r2", id="a@0"))
    assert [(verdict["run_id"], verdict["status"]) for verdict in log.verdicts] == [
        ("r2", "passed")
    ]


def test_R1_a_verdict_has_the_run_id_in_utf8_as_its_key():
    """A verdict goes to the partition of its events, whatever letters the run id has."""
    log = Log(flow("a"))
    log.come(event("a", 0, run="zażółć"))
    assert [out.key for out in log.judged[-1].verdicts] == ["zażółć".encode()]


def test_R1_the_state_of_a_run_is_kept_under_flow_and_run_id():
    """The changelog key is flow, NUL, run id."""
    log = Log(ABC)
    log.come(event("a", 0, run="r1"))
    assert [key for key, _, _ in log.judged[-1].states] == [state_key("f", "r1")] == [b"f\0r1"]


# -- R2 ----------------------------------------------------------------------------------------


def test_R2_an_event_that_came_before_changes_nothing():
    """However often an event arrives, no verdict, no state and no count but `duplicate` follows."""
    log = Log(ABC)
    log.come(event("a", 0), event("b", 10))
    before = log.stored()
    for _ in range(3):
        log.come(event("b", 10), at=500)
        assert dict(log.judged[-1].counts) == {"duplicate": 1}
        assert log.judged[-1].states == []
        assert log.judged[-1].verdicts == []
    assert log.stored() == before


def test_R2_a_duplicate_does_not_extend_the_window():
    """The window closes a window after the first arrival of the last event."""
    log = Log(ABC)
    log.come(event("a", 0))
    log.come(event("a", 0), at=600_000)
    assert log.run_on(899_999) == []
    assert summary(log.run_on(900_000)) == ["1 incomplete b missing c unreached"]


def test_R2_an_event_is_listed_once():
    """A duplicate does not appear as a second event of its node."""
    log = Log(flow("a"))
    log.come(event("a", 0), event("a", 0))
    assert reading(log.last, "a")["event_ids"] == ["a@0"]


@pytest.mark.parametrize(
    "other",
    [
        event("b", 10, id="e", data={"n": 2}),
        event("b", 11, id="e", data={"n": 1}),
        event("c", 10, id="e", data={"n": 1}),
    ],
    ids=["other data", "other instant", "other node"],
)
def test_R2_the_first_content_of_an_id_counts(other: Event):
    """A second content under a known id is counted as `conflicting_event` and judged by nobody."""
    valid = python("data['n'] == 1")
    log = Log(flow("a", {"id": "b", "dep_ids": ["a"], "validator": valid}, "c"))
    log.come(event("a", 0), event("b", 10, id="e", data={"n": 1}))
    log.come(other, at=20)
    assert dict(log.judged[-1].counts) == {"conflicting_event": 1}
    log.come(event("c", 30))
    assert summary(log.verdicts) == ["1 passed"]
    assert len(log.calls) == 1


@pytest.mark.parametrize(
    "first",
    [event("b", 10, id="e", filter=False), event("x", 10, id="e")],
    ids=["excluded", "unknown node"],
)
def test_R2_an_event_that_counts_for_nothing_is_known_all_the_same(first: Event):
    """Excluded events and those of unknown nodes are accepted once, too."""
    log = Log(flow("a", "b", closed=True))
    log.come(first)
    log.come(first)
    assert dict(log.judged[-1].counts) == {"duplicate": 1}


def test_R2_an_event_is_known_after_a_restart():
    """Identity is in the stored state, not in memory."""
    log = Log(ABC)
    log.come(event("a", 0))
    log.restart()
    log.come(event("a", 0), event("a", 0, data={"n": 1}))
    assert [dict(judged.counts) for judged in log.judged[-2:]] == [
        {"duplicate": 1},
        {"conflicting_event": 1},
    ]


# -- R3 ----------------------------------------------------------------------------------------

SHOP = flow(
    {"id": "a"},
    {"id": "card", "dep_ids": ["a"], "branch": "pay"},
    {"id": "cash", "dep_ids": ["a"], "branch": "pay", "conditions": [{"timeout_ms": 100}]},
    {"id": "done", "dep_ids": ["card", "cash"], "validator": python("len(ctx['deps']) == 1")},
)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([event("a", 0), event("cash", 50), event("done", 60)], []),
        ([event("a", 0), event("cash", 101), event("done", 102)], ["cash late"]),
        (
            [event("a", 0), event("cash", 50), event("card", 55), event("done", 60)],
            ["done validator"],
        ),
        ([event("a", 5_000), event("cash", 50), event("done", 60)], ["cash order"]),
    ],
    ids=["passed", "late", "validator", "order"],
)
def test_R3_every_order_of_arrival_ends_alike(events: list[Event], expected: list[str]):
    """The same events at the same instant give the same status, causes and node statuses."""
    ends: list[End] = []
    for order in permutations(events):
        log = Log(SHOP)
        log.come(*order, at=5_000)
        log.run_on()
        assert causes(log.last) == expected
        ends.append(log.end())
    assert ends == ends[:1] * len(ends)
