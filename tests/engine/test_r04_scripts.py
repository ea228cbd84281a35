"""R4 filter, R5 context, R6 validator: what scripts decide, what they see, and when they run."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from streams.engine.script_calls import ScriptAnswer, ScriptCall
from tests.engine.driver import (
    START_NS,
    Log,
    cause,
    decided,
    event,
    flow,
    python,
    reading,
    statuses,
    summary,
    timeout,
)


def filtered(script: str, **fields: Any) -> dict[str, Any]:
    """A node `b` behind `a` with that filter."""
    return {"id": "b", "dep_ids": ["a"], "filter": python(script), **fields}


def validated(script: str, **fields: Any) -> dict[str, Any]:
    """A node `b` behind `a` with that validator."""
    return {"id": "b", "dep_ids": ["a"], "validator": python(script), **fields}


# -- R4 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", ["False", "None"])
def test_R4_false_or_none_excludes(script: str):
    """An excluded event is kept, shown as such, and counts for nothing."""
    log = Log(flow("a", filtered(script, required=False), {"id": "c", "dep_ids": ["a", "b"]}))
    log.come(event("a", 0), event("b", 1), event("c", 2))
    assert summary(log.verdicts) == ["1 passed"]
    assert statuses(log.last) == {"a": "passed", "b": "excluded", "c": "passed"}
    assert reading(log.last, "b")["event_ids"] == ["b@1"]


def test_R4_true_counts():
    """An event that its filter lets through is judged like any other."""
    log = Log(flow("a", filtered("data['n'] > 1")))
    log.come(event("a", 0), event("b", 1, data={"n": 2}))
    assert summary(log.verdicts) == ["1 passed"]


@pytest.mark.parametrize("script", ["1", "'yes'", "[]", "1 / 0"])
def test_R4_any_other_value_or_an_error_is_a_cause(script: str):
    """A filter that gives no answer is a cause, at once where the dependencies are there."""
    log = Log(flow("a", filtered(script)))
    log.come(event("a", 0), event("b", 1))
    assert summary(log.verdicts) == ["1 failed b filter_error"]
    assert decided(log.last) == 1


def test_R4_a_filter_error_says_what_went_wrong():
    """The reason carries the script's own message, and the event."""
    log = Log(flow("a", filtered("data['price'] > 1")))
    log.come(event("a", 0), event("b", 1))
    found = cause(log.last, "b")
    assert "python, line 1: KeyError: 'price'" in found["message"]
    assert found["event_ids"] == ["b@1"]


def test_R4_excluded_is_absent_for_the_deadline():
    """An excluded event does not keep its node from timing out (R10)."""
    log = Log(flow("a", filtered("False", conditions=timeout(1000))))
    log.come(event("a", 0), event("b", 1))
    assert summary(log.run_on(2_000)) == ["1 failed b timeout"]


def test_R4_excluded_is_absent_for_what_is_owed():
    """A node with only excluded events is missing if it is owed (R11)."""
    log = Log(flow("a", filtered("False")))
    log.come(event("a", 0), event("b", 1))
    assert summary(log.run_on()) == ["1 incomplete b missing"]


def test_R4_excluded_is_absent_for_branches():
    """An excluded event takes no branch: the other alternative is owed still (R23)."""
    log = Log(
        flow(
            "a",
            filtered("False", branch="pay"),
            {"id": "c", "dep_ids": ["a"], "branch": "pay"},
        )
    )
    log.come(event("a", 0), event("b", 1))
    assert log.verdicts == []
    assert summary(log.come(event("c", 2))) == ["1 passed"]


def test_R4_no_timeout_beside_a_filter_error():
    """Whether the node has come nobody can tell: one cause is enough."""
    log = Log(flow("a", filtered("1", conditions=timeout(1000))))
    log.come(event("a", 0), event("b", 1))
    log.run_on()
    assert summary(log.verdicts) == ["1 failed b filter_error"]


def test_R4_a_filter_runs_again_when_its_context_changes():
    """An event once excluded counts when a later dependency event makes its filter say so."""
    log = Log(flow("a", filtered("len(ctx['deps']) == 2")))
    log.come(event("a", 0), event("b", 1))
    assert log.verdicts == []
    assert summary(log.come(event("a", 2))) == ["1 passed"]


def test_R4_a_counted_event_can_be_excluded_again():
    """What is decided follows the filter's present answer: c loses the dependency that it had."""
    log = Log(flow("a", filtered("len(ctx['deps']) < 2", required=False), "c"))
    log.come(event("a", 0), event("b", 1), event("c", 2))
    assert summary(log.verdicts) == ["1 passed"]
    log.come(event("a", 3))
    assert summary(log.run_on(1_001)) == []
    assert summary(log.run_on(1_002)) == ["2 failed c dependency"]


