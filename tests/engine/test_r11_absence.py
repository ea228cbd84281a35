"""R11 absence without a deadline, R26 end: when a window closes, what is owed then, and what ends it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.driver import (
    START_NS,
    Log,
    causes,
    decided,
    event,
    flow,
    python,
    statuses,
    summary,
    timeout,
)

WINDOW = 900_000
DAY = 86_400_000


def removed_at(log: Log) -> int:
    """The latest instant, in ms, at which a run's state was removed, found by clock records."""
    at = (log.stream_time_ns - START_NS) // 1_000_000
    while log.partition.runs:
        at += 100
        log.clock(at)
    return at


# -- R11: the window -----------------------------------------------------------------------------


def test_R11_the_window_closes_after_the_last_event():
    """Exactly `window_ms` after the arrival of the last new event."""
    log = Log(flow("a", "b"))
    log.come(event("a", 0), event("a", 500_000))
    assert log.clock(500_000 + WINDOW - 1) == []
    assert summary(log.clock(500_000 + WINDOW)) == ["1 incomplete b missing"]
    assert (log.last["trigger"], log.last["window_closed"]) == ("window", True)
    assert decided(log.last) == 500_000 + WINDOW


def test_R11_the_window_runs_from_arrivals_not_from_ts():
    """An event that was long under way keeps the window open like any other."""
    log = Log(flow("a", "b"))
    log.come(event("a", -3_600_000), at=0)
    assert log.run_on(WINDOW - 1) == []
    assert summary(log.run_on(WINDOW)) == ["1 incomplete b missing"]


def test_R11_the_window_is_an_option_of_the_flow():
    """`window_ms` sets it."""
    log = Log(flow("a", "b", window_ms=10))
    log.come(event("a", 0))
    assert summary(log.clock(10)) == ["1 incomplete b missing"]


def test_R11_unknown_events_extend_the_window():
    """An event of a node that a closed flow does not know is life all the same."""
    for second, gone in ((event("x", 500), 1_500), (event("a", 0), 1_000)):
        log = Log(flow("a", "b", closed=True, window_ms=1_000, forget_after_ms=0))
        log.come(event("a", 0))
        log.come(second, at=500)
        assert removed_at(log) == gone


def test_R11_a_pending_deadline_keeps_the_window_open():
    """A deadline beyond the window is waited for: it fails the run, not its absence."""
    log = Log(
        flow("a", {"id": "b", "dep_ids": ["a"], "conditions": timeout(2 * WINDOW)}, {"id": "c"})
    )
    log.come(event("a", 0))
    log.run_on()
    assert summary(log.verdicts) == ["1 failed b timeout"]
    assert decided(log.last) == 2 * WINDOW + 1_000
    assert log.last["window_closed"] is True


def test_R11_a_pending_grace_keeps_the_window_open():
    """An event that waits is waited for."""
    log = Log(flow("a", "b", "c", window_ms=500, grace_ms=1_000))
    log.come(event("a", 0), event("c", 1))
    log.run_on()
    assert summary(log.verdicts) == ["1 failed c dependency"]


def test_R11_an_event_after_the_close_opens_the_window_again():
    """The run goes on: its next verdict is said at the next close, or when all has come."""
    log = Log(flow("a", "b", "c"))
    log.come(event("a", 0))
    log.run_on()
    log.come(event("b", WINDOW + 5))
    assert summary(log.verdicts) == ["1 incomplete b missing c unreached"]
    log.come(event("c", WINDOW + 6))
    assert summary(log.verdicts[1:]) == ["2 passed"]


def test_R11_max_open_closes_whatever_still_comes():
    """A run that never falls silent is judged all the same."""
    log = Log(flow("a", "b", window_ms=1_000, max_open_ms=2_000))
    log.come(event("a", 0), event("a", 700), event("a", 1_400))
    assert log.clock(1_999) == []
    assert summary(log.clock(2_000)) == ["1 incomplete b missing"]


def test_R11_no_event_opens_it_again_after_max_open():
    """What comes then is judged at once, by a window that stays closed."""
    log = Log(flow("a", "b", "c", window_ms=1_000, max_open_ms=2_000))
    log.come(event("a", 0), event("a", 700), event("a", 1_400))
    log.clock(2_000)
    log.come(event("b", 2_100))
    assert summary(log.verdicts) == [
        "1 incomplete b missing c unreached",
        "2 incomplete c missing",
    ]
    assert log.last["window_closed"] is True
    assert summary(log.come(event("c", 2_200))) == ["3 passed"]


