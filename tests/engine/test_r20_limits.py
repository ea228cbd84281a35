"""R20 bad input, R21 forgetting, R22 skew: what a run has no room for, and what it does not believe."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from schemas.ids import state_key, verdict_id
from streams.engine.script_calls import ScriptAnswer
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
    summary,
    timeout,
)

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR = 3_600_000
WINDOW = 900_000
KEY = state_key("f", "r1")


# -- R20 ----------------------------------------------------------------------------------------


def test_R20_an_event_beyond_the_limit_is_a_dead_letter_and_a_cause():
    """The run says that it was flooded; the shell is told which record, why, and in words."""
    log = Log(flow("a", "b", max_events_per_run=2))
    log.come(event("a", 0), event("a", 1), event("b", 2))
    assert summary(log.verdicts) == ["1 failed b too_many_events"]
    (refused,) = log.judged[-1].refused
    assert (refused.offset, refused.reason) == (2, "too_many_events")
    assert "2 events" in refused.message
    found = cause(log.last, "b")
    assert found["message"] == refused.message
    assert found["event_ids"] == ["b@2"]
    assert dict(log.judged[-1].counts) == {"too_many_events": 1}


def test_R20_the_limit_itself_is_allowed():
    """Exactly `max_events_per_run` events are accepted."""
    log = Log(flow("a", "b", max_events_per_run=2))
    log.come(event("a", 0), event("b", 1))
    assert summary(log.verdicts) == ["1 passed"]


def test_R20_a_flooded_run_says_so_once():
    """Each further event is a dead letter, but not another verdict, whatever its node."""
    log = Log(flow("a", "b", "c", max_events_per_run=1))
    log.come(event("a", 0), event("b", 1), event("b", 2), event("c", 3))
    assert summary(log.verdicts) == ["1 failed b too_many_events"]
    assert sum(len(judged.refused) for judged in log.judged) == 3


def test_R20_a_refused_event_counts_for_nothing():
    """It satisfies nobody: its node is still owed and shown without it."""
    log = Log(flow("a", "b", max_events_per_run=1))
    log.come(event("a", 0), event("b", 1))
    log.run_on()
    assert reading(log.last, "b")["event_ids"] == []


def test_R20_a_refused_event_extends_nothing():
    """The window runs from the last event that was accepted."""
    options: dict[str, Any] = {"max_events_per_run": 1, "window_ms": 1_000, "forget_after_ms": 0}
    log = Log(flow("a", "b", **options))
    log.come(event("a", 0), event("b", 900))
    assert KEY in log.partition.runs
    log.clock(1_000)
    assert KEY not in log.partition.runs


@pytest.mark.parametrize(
    "second",
    [event("a", 1, filter=False), event("x", 1)],
    ids=["excluded", "unknown"],
)
def test_R20_excluded_and_unknown_events_count(second: Any):
    """What is kept takes room."""
    log = Log(flow("a", closed=True, max_events_per_run=2))
    log.come(event("a", 0), second, event("a", 2))
    assert "a too_many_events" in causes(log.last)


def test_R20_duplicates_do_not_count():
    """What is known takes no room, in a full run neither."""
    log = Log(flow("a", "b", max_events_per_run=2))
    log.come(event("a", 0), event("a", 0), event("b", 1), event("a", 0), event("b", 1))
    log.run_on()
    assert summary(log.verdicts) == ["1 passed"]


def test_R20_a_run_too_large_for_its_record_is_protected():
    """An event that would bring the state over 900 KiB is a dead letter, once with a cause."""
    log = Log(flow("a", "b"))
    text = "x" * 200_000
    for n in range(4):
        log.come(event("a", n, data={"text": text}))
    assert log.verdicts == []
    log.come(event("a", 4, data={"text": text}), event("b", 5, data={"text": text}))
    assert summary(log.verdicts) == ["1 failed a too_large"]
    assert [r.reason for judged in log.judged for r in judged.refused] == ["too_large"] * 2
    log.come(event("b", 6))
    assert reading(log.last, "b")["event_ids"] == []
    assert log.end().nodes["b"] == "passed"


LONG = "n" * 127
BULK = {"text": "x" * 3_000}
WORDY = ScriptAnswer("error", "ż" * 500)
FLOODS: dict[str, tuple[dict[str, Any], Callable[[int], dict[str, Any]]]] = {
    "long ids": (flow("a"), lambda n: {"node": "a", "id": f"{n:0128d}"}),
    "letters of several bytes": (flow("a"), lambda n: {"node": "a", "id": f"{n}" + "ż" * 120}),
    "wordy scripts": (
        flow({"id": "a", "validator": python("")}),
        lambda n: {"node": "a", "id": f"{n}"},
    ),
    "ever new nodes": (
        flow("a"),
        lambda n: {"node": f"{LONG[5:]}{n:05d}", "id": f"{n}", "dep_ids": ["a"], "data": BULK},
    ),
    "ever new unknown nodes": (
        flow("a", *({"id": f"{LONG[5:]}{n}"} for n in range(300)), closed=True),
        lambda n: {"node": f"{LONG[5:]}{n:05d}", "id": f"{n}", "data": BULK},
    ),
    "nodes with scripts and many dependencies": (
        flow(
            *({"id": f"d{n}", "required": False} for n in range(30)),
            {"id": "a", "dep_ids": [f"d{n}" for n in range(30)], "validator": python("")},
        ),
        lambda n: {"node": f"d{n}" if n < 30 else "a", "id": f"{n}"},
    ),
}


def fill(log: Log, content: Callable[[int], dict[str, Any]]) -> None:
    """Let events come until one is refused."""
    numbers = itertools.count()
    while not log.judged or not log.judged[-1].refused:
        ones = [event(**content(n), at=0) for n in itertools.islice(numbers, 50)]
        log.judge([log.record(0, one) for one in ones])


@pytest.mark.parametrize("kind", FLOODS)
def test_R20_the_stored_state_never_exceeds_its_limit(kind: str):
    """Whatever fills a run, what is stored of it stays within 900 KiB."""
    definition, content = FLOODS[kind]
    definition["options"]["max_events_per_run"] = 1_000_000
    log = Log(definition, script=lambda _: WORDY)
    fill(log, content)
    assert len(log.stored()[KEY]) <= 900 * 1024


def test_R20_a_run_has_room_for_what_its_limit_says():
    """A run of events with a few hundred bytes each uses most of its 900 KiB before one is refused."""
    log = Log(flow("a", max_events_per_run=1_000_000))
    fill(log, lambda n: {"node": "a", "id": f"{n:036d}", "data": {"text": "x" * 600}})
    assert len(log.stored()[KEY]) > 680 * 1024


# -- R21 ----------------------------------------------------------------------------------------


def test_R21_a_run_is_forgotten_after_retention():
    """`forget_after_ms` after its window closed its state is removed, from the table and the changelog."""
    log = Log(flow("a"))
    log.come(event("a", 0))
    log.clock(WINDOW + HOUR - 1)
    assert KEY in log.partition.runs
    log.clock(WINDOW + HOUR)
    assert KEY not in log.partition.runs
    assert log.judged[-1].states == [(KEY, None, 2)]


def test_R21_an_open_run_is_never_forgotten():
    """A deadline beyond any retention is kept."""
    node = {"id": "b", "dep_ids": ["a"], "conditions": timeout(24 * HOUR)}
    log = Log(flow("a", node, forget_after_ms=0, window_ms=0))
    log.come(event("a", 0))
    log.clock(23 * HOUR)
    assert KEY in log.partition.runs
    assert summary(log.run_on()) == ["1 failed b timeout"]


def test_R21_a_late_event_starts_the_retention_anew():
    """Retention runs from the later of the close and the last event."""
    log = Log(flow("a", "b", max_open_ms=1_000))
    log.come(event("a", 0))
    log.clock(1_000)
    log.come(event("a", HOUR - 1_000, id="later"))
    log.clock(1_000 + HOUR)
    assert KEY in log.partition.runs
    log.clock(2 * HOUR - 1_001)
    assert KEY in log.partition.runs
    log.clock(2 * HOUR - 1_000)
    assert KEY not in log.partition.runs


def test_R21_within_retention_a_run_is_corrected():
    """A late event of a closed run makes its next revision."""
    log = Log(flow("a", "b"))
    log.come(event("a", 0))
    log.run_on()
    log.come(event("b", WINDOW + HOUR - 1))
    assert summary(log.verdicts) == ["1 incomplete b missing", "2 passed"]
    assert [v["reopened"] for v in log.verdicts] == [False, False]


def test_R21_after_retention_an_event_opens_a_new_run():
    """It begins with revision 1, under another opened_at and so other ids."""
    log = Log(flow("a"))
    log.come(event("a", 0), event("a", WINDOW + HOUR, id="later"))
    assert [v["revision"] for v in log.verdicts] == [1, 1]
    assert log.last["opened_at_ns"] == START_NS + (WINDOW + HOUR) * 1_000_000
    assert log.last["verdict_id"] == verdict_id("f", "r1", log.last["opened_at_ns"], 1)
    assert log.last["verdict_id"] != log.verdicts[0]["verdict_id"]


@pytest.mark.parametrize(("behind_ms", "reopened"), [(HOUR, False), (HOUR + 1, True)])
def test_R21_a_run_opened_by_an_old_event_is_reopened(behind_ms: int, reopened: bool):
    """Its beginning may have been forgotten: every verdict says so."""
    log = Log(flow("b", {"id": "a"}))
    log.come(event("b", 0), at=behind_ms)
    log.restart()
    log.come(event("a", behind_ms))
    assert [v["reopened"] for v in log.verdicts] == [reopened]


def test_R21_a_new_run_in_one_batch_with_the_old_one():
    """A backlog may hold the end of one run and the begin of the next."""
    log = Log(flow("a", "b"))
    log.judge(
        [
            log.record(0, event("a", 0)),
            log.record(1, event("b", 1)),
            log.record(2 * HOUR, event("a", 2 * HOUR)),
        ]
    )
    log.come(event("b", 2 * HOUR + 1))
    assert [(v["revision"], v["status"], decided(v)) for v in log.verdicts] == [
        (1, "passed", 1),
        (1, "passed", 2 * HOUR + 1),
    ]


def test_R21_forgetting_survives_a_restart():
    """The instant of forgetting is in the stored state."""
    log = Log(flow("a"))
    log.come(event("a", 0))
    log.restart()
    log.clock(WINDOW + HOUR)
    assert KEY not in log.partition.runs


# -- R22 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ahead_ms", "skewed"), [(300_000, False), (300_001, True)])
def test_R22_a_ts_far_ahead_of_its_record_is_replaced(ahead_ms: int, skewed: bool):
    """More than 5 minutes ahead is a wrong clock: the record's timestamp is taken instead."""
    log = Log(flow("a", {"id": "b", "dep_ids": ["a"], "conditions": timeout(1)}))
    log.come(event("a", 0), event("b", ahead_ms), at=0)
    assert summary(log.verdicts) == ["1 passed" if skewed else "1 failed b late"]
    assert log.judged[-1].counts["skewed"] == skewed


def test_R22_the_record_is_the_measure_not_the_stream_time():
    """A record with an older timestamp than the one before it is believed."""
    log = Log(flow("a", "b"))
    log.clock(400_000)
    log.come(event("a", 300_001), at=0)
    assert log.judged[-1].counts["skewed"] == 1


def test_R22_skew_is_marked_in_the_state():
    """A replaced instant is stored as such, and a second copy of its event is still a duplicate."""
    log = Log(flow("a", "b"))
    log.come(event("a", 400_000), at=0)
    log.restart()
    log.come(event("a", 400_000), at=1)
    assert dict(log.judged[-1].counts) == {"duplicate": 1}
    body = orjson.loads(log.stored()[KEY])
    ((_, _, ts, *_),) = body[10]
    assert ts == 0, "as much as the run opened after itself"
