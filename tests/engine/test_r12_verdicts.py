"""R12 status, R15 revision, R16 identity: what a verdict says, when the next one is said, and its id."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from schemas.ids import verdict_id
from schemas.v1.verdict import Verdict as VerdictModel
from tests.engine.driver import (
    START_NS,
    Log,
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

ABC = flow("a", "b", "c")
WINDOW = 900_000


# -- R12 ----------------------------------------------------------------------------------------


def test_R12_a_cause_fails_the_run_at_once():
    """Nothing that is still owed delays a failure that is certain."""
    log = Log(flow({"id": "a", "validator": python("False")}, "b"))
    assert summary(log.come(event("a", 0))) == ["1 failed a validator"]
    assert statuses(log.last) == {"a": "failed", "b": "pending"}


def test_R12_a_run_passes_at_once():
    """When nothing is owed or pending the verdict is there with the event."""
    log = Log(ABC)
    log.come(event("a", 0), event("b", 1), event("c", 2))
    assert summary(log.verdicts) == ["1 passed"]
    assert (decided(log.last), log.last["trigger"], log.last["window_closed"]) == (
        2,
        "event",
        False,
    )


def test_R12_a_run_is_incomplete_at_the_close_only():
    """Until then what is owed may still come."""
    log = Log(ABC)
    log.come(event("a", 0), event("b", 1))
    assert log.run_on(WINDOW) == []
    assert summary(log.run_on(WINDOW + 1)) == ["1 incomplete c missing"]


def test_R12_a_run_without_counted_event_says_nothing():
    """Excluded events alone are nobody's failure, at the close neither."""
    log = Log(ABC)
    log.come(event("a", 0, filter=False), event("b", 1, filter=False))
    log.run_on()
    assert log.verdicts == []


def test_R12_a_run_never_passes_on_a_node_that_nobody_judged():
    """Where nothing is owed, an event that was excluded still makes no green."""
    log = Log(flow({"id": "a", "required": False}))
    log.come(event("a", 0, filter=False))
    log.run_on()
    assert log.verdicts == []
    assert summary(log.come(event("a", WINDOW))) == ["1 passed"]


def test_R12_a_cause_without_counted_event_fails():
    """An event whose filter broke was counted by nobody, and is a failure all the same."""
    log = Log(flow({"id": "a", "filter": python("1")}))
    assert summary(log.come(event("a", 0))) == ["1 failed a filter_error"]


def test_R12_causes_come_before_the_close():
    """A run with a cause is failed, not incomplete, whatever is missing besides."""
    log = Log(flow({"id": "a", "validator": python("False")}, "b"))
    log.come(event("a", 0))
    log.run_on()
    assert summary(log.verdicts) == ["1 failed a validator"]
    assert log.end().nodes == {"a": "failed", "b": "missing"}


# -- R15 ----------------------------------------------------------------------------------------


def test_R15_revisions_are_numbered_and_chained():
    """Each verdict names the one that it replaces and the status that stood before."""
    log = Log(flow("a", {"id": "b", "dep_ids": ["a"], "conditions": timeout(1_000)}, "c"))
    log.come(event("a", 0))
    log.run_on(2_000)
    log.come(event("b", 900), at=2_100)
    log.run_on()
    log.come(event("c", 1_000_000))
    assert summary(log.verdicts) == ["1 failed b timeout", "2 incomplete c missing", "3 passed"]
    assert [v["previous_status"] for v in log.verdicts] == [None, "failed", "incomplete"]
    assert log.verdicts[0]["supersedes"] is None
    for before, after in pairwise(log.verdicts):
        assert after["supersedes"] == before["verdict_id"]


def test_R15_what_changes_nothing_is_not_said():
    """A further event of the same kind makes no revision: neither for a passed nor for a failed run."""
    log = Log(flow({"id": "a", "validator": python("data['ok']")}))
    for at, ok in enumerate((True, True, False, False, True)):
        log.come(event("a", at, data={"ok": ok}))
    assert summary(log.verdicts) == ["1 passed", "2 failed a validator"]


def test_R15_a_cause_is_identified_by_node_and_kind():
    """A new kind on the same node, or the same kind on another, is news."""
    node = {"dep_ids": ["a"], "conditions": timeout(10), "validator": python("data['ok']")}
    log = Log(flow("a", {"id": "b", **node}, {"id": "c", **node}))
    log.come(event("a", 0), event("b", 1, data={"ok": False}), event("b", 2, data={"ok": False}))
    log.come(event("c", 3, data={"ok": False}), event("a", 100))
    log.come(event("b", 111, data={"ok": True}))
    assert summary(log.verdicts) == [
        "1 failed b validator",
        "2 failed b validator c validator",
        "3 failed b late b validator c validator",
    ]