def test_R11_what_is_pending_at_max_open_still_fires():
    """The close does not swallow a deadline that runs."""
    log = Log(
        flow("a", {"id": "b", "dep_ids": ["a"], "conditions": timeout(3_000)}, max_open_ms=2_000)
    )
    log.come(event("a", 0))
    log.run_on()
    assert summary(log.verdicts) == ["1 incomplete b missing", "2 failed b timeout"]
    assert list(map(decided, log.verdicts)) == [2_000, 4_000]


# -- R11: what is owed ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "comes", "expected"),
    [
        ([{"id": "a"}, {"id": "b"}], "a", {"b": "missing"}),
        ([{"id": "a"}, {"id": "b", "required": False}], "a", {"b": "skipped"}),
        # What follows a road not taken is not owed.
        (
            [
                {"id": "a"},
                {"id": "b", "required": False},
                {"id": "c", "dep_ids": ["b"]},
                {"id": "d", "dep_ids": ["c"]},
            ],
            "a",
            {"b": "skipped", "c": "skipped", "d": "skipped"},
        ),
        # One dependency that is owed is enough to be owed.
        (
            [
                {"id": "a"},
                {"id": "b", "required": False},
                {"id": "x"},
                {"id": "c", "dep_ids": ["b", "x"]},
            ],
            "a",
            {"b": "skipped", "x": "missing", "c": "unreached"},
        ),
        # One dependency that came is enough to be owed, and to be missing.
        (
            [{"id": "a"}, {"id": "b", "required": False}, {"id": "c", "dep_ids": ["a", "b"]}],
            "a",
            {"b": "skipped", "c": "missing"},
        ),
        # A dependency that came and one that is owed: unreached.
        (
            [{"id": "a"}, {"id": "b"}, {"id": "c", "dep_ids": ["a", "b"]}],
            "a",
            {"b": "missing", "c": "unreached"},
        ),
        # One that came, one that may be skipped and one that is owed: unreached.
        (
            [
                {"id": "a"},
                {"id": "b"},
                {"id": "o", "required": False},
                {"id": "c", "dep_ids": ["a", "o", "b"]},
            ],
            "a",
            {"b": "missing", "o": "skipped", "c": "unreached"},
        ),
        (
            [
                {"id": "a"},
                {"id": "b"},
                {"id": "c", "dep_ids": ["a", "b"], "dep_mode": "any"},
                {"id": "d", "dep_ids": ["b"], "dep_mode": "any"},
            ],
            "a",
            {"b": "missing", "c": "missing", "d": "unreached"},
        ),
        (
            [
                {"id": "a"},
                {"id": "x", "branch": "l"},
                {"id": "y", "branch": "l"},
                {"id": "z", "dep_ids": ["y"]},
            ],
            "x",
            {"a": "missing", "y": "skipped", "z": "skipped"},
        ),
    ],
    ids=[
        "required",
        "optional",
        "behind a road not taken",
        "behind an owed node too",
        "behind one that came too",
        "behind one that came and one that is owed",
        "behind one of each",
        "any",
        "alternative",
    ],
)
def test_R11_what_did_not_come_is_skipped_missing_or_unreached(
    nodes: list[dict[str, Any]], comes: str, expected: dict[str, str]
):
    """Not owed is skipped; owed is missing where its dependencies are satisfied, else unreached."""
    log = Log(flow(*nodes))
    log.come(event(comes, 0))
    log.run_on()
    status = statuses(log.last)
    assert status.pop(comes) == "passed"
    assert {node: status[node] for node in expected} == expected
    owed = set(expected.values()) & {"missing", "unreached"}
    assert log.last["status"] == ("incomplete" if owed else "passed")


def test_R11_excluded_is_shown_where_nothing_is_owed():
    """A node with only excluded events shows why it stands there without a counted one."""
    log = Log(flow("a", {"id": "b", "filter": python("False"), "required": False}))
    log.come(event("b", 0), event("a", 1))
    assert statuses(log.last) == {"a": "passed", "b": "excluded"}


def test_R11_excluded_does_not_hide_that_a_node_is_owed():
    """A required node with only excluded events is missing: no silent green."""
    log = Log(flow("a", {"id": "b", "filter": python("False")}))
    log.come(event("b", 0), event("a", 1))
    log.run_on()
    assert statuses(log.last) == {"a": "passed", "b": "missing"}


