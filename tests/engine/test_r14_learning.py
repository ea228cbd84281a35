"""R14 learned flows, and definitions that come with events (R18)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.v1.definition_record import DefinitionRecord
from streams.engine.definitions.registry import Definitions
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


def lessons(log: Log) -> list[dict[str, Any]]:
    """The records of kind `learned` that were offered so far."""
    records = [orjson.loads(value) for judged in log.judged for _, value in judged.learned]
    return [record for record in records if record["kind"] == "learned"]


# -- R14 ----------------------------------------------------------------------------------------


def test_R14_the_first_run_of_a_flow_passes_when_it_has_settled():
    """Nobody knows yet what else belongs to the flow: `passed` waits for `settle_ms` of silence."""
    log = Log()
    log.come(event("a", 0), event("b", 1, dep_ids=["a"]))
    assert log.clock(5_000) == []
    assert summary(log.clock(5_001)) == ["1 passed"]
    assert (decided(log.last), log.last["trigger"], log.last["learned"]) == (
        5_001,
        "definition",
        True,
    )


@pytest.mark.parametrize("fields", [{}, {"filter": False}], ids=["counted", "excluded"])
def test_R14_every_new_event_begins_the_wait_anew(fields: dict[str, Any]):
    """Silence is silence: excluded events end it, duplicates do not."""
    log = Log()
    log.come(event("a", 0), event("a", 3_000, **fields))
    log.come(event("a", 0), at=4_000)
    assert log.clock(7_999) == []
    assert summary(log.clock(8_000)) == ["1 passed"]


def test_R14_settling_is_an_option_of_the_flow():
    """Events may state `settle_ms`, as any option."""
    log = Log()
    log.come(event("a", 0, options={"settle_ms": 10}))
    assert log.clock(9) == []
    assert summary(log.clock(10)) == ["1 passed"]


def test_R14_a_failure_does_not_wait():
    """What is certain is said at once."""
    log = Log()
    log.come(event("a", 0, validator=python("False")))
    assert summary(log.verdicts) == ["1 failed a validator"]


def test_R14_a_known_flow_passes_at_once():
    """The next run is judged by what the first one taught."""
    log = Log()
    log.come(event("a", 0), event("b", 1, dep_ids=["a"]))
    log.run_on()
    log.come(event("a", 10_000, run="r2"), event("b", 10_001, run="r2", dep_ids=["a"]))
    assert (log.last["run_id"], log.last["status"]) == ("r2", "passed")
    assert decided(log.last) == 10_001
    assert log.last["learned"] is True


def test_R14_a_learned_flow_owes_what_it_taught():
    """A later run in which a learned node does not come is incomplete."""
    log = Log()
    log.come(event("a", 0), event("b", 1, dep_ids=["a"]))
    log.run_on()
    log.come(event("a", 10_000, run="r2"))
    log.run_on()
    assert summary(log.verdicts[1:]) == ["1 incomplete b missing"]


def test_R14_a_new_node_in_a_known_flow_settles():
    """A flow that grows is unknown again for the run that makes it grow."""
    log = Log()
    log.come(event("a", 0))
    log.run_on()
    log.come(event("b", 10_000, run="r2"), event("a", 10_001, run="r2"))
    log.run_on()
    assert [(v["run_id"], decided(v)) for v in log.verdicts] == [("r1", 5_000), ("r2", 15_001)]


def test_R14_a_passed_run_that_grows_says_nothing_new():
    """The run is undecided until it has settled, and then it is passed as before."""
    log = Log(flow("a"))
    log.come(event("a", 0))
    log.come(event("b", 1))
    log.run_on()
    assert summary(log.verdicts) == ["1 passed"]


def test_R14_what_a_run_teaches_is_offered_once():
    """The same lesson, repeated with every call, is one record of the definitions topic."""
    log = Log()
    for at in (0, 10, 10_000, 10_010):
        log.come(event("a", at, dep_ids=["z"], run=f"r{at}"))
    assert lessons(log) == [
        {
            "v": 1,
            "kind": "learned",
            "flow": "f",
            "node": {"id": "a", "type": "act", "dep_ids": ["z"]},
            "options": {},
        }
    ]


def test_R14_offered_records_are_valid_and_have_the_key_of_their_node():
    """What the engine offers is what the definitions topic may hold."""
    log = Log()
    log.come(event("a", 0, options={"settle_ms": 1}), event("b", 1, validator=python("True")))
    offered = [pair for judged in log.judged for pair in judged.learned]
    assert [key.split(b"@")[0] for key, _ in offered] == [b"f", b"f/a", b"f/b"]
    for _, value in offered:
        DefinitionRecord.parse(value)


def test_R14_the_newest_record_of_a_node_says_all_that_is_known_of_it():
    """The topic is compacted: who reads only the newest record of each key knows the same flow."""
    log = Log()
    log.come(event("a", 0), event("b", 1, dep_ids=["a"], options={"settle_ms": 10}))
    log.come(event("b", 10_000, run="r2", conditions=timeout(50), options={"grace_ms": 5}))
    log.come(event("b", 20_000, run="r3", options={"window_ms": 70}, validator=python("True")))
    compacted = {key: value for judged in log.judged for key, value in judged.learned}
    reader = Definitions()
    for key, value in compacted.items():
        reader.add(key, value, START_NS)
    assert reader.newest("f").content() == log.definitions.newest("f").content()
    assert reader.newest("f").nodes["b"].deps == ("a",)
    assert reader.newest("f").options.settle_ms == 10


def test_R14_options_alone_are_a_lesson():
    """Options that come with a known node are learned once, and then make nobody wait."""
    log = Log(flow("a"))
    for at in (0, 10_000, 20_000):
        log.come(event("a", at, run=f"r{at}", options={"settle_ms": 100}))
        log.run_on()
    assert [decided(verdict) for verdict in log.verdicts] == [100, 10_000, 20_000]
    assert [record["options"] for record in lessons(log)] == [{"settle_ms": 100}]


def test_R14_lessons_of_two_runs_do_not_undo_each_other():
    """Runs that teach different fields of one node at a time leave both known."""
    log = Log(flow("a"))
    log.come(event("b", 0, run="r1", dep_ids=["a"]), event("b", 1, run="r2", exclusive=True))
    newest = log.definitions.newest("f").learned["b"]
    assert (newest["dep_ids"], newest["exclusive"]) == (["a"], True)
    assert lessons(log)[-1]["node"] == newest


@pytest.mark.parametrize("kind", ["act", "assert", "hook"])
def test_R14_what_no_judgement_reads_teaches_nothing(kind: str):
    """Description, meta and a type that is no trigger may change with every call."""
    log = Log(flow({"id": "a"}))
    log.come(event("a", 0, type=kind, description="one", additional_meta={"n": 1}))
    assert lessons(log) == []
    assert summary(log.verdicts) == ["1 passed"]
    assert log.last["learned"] is False


# -- Definitions ---------------------------------------------------------------------------------


def test_definitions_yaml_wins_field_by_field():
    """What an operator stated stands; what he left open may be learned."""
    published = flow({"id": "a"}, {"id": "b", "dep_ids": ["a"], "validator": python("True")})
    log = Log(published)
    log.come(event("a", 0))
    log.come(event("b", 2_000, validator=python("False"), conditions=timeout(1_000)))
    assert summary(log.verdicts) == ["1 failed b late"]


def test_definitions_options_of_yaml_win():
    """The same holds for the options of the flow."""
    log = Log(flow("a", "b", grace_ms=10))
    log.come(event("b", 0, options={"grace_ms": 5_000, "clock_tolerance_ms": 0}))
    assert summary(log.clock(10)) == ["1 failed b dependency"]
    log.come(event("a", 1, run="r2"), event("b", 0, run="r2", id="e"), at=20)
    log.come(event("b", 0, run="r2", id="e2", options={"clock_tolerance_ms": 0}), at=20)
    log.run_on()
    assert (log.last["run_id"], causes(log.last)) == ("r2", ["b order"])


def test_definitions_a_learned_node_beside_yaml_is_judged_when_it_comes():
    """It is held to what its events state."""
    log = Log(flow({"id": "a"}, {"id": "b"}))
    log.come(event("a", 0), event("extra", 1, validator=python("False")))
    assert summary(log.verdicts) == ["1 failed extra validator"]
    assert log.last["learned"] is True


def test_definitions_a_learned_node_beside_yaml_is_owed_by_none():
    """A later run passes without it."""
    log = Log(flow("a"))
    log.come(event("a", 0), event("extra", 1))
    log.run_on()
    log.come(event("a", 10_000, run="r2"))
    assert (log.last["run_id"], log.last["status"]) == ("r2", "passed")
    assert statuses(log.last) == {"a": "passed", "extra": "skipped"}
    assert log.last["learned"] is False


def test_definitions_nobody_can_close_a_flow_by_an_event():
    """`closed` is a decision of the YAML: a service cannot shut out the nodes of others."""
    log = Log()
    log.come(event("a", 0, options={"closed": True}), event("b", 1))
    log.run_on()
    log.come(event("a", 10_000, run="r2"), event("c", 10_001, run="r2"))
    log.run_on()
    assert {v["status"] for v in log.verdicts} <= {"passed", "incomplete"}


def test_definitions_the_latest_statement_wins():
    """Of two statements in one run the one that happened later counts, whatever arrived first (R3)."""
    early = event("b", 0, id="early", validator=python("False"))
    late = event("b", 5, id="late", validator=python("True"))
    for order in ((early, late), (late, early)):
        log = Log()
        log.come(*order, at=5)
        log.run_on()
        assert log.end().status == "passed"


def test_definitions_a_lesson_judges_what_came_before_it():
    """What an event teaches holds for the whole run, also for events that came earlier."""
    log = Log()
    log.come(event("b", 0))
    log.come(event("b", 1, validator=python("data == {}"), conditions=timeout(1)))
    log.come(event("a", 2, data={"n": 1}), event("b", 3, dep_ids=["a"], data={"n": 1}))
    log.run_on()
    assert causes(log.last) == ["b validator"]


def test_definitions_a_learned_trigger_may_be_skipped():
    """`type: trigger` alone is worth learning (R24)."""
    log = Log()
    log.come(event("t", 0, type="trigger"), event("a", 1, dep_ids=["t"]))
    log.run_on()
    log.come(event("a", 10_000, run="r2", dep_ids=["t"]))
    assert (log.last["run_id"], log.last["status"]) == ("r2", "passed")
    assert statuses(log.last) == {"t": "skipped", "a": "passed"}