def test_R15_a_cause_that_is_no_longer_true_is_gone():
    """Causes are recomputed: fewer of them are news as well."""
    nodes = [{"id": n, "dep_ids": ["a"], "conditions": timeout(1_000)} for n in ("x", "y")]
    log = Log(flow("a", *nodes))
    log.come(event("a", 0))
    log.run_on(2_000)
    log.come(event("x", 900), at=2_100)
    assert summary(log.verdicts) == ["1 failed x timeout y timeout", "2 failed y timeout"]


def test_R15_an_incomplete_run_speaks_when_the_absent_nodes_change():
    """At the next close the set of missing and unreached nodes is compared."""
    log = Log(flow("a", "b", "c", {"id": "o", "required": False}))
    log.come(event("a", 0))
    log.run_on()
    log.come(event("o", 1_000_000))
    log.run_on()
    assert summary(log.verdicts) == ["1 incomplete b missing c unreached"]
    log.come(event("b", 3_000_000))
    assert len(log.verdicts) == 1
    log.run_on()
    assert summary(log.verdicts[1:]) == ["2 incomplete c missing"]


def test_R15_an_undecided_run_lets_the_last_verdict_stand():
    """An event that takes the only cause back decides nothing by itself."""
    log = Log(flow("a", {"id": "b", "dep_ids": ["a"], "conditions": timeout(1_000)}, "c"))
    log.come(event("a", 0))
    log.run_on(2_000)
    log.come(event("b", 900), at=2_100)
    assert summary(log.verdicts) == ["1 failed b timeout"]
    assert log.end().status == "incomplete"


def test_R15_a_run_may_pass_and_fail_again():
    """Each decided change of status is a revision."""
    valid = python("sum(d['data']['n'] for d in ctx['deps']) == 2")
    log = Log(flow("a", {"id": "b", "dep_ids": ["a"], "validator": valid}))
    log.come(event("a", 0, data={"n": 2}), event("b", 1))
    log.come(event("a", 2, data={"n": 1}), event("a", 3, data={"n": -1}))
    assert summary(log.verdicts) == ["1 passed", "2 failed b validator", "3 passed"]


@pytest.mark.parametrize("kind", ["unknown_node", "too_many_events"])
def test_R15_some_causes_stay(kind: str):
    """What was refused cannot be made good by what comes after."""
    options: dict[str, Any] = (
        {"closed": True} if kind == "unknown_node" else {"max_events_per_run": 2}
    )
    log = Log(flow("a", "b", **options))
    log.come(event("a", 0), event("x" if kind == "unknown_node" else "a", 1), event("b", 2))
    if kind == "too_many_events":
        log.come(event("b", 3))
    log.run_on()
    assert kind in {cause.split()[1] for cause in causes(log.last)}
    assert log.end().status == "failed"


def test_R15_verdicts_are_decided_record_by_record_in_log_order():
    """In one batch the verdicts of many runs stand in the order of the records that made them."""
    log = Log(flow("a", "b"))
    records = [
        log.record(at, event(node, at, run=run))
        for at, (run, node) in enumerate(
            [("r1", "a"), ("r2", "a"), ("r2", "b"), ("r3", "a"), ("r1", "b"), ("r3", "b")]
        )
    ]
    log.judge(records)
    assert [(v["run_id"], v["source"]["offset"]) for v in log.verdicts] == [
        ("r2", 2),
        ("r1", 4),
        ("r3", 5),
    ]


def test_R15_runs_due_at_one_instant_speak_in_the_order_in_which_they_opened():
    """Neither their names nor the order in which they were looked at matters."""
    log = Log(flow("a", {"id": "b", "dep_ids": ["a"], "conditions": timeout(1_000)}))
    for at, run in enumerate(("z", "m", "a")):
        log.come(event("a", 0, run=run), at=at)
    for run in ("a", "m", "z"):
        log.come(event("a", 500, run=run, id="again"), at=500)
    log.clock(2_600)
    assert [(v["run_id"], decided(v)) for v in log.verdicts] == [
        ("z", 2_500),
        ("m", 2_500),
        ("a", 2_500),
    ]


def test_R15_decided_at_is_the_instant_or_the_clock_at_the_record():
    """Every field is a function of the log: a late clock record does not move what it fires."""
    log = Log(flow("a", {"id": "b", "dep_ids": ["a"], "conditions": timeout(1_000)}))
    log.come(event("a", 0))
    log.clock(3_500)
    assert [decided(v) for v in log.verdicts] == [2_000]
    log.come(event("b", 500), at=4_000)
    assert [decided(v) for v in log.verdicts] == [2_000, 4_000]