def test_R11_what_is_owed_is_read_early():
    """A run passes as soon as nothing more is owed, long before its window closes."""
    log = Log(flow("a", "b", {"id": "c", "required": False}, {"id": "d", "dep_ids": ["c"]}))
    log.come(event("a", 0), event("b", 1))
    assert summary(log.verdicts) == ["1 passed"]
    assert log.last["window_closed"] is False


def test_R11_an_optional_event_can_make_its_followers_owed():
    """Once the optional road is taken, what follows it is owed: a passed run can become incomplete."""
    log = Log(flow("a", {"id": "c", "required": False}, {"id": "d", "dep_ids": ["c"]}))
    log.come(event("a", 0))
    log.come(event("c", 1))
    log.run_on()
    assert summary(log.verdicts) == ["1 passed", "2 incomplete d missing"]


# -- R26 ----------------------------------------------------------------------------------------

ORDER = flow(
    "a",
    {"id": "b", "dep_ids": ["a"], "conditions": timeout(5_000)},
    "c",
    {"id": "cancel", "dep_ids": ["a"], "ends_run": True},
    {"id": "refund", "dep_ids": ["cancel"]},
    {"id": "mail", "dep_ids": ["refund"]},
)


def test_R26_the_end_is_never_owed():
    """A run that was not ended passes without its end, and without what would have followed it."""
    log = Log(ORDER)
    log.come(event("a", 0), event("b", 1), event("c", 2))
    assert summary(log.verdicts) == ["1 passed"]
    assert {n for n, s in statuses(log.last).items() if s == "skipped"} == {
        "cancel",
        "refund",
        "mail",
    }


def test_R26_an_end_ends_what_is_owed():
    """After it all else that has not come is skipped, deadlines included."""
    log = Log(flow(*ORDER["nodes"][:4]))
    log.come(event("a", 0), event("cancel", 10))
    assert summary(log.verdicts) == ["1 passed"]
    log.run_on()
    assert len(log.verdicts) == 1
    assert statuses(log.last) == {"a": "passed", "b": "skipped", "c": "skipped", "cancel": "passed"}


def test_R26_what_depends_on_the_end_stays_owed():
    """A cancelled order still owes the refund, and what follows that."""
    log = Log(ORDER)
    log.come(event("a", 0), event("cancel", 10))
    log.run_on()
    assert summary(log.verdicts) == ["1 incomplete refund missing mail unreached"]
    log.come(event("refund", 901_000), event("mail", 901_001))
    assert summary(log.verdicts[1:]) == ["2 passed"]


def test_R26_an_end_does_not_excuse_a_dependency_of_an_event_that_comes():
    """Who acts on an ended run still needs what he depends on."""
    log = Log(ORDER)
    log.come(event("a", 0), event("cancel", 10), event("c", 20))
    log.run_on()
    assert causes(log.last) == ["c dependency"]


def test_R26_an_end_that_was_excluded_ends_nothing():
    """Only a counted event ends."""
    log = Log(ORDER)
    log.come(event("a", 0), event("cancel", 10, filter=False))
    log.run_on()
    assert causes(log.last) == ["b timeout"]


def test_R26_an_end_ends_whatever_its_own_judgement_is():
    """A counted event ends, even one that its validator refuses: the run fails by that alone."""
    node = {"id": "cancel", "dep_ids": ["a"], "ends_run": True, "validator": python("False")}
    log = Log(flow("a", "b", node))
    log.come(event("a", 0), event("cancel", 10))
    log.run_on()
    assert summary(log.verdicts) == ["1 failed cancel validator"]
    assert log.end().nodes["b"] == "skipped"


def test_R26_an_end_may_be_skipped_as_a_dependency():
    """An event that depends on an end, beside another that came, does not wait for it."""
    log = Log(
        flow(
            "a",
            {"id": "cancel", "dep_ids": ["a"], "ends_run": True},
            {"id": "close", "dep_ids": ["a", "cancel"]},
        )
    )
    log.come(event("a", 0), event("close", 1))
    assert summary(log.verdicts) == ["1 passed"]


def test_R26_a_timeout_that_fell_due_before_the_end_is_taken_back():
    """What is no longer owed is no longer late: causes are recomputed (R15)."""
    log = Log(flow(*ORDER["nodes"][:4]))
    log.come(event("a", 0))
    log.run_on(6_000)
    log.come(event("cancel", 6_001))
    assert summary(log.verdicts) == ["1 failed b timeout", "2 passed"]
