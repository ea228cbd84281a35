"""Judgement: a batch goes as far as it can, waits for scripts, and ends with its effects."""

from __future__ import annotations

import pytest

from streams.engine.script_calls import ScriptAnswer
from tests.engine.driver import Log, event, flow, python

TRUE = ScriptAnswer("true")


def log_with_validators() -> Log:
    return Log(flow({"id": "a", "validator": python("lambda data, ctx: True")}))


def test_a_batch_without_scripts_is_judged_at_once() -> None:
    log = Log(flow("a"))
    judgement = log.partition.judge([log.record(0, event("a"))])
    assert judgement.calls == []
    assert [verdict.status for verdict in judgement.judged.verdicts] == ["passed"]


def test_an_empty_batch_has_no_effects() -> None:
    judged = Log(flow("a")).partition.judge([]).judged
    assert (judged.verdicts, judged.states, judged.refused) == ([], [], [])


def test_a_batch_waits_for_the_scripts_of_all_its_runs() -> None:
    log = log_with_validators()
    records = [log.record(0, event("a", run=run)) for run in ("r1", "r2", "r3")]
    judgement = log.partition.judge(records)
    assert len(judgement.calls) == 3
    with pytest.raises(RuntimeError, match="3 script calls have no answer yet"):
        assert judgement.judged
    judgement.answer([TRUE] * 3)
    assert judgement.calls == []
    assert [verdict.key for verdict in judgement.judged.verdicts] == [b"r1", b"r2", b"r3"]


def test_a_run_that_waits_for_no_script_is_stored_meanwhile() -> None:
    log = Log(flow({"id": "a", "validator": python("lambda data, ctx: True")}, "b"))
    records = [log.record(0, event("b", run="r1")), log.record(0, event("a", run="r2"))]
    judgement = log.partition.judge(records)
    assert len(judgement.calls) == 1
    assert [key for key in log.stored() if key.endswith(b"r1")] == list(log.stored())
    judgement.answer([TRUE])
    assert len(log.stored()) == 2


def test_each_call_needs_one_answer() -> None:
    log = log_with_validators()
    judgement = log.partition.judge([log.record(0, event("a"))])
    with pytest.raises(ValueError, match="argument"):
        judgement.answer([TRUE, TRUE])
