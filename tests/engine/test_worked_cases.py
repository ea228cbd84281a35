"""Worked cases, a row each: a small run and the verdicts that it must get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.engine.driver import (
    Log,
    cause,
    decided,
    event,
    flow,
    python,
    statuses,
    summary,
    timeout,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.wire import Event

CLOSE = "time runs on until nothing is due"

ABC = flow("a", "b", "c")
TIMED = flow("a", {"id": "b", "dep_ids": ["a"], "conditions": timeout(1000)}, "c")
GIFT = flow(
    "a",
    {"id": "gift", "dep_ids": ["a"], "required": False},
    {"id": "ship", "dep_ids": ["a", "gift"]},
)
BRANCH = flow(
    {"id": "card", "branch": "pay"},
    {"id": "cash", "branch": "pay"},
    {"id": "slip", "dep_ids": ["card"]},
    {"id": "done", "dep_ids": ["card", "cash"]},
)
CANCEL = flow("a", "b", "c", {"id": "cancel", "dep_ids": ["a"], "ends_run": True})
INVALID = flow("a", {"id": "b", "dep_ids": ["a"], "validator": python("False")}, "c")
FILTERED = flow("a", {"id": "b", "dep_ids": ["a"], "filter": python("False")}, "c")


class Case(NamedTuple):
    """A row: what comes (or an instant up to which time runs), and what is said when."""

    definition: dict[str, Any]
    steps: Sequence[Event | tuple[int, Event] | int | str]
    said: list[tuple[str, int]]


CASES = {
    "all in order": Case(
        ABC,
        [event("a", 0), event("b", 10), event("c", 20)],
        [("1 passed", 20)],
    ),
    "only a": Case(
        ABC,
        [event("a", 0), CLOSE],
        [("1 incomplete b missing c unreached", 900_000)],
    ),
    "b after the close": Case(
        ABC,
        [event("a", 0), CLOSE, event("b", 901_000), CLOSE],
        [
            ("1 incomplete b missing c unreached", 900_000),
            ("2 incomplete c missing", 1_801_000),
        ],
    ),
    "c without b": Case(
        ABC,
        [event("a", 0), event("c", 100), CLOSE],
        [("1 failed c dependency", 1_100)],
    ),
    "b before a": Case(
        ABC,
        [(100, event("b", -4_000)), (100, event("a", 0)), (100, event("c", 100)), CLOSE],
        [("1 failed b order", 1_100)],
    ),
    "arriving backwards": Case(
        ABC,
        [(30, event("c", 20)), (31, event("b", 10)), (32, event("a", 0)), CLOSE],
        [("1 passed", 32)],
    ),
    "b late by 1 ms": Case(
        TIMED,
        [event("a", 0), event("b", 1_001)],
        [("1 failed b late", 1_001)],
    ),
    "b timed out, then healed": Case(
        TIMED,
        [event("a", 0), 2_000, (2_100, event("b", 900)), event("c", 2_200), CLOSE],
        [("1 failed b timeout", 2_000), ("2 passed", 2_200)],
    ),
    "validator says no": Case(
        INVALID,
        [event("a", 0), event("b", 10), event("c", 20), CLOSE],
        [("1 failed b validator", 10)],
    ),
    "a twice": Case(
        ABC,
        [event("a", 0), event("a", 0), event("b", 10), event("c", 20), event("a", 0), CLOSE],
        [("1 passed", 20)],
    ),
    "a branch not taken": Case(
        BRANCH,
        [event("cash", 0), event("done", 10), CLOSE],
        [("1 passed", 10)],
    ),
    "cancelled": Case(
        CANCEL,
        [event("a", 0), event("cancel", 10), CLOSE],
        [("1 passed", 10)],
    ),
    "gift skipped": Case(
        GIFT,
        [event("a", 0), event("ship", 10), CLOSE],
        [("1 passed", 10)],
    ),
    "ship missing": Case(
        GIFT,
        [event("a", 0), CLOSE],
        [("1 incomplete ship missing", 900_000)],
    ),
    "b excluded": Case(
        FILTERED,
        [event("a", 0), event("b", 10), event("c", 20), CLOSE],
        [("1 failed c dependency", 1_020)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_worked_case(name: str):
    """Each row says what the table says, at the instant that the rules give."""
    case = CASES[name]
    log = Log(case.definition)
    for step in case.steps:
        match step:
            case int():
                log.run_on(step)
            case str():
                log.run_on()
            case (at, one):
                log.come(one, at=at)
            case _:
                log.come(step)
    said = list(zip(summary(log.verdicts), map(decided, log.verdicts), strict=True))
    assert said == case.said


def test_worked_case_backlog():
    """A worker that was down for an hour reads a, b in time and c at once, and raises no alarm."""
    log = Log(TIMED)
    records = [
        log.record(0, event("a", 0)),
        log.record(900, event("b", 900)),
        log.record(1_000, event("c", 1_000)),
    ]
    assert summary(log.judge(records)) == ["1 passed"]


def test_worked_case_order_is_judged_by_instants_when_b_arrives_live():
    """The b before a first lacks it, then precedes it: the cause follows what is known."""
    log = Log(ABC)
    log.come(event("b", -4_000))
    log.run_on(-1)
    log.come(event("a", 0), event("c", 100))
    assert summary(log.verdicts) == ["1 failed b dependency", "2 failed b order"]
    assert list(map(decided, log.verdicts)) == [-3_000, 0]


@pytest.mark.parametrize(
    ("definition", "events", "skipped"),
    [
        (BRANCH, ("cash", "done"), {"card", "slip"}),
        (CANCEL, ("a", "cancel"), {"b", "c"}),
        (GIFT, ("a", "ship"), {"gift"}),
    ],
    ids=["branch", "cancel", "gift"],
)
def test_worked_case_shows_what_was_skipped(
    definition: dict[str, Any], events: tuple[str, ...], skipped: set[str]
):
    """A passed run names the nodes that nobody had to wait for."""
    log = Log(definition)
    log.come(*(event(node, at) for at, node in enumerate(events)))
    status = statuses(log.last)
    assert {node for node in status if status[node] == "skipped"} == skipped
    assert {node for node in status if status[node] == "passed"} == set(events)


def test_worked_case_excluded_dependency_is_explained():
    """The reason of a missing dependency tells that its event came and was excluded."""
    log = Log(FILTERED)
    log.come(event("a", 0), event("b", 10), event("c", 20))
    log.run_on()
    assert "b (excluded by its filter)" in cause(log.last, "c")["message"]


def test_worked_case_late_says_by_how_much():
    """A late event's reason tells the overrun and the deadline."""
    log = Log(TIMED)
    log.come(event("a", 0), event("b", 1_001))
    message = cause(log.last, "b")["message"]
    assert message == "b: came 1 ms too late, due 1 s after a (deadline 15:06:41.000 UTC)"