def test_R4_an_error_before_the_dependencies_is_not_yet():
    """A filter that needs what is still to come is asked again when it has come."""
    log = Log(flow("a", filtered("ctx['data']['n'] == 1")))
    log.come(event("b", 1), at=1)
    assert log.verdicts == []
    log.come(event("a", 0, data={"n": 1}), at=2)
    assert summary(log.verdicts) == ["1 passed"]


def test_R4_not_yet_waits_no_longer_than_grace():
    """When grace is over, the dependency that its filter needed is a cause, as in R7."""
    log = Log(flow("a", filtered("ctx['data']['n'] == 1"), "c"))
    log.come(event("b", 0), at=0)
    assert log.run_on(999) == []
    assert summary(log.run_on(1_000)) == ["1 failed b dependency"]


def test_R4_not_yet_does_not_count():
    """An event whose filter cannot say yet satisfies nobody."""
    log = Log(flow("a", filtered("ctx['data']['n'] == 1"), "c"))
    log.come(event("b", 0), at=0)
    log.come(event("c", 500), at=500)
    assert summary(log.run_on(1_500)) == [
        "1 failed b dependency",
        "2 failed b dependency c dependency",
    ]


def test_R4_not_yet_becomes_an_error_with_the_dependencies():
    """Once the dependencies are there, no answer is a filter error."""
    log = Log(flow("a", filtered("ctx['data']['n'] == 1")))
    log.come(event("b", 1), at=1)
    assert summary(log.come(event("a", 0), at=2)) == ["1 failed b filter_error"]


def test_R4_an_error_becomes_not_yet_when_a_dependency_is_owed_again():
    """A dependency that was skippable may be so no longer: then the error is no answer yet."""
    nodes = [
        {"id": "card", "branch": "pay"},
        {"id": "cash", "branch": "pay"},
        {"id": "slip", "dep_ids": ["card"]},
        {"id": "done", "dep_ids": ["cash", "slip"], "filter": python("1")},
    ]
    log = Log(flow(*nodes))
    log.come(event("cash", 0), event("done", 1))
    assert summary(log.verdicts) == ["1 failed done filter_error"]
    log.come(event("card", 2))
    log.run_on(1_001)
    assert summary(log.verdicts[1:]) == ["2 failed done dependency"]


def test_R4_grace_starts_when_the_filter_lets_an_event_through():
    """An event that counts late waits for its other dependencies from then on (R7)."""
    node = {"id": "b", "dep_ids": ["a", "x"], "filter": python("len(ctx['deps']) > 0")}
    log = Log(flow("a", {"id": "x"}, node))
    log.come(event("b", 0), at=0)
    log.come(event("a", 0), at=1_900)
    assert log.run_on(2_899) == []
    assert summary(log.run_on(2_900)) == ["1 failed b dependency"]
    assert cause(log.last, "b")["expected"] == "x before b"


def test_R4_a_literal_false_is_never_reconsidered():
    """An event that its sender excluded asks no filter and stays excluded."""
    log = Log(flow("a", filtered("True", required=False)))
    log.come(event("b", 1, filter=False), event("a", 2), event("a", 3))
    assert log.calls == []
    assert statuses(log.last) == {"a": "passed", "b": "excluded"}


def test_R4_an_excluded_event_extends_the_window():
    """No counting, but life: the window runs from the last event, excluded ones too (R11)."""
    log = Log(flow("a", filtered("False")))
    log.come(event("a", 0), event("b", 600_000))
    assert log.run_on(1_499_999) == []
    assert summary(log.run_on(1_500_000)) == ["1 incomplete b missing"]


# -- R5 ----------------------------------------------------------------------------------------


def ctx_of(log: Log) -> dict[str, Any]:
    """What the last script call saw."""
    return orjson.loads(log.calls[-1].ctx)


def test_R5_deps_are_in_dep_ids_order_then_by_ts_then_by_event_id():
    """The order of the context is fixed, whatever arrived first; a repeated id stands once."""
    node = {"id": "z", "dep_ids": ["y", "x", "y"], "validator": python("True")}
    log = Log(flow({"id": "x"}, {"id": "y"}, node))
    for id_, name, at in (("2", "x", 0), ("4", "y", 5), ("3", "y", 3), ("1", "y", 5)):
        log.come(event(name, at, id=id_, data={"id": id_}), at=10)
    log.come(event("z", 10))
    assert ctx_of(log) == {
        "deps": [
            {"flow": "f", "id": "y", "data": {"id": "3"}},
            {"flow": "f", "id": "y", "data": {"id": "1"}},
            {"flow": "f", "id": "y", "data": {"id": "4"}},
            {"flow": "f", "id": "x", "data": {"id": "2"}},
        ]
    }