def test_R15_the_source_is_the_record_at_which_it_was_decided():
    """Topic, partition and offset: the event, or the first record that passed the instant."""
    log = Log(flow("a", {"id": "b", "dep_ids": ["a"], "conditions": timeout(1_000)}))
    log.come(event("a", 0))
    log.clock(1_000)
    log.clock(2_100)
    assert log.last["source"] == {"topic": "events", "partition": 0, "offset": 2}


# -- R16 ----------------------------------------------------------------------------------------


def test_R16_the_id_is_a_function_of_flow_run_opening_and_revision():
    """Nothing else enters, so that whoever judges the same log says the same ids."""
    log = Log(flow({"id": "a", "validator": python("data['ok']")}))
    log.come(event("a", 0, data={"ok": False}), at=700)
    log.come(event("a", 0, id="2", data={"ok": True}), at=800)
    opened = START_NS + 700_000_000
    assert log.last["opened_at_ns"] == opened
    assert log.last["verdict_id"] == verdict_id("f", "r1", opened, 1)


def test_R16_opened_at_is_the_timestamp_of_the_record_that_opened_the_run():
    """Not the stream time, which a worker that has just started may know less of."""
    log = Log(flow("a"))
    log.clock(500)
    log.come(event("a", 0), at=400)
    assert log.last["opened_at_ns"] == START_NS + 400_000_000
    assert decided(log.last) == 500


def test_R16_another_batching_says_the_same_bytes():
    """The verdicts of a log are the same however it is cut."""
    definition = flow("a", {"id": "b", "dep_ids": ["a"], "conditions": timeout(1_000)}, "c")

    def fed(size: int) -> list[bytes]:
        log = Log(definition)
        events = [(0, "a"), (900, "b"), (1_000, "c"), (5_000, "a"), (5_100, "c"), (9_000, "b")]
        records = [log.record(at, event(node, at)) for at, node in events]
        for start in range(0, len(records), size):
            log.judge(records[start : start + size])
        log.run_on()
        return [out.value for judged in log.judged for out in judged.verdicts]

    assert fed(1) == fed(2) == fed(4) == fed(6) != []


@pytest.mark.parametrize("kept", [("r1",), ("r2",), (), ("r1", "r2")])
def test_R16_a_batch_that_is_read_again_says_the_same(kept: tuple[str, ...]):
    """After a crash between two states, every verdict that is said again is the same to the byte."""
    definition = flow("a", {"id": "b", "dep_ids": ["a"], "conditions": timeout(1_000)}, "c")
    log = Log(definition)
    records = [
        log.record(at, event(node, at, run=run))
        for at, run, node in (
            (0, "r1", "a"),
            (10, "r2", "a"),
            (20, "r2", "b"),
            (30, "r2", "c"),
            (2_500, "r1", "b"),
        )
    ]
    log.judge(records)
    first = {out.value for out in log.judged[-1].verdicts}
    states = {key: value for key, value, _ in log.judged[-1].states if value is not None}
    log.restart({key: states[key] for key in states if key.split(b"\0")[1].decode() in kept})
    log.judge(records)
    again = {out.value for out in log.judged[-1].verdicts}
    assert again <= first
    lost = {run for run in ("r1", "r2") if run not in kept}
    assert {v["run_id"] for v in log.verdicts[len(first) :]} == lost
    assert log.stored() == states


# -- the form ------------------------------------------------------------------------------------


def test_R15_every_verdict_is_one_of_the_wire():
    """What the engine says validates against the published model."""
    log = Log(flow("a", {"id": "b", "dep_ids": ["a"], "conditions": timeout(1_000)}, "c"))
    log.come(event("a", 0))
    log.run_on(2_000)
    log.come(event("b", 900), at=2_100)
    log.run_on()
    log.come(event("c", 950_000))
    for verdict in log.verdicts:
        VerdictModel.model_validate(verdict)


def test_R15_latency_is_the_time_since_the_last_dependency():
    """Each node's first event tells how long after its dependencies it came; roots have no latency."""
    log = Log(flow("a", {"id": "b"}, {"id": "c", "dep_ids": ["a", "b"]}))
    log.come(event("a", 0), event("b", 5), event("c", 12), event("c", 100))
    latencies: dict[str, Any] = {n: reading(log.last, n)["latency_ms"] for n in ("a", "b", "c")}
    assert latencies == {"a": None, "b": None, "c": 7.0}


def test_R15_an_event_before_its_dependencies_has_no_latency():
    """Where clocks differ there is no time to tell."""
    log = Log(flow("a", "b"))
    log.come(event("b", 0), event("a", 500), at=500)
    assert reading(log.last, "b")["latency_ms"] is None