def test_R5_only_counted_events_of_direct_dependencies_are_seen():
    """Excluded events and those further up the graph are not in the context."""
    node = {"id": "z", "dep_ids": ["y"], "validator": python("True")}
    log = Log(flow({"id": "x"}, {"id": "y", "dep_ids": ["x"]}, node))
    log.come(
        event("x", 0, data={"n": 0}),
        event("y", 1, data={"n": 1}),
        event("y", 2, data={"n": 2}, filter=False),
        event("z", 3),
    )
    assert ctx_of(log) == {
        "deps": [{"flow": "f", "id": "y", "data": {"n": 1}}],
        "data": {"n": 1},
    }


@pytest.mark.parametrize(
    ("arrived", "seen"),
    [
        ([0, 500, 1_000, 1_001], 1_000),
        ([1_500, 1_200], 1_200),
        ([3_001], None),
    ],
    ids=["latest not after", "else earliest that satisfies", "else none"],
)
def test_R5_one_dependency_gives_data(arrived: list[int], seen: int | None):
    """With one entry in `dep_ids` its event's data stands beside `deps`."""
    log = Log(flow("a", filtered("True")))
    log.come(*(event("a", at, data={"n": at}) for at in arrived), at=3_001)
    log.come(event("b", 1_000), at=3_001)
    assert ctx_of(log).get("data") == (None if seen is None else {"n": seen})


def test_R5_the_tolerance_is_exact():
    """A dependency event after the judged one is seen up to the tolerance, to the nanosecond."""
    for late, seen in ((0, {"n": 1}), (1, None)):
        log = Log(flow("a", filtered("True")))
        log.come(event("a", 0, ts=START_NS + 2_000_000_000 + late, data={"n": 1}), at=2_001)
        log.come(event("b", 0), at=2_001)
        assert ctx_of(log).get("data") == seen


def test_R5_several_dependencies_give_no_data():
    """With two entries in `dep_ids` the context has `deps` alone."""
    node = {"id": "z", "dep_ids": ["x", "y"], "validator": python("True")}
    log = Log(flow({"id": "x"}, {"id": "y"}, node))
    log.come(event("x", 0), event("y", 0), event("z", 1))
    assert set(ctx_of(log)) == {"deps"}


def test_R5_a_root_sees_no_dependencies():
    """Without dependencies the context is an empty list."""
    log = Log(flow({"id": "a", "validator": python("True")}))
    log.come(event("a", 0))
    assert ctx_of(log) == {"deps": []}


def test_R5_a_script_is_called_with_the_data_of_its_event():
    """The call names engine, source and kind, and carries the event's data as JSON."""
    log = Log(flow({"id": "a", "validator": python("True")}))
    log.come(event("a", 0, data={"n": 1}))
    assert log.calls == [ScriptCall("python", "True", "validator", b'{"n":1}', b'{"deps":[]}')]


# -- R6 ----------------------------------------------------------------------------------------


def test_R6_a_validator_runs_once_the_dependencies_are_there():
    """Before that it has nothing to look at."""
    log = Log(flow("a", validated("True")))
    log.come(event("b", 1), at=1)
    assert log.calls == []
    log.come(event("a", 0), at=2)
    assert len(log.calls) == 1


def test_R6_it_runs_again_only_if_its_context_changes():
    """Duplicates, other nodes and excluded events ask nothing; a new dependency event does."""
    log = Log(flow("a", validated("True"), {"id": "other"}))
    log.come(event("a", 0), event("b", 1))
    log.come(event("a", 0), event("other", 2), event("a", 3, filter=False), event("b", 1))
    log.run_on()
    assert len(log.calls) == 1
    log.come(event("a", 4))
    assert len(log.calls) == 2


def test_R6_one_event_is_one_question():
    """A root whose own event starts its time is judged anew, but not asked again."""
    log = Log(flow({"id": "a"}, {"id": "b", "conditions": timeout(5), "validator": python("True")}))
    log.come(event("b", 0), event("a", 1))
    assert len(log.calls) == 1
    assert summary(log.verdicts) == ["1 passed"]


def test_R6_it_is_not_asked_again_after_a_restart():
    """What a script said is part of the state."""
    log = Log(flow("a", validated("False"), {"id": "other"}))
    log.come(event("a", 0), event("b", 1))
    log.restart()
    log.come(event("other", 2))
    log.run_on()
    assert len(log.calls) == 1
    assert summary(log.verdicts) == ["1 failed b validator"]


def test_R6_false_is_a_cause_and_true_is_none():
    """Each counted event is judged: the cause names those that were found wrong."""
    log = Log(flow("a", validated("data['n'] == 1")))
    log.come(event("a", 0), event("b", 1, data={"n": 1}), event("b", 2, data={"n": 2}))
    assert summary(log.verdicts) == ["1 passed", "2 failed b validator"]
    assert cause(log.last, "b")["event_ids"] == ["b@2"]


@pytest.mark.parametrize("script", ["None", "1", "'True'", "[True]", "data['x']"])
def test_R6_anything_else_is_a_validator_error(script: str):
    """A validator says True or False; another type or an exception is no answer."""
    log = Log(flow("a", validated(script)))
    log.come(event("a", 0), event("b", 1))
    assert summary(log.verdicts) == ["1 failed b validator_error"]


def test_R6_a_validator_error_names_engine_line_and_message():
    """The reason is enough to repair the script."""
    log = Log(flow("a", validated("data['price'] > 1")))
    log.come(event("a", 0), event("b", 1))
    message = cause(log.last, "b")["message"]
    assert message == "b: the validator gave no answer: python, line 1: KeyError: 'price'"


def test_R6_none_is_named_as_what_it_is():
    """A validator that forgot its `return` is told so."""
    log = Log(flow("a", validated("None")))
    log.come(event("a", 0), event("b", 1))
    assert cause(log.last, "b")["message"] == "b: the validator gave no answer: it returned None"


def test_R6_a_changed_context_can_heal_a_cause():
    """Causes are recomputed: what a validator no longer says is gone."""
    log = Log(flow("a", validated("sum(d['data']['n'] for d in ctx['deps']) == data['n']")))
    log.come(event("a", 0, data={"n": 1}), event("b", 1, data={"n": 3}))
    log.come(event("a", 2, data={"n": 2}))
    assert summary(log.verdicts) == ["1 failed b validator", "2 passed"]


@pytest.mark.parametrize("kind", ["act", "assert", "generic", "hook"])
def test_R6_a_node_without_validator_is_judged_by_its_event_alone(kind: str):
    """Also an `assert` needs no script to pass."""
    log = Log(flow({"id": "a", "type": kind}))
    log.come(event("a", 0, type=kind))
    assert summary(log.verdicts) == ["1 passed"]


def test_R6_an_excluded_event_is_not_validated():
    """What its filter excluded no validator sees."""
    log = Log(flow("a", filtered("False", validator=python("False"), required=False)))
    log.come(event("a", 0), event("b", 1))
    assert [call.kind for call in log.calls] == ["filter"]
    assert summary(log.verdicts) == ["1 passed"]


def over_limit(call: ScriptCall) -> ScriptAnswer:
    """A sandbox in which every `True` runs out of time."""
    detail = "python: more than 50 ms"
    return ScriptAnswer("limit", detail) if call.source == "True" else ScriptAnswer("false")


@pytest.mark.parametrize("field", ["validator", "filter"])
def test_R6_a_verdict_that_rests_on_a_limit_says_so(field: str):
    """A script over its limit is a cause, marked as one that a replay may not repeat."""
    log = Log(flow("a", {"id": "b", "dep_ids": ["a"], field: python("True")}), script=over_limit)
    log.come(event("a", 0), event("b", 1))
    assert summary(log.verdicts) == [f"1 failed b {field}_error"]
    assert log.last["script_limit"] is True
    assert "more than 50 ms" in cause(log.last, "b")["message"]


def test_R6_a_verdict_that_rests_on_no_limit_does_not():
    """An honest False is not a limit."""
    log = Log(flow("a", validated("1 == 2")), script=over_limit)
    log.come(event("a", 0), event("b", 1))
    assert log.last["script_limit"] is False


def test_R6_a_script_that_does_not_compile_is_a_definition_cause():
    """A broken script is a wrong definition, not a wrong event (R18)."""
    log = Log(flow("a", validated("1 +")))
    log.come(event("a", 0), event("b", 1))
    assert summary(log.verdicts) == ["1 failed b definition"]
    assert "its validator does not compile: python, line 1" in cause(log.last, "b")["message"]
