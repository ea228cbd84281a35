from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import TopicPartition

from streams.engine.definitions.registry import Definitions
from streams.engine.script_calls import ScriptAnswer
from streams.replay.recording import decode_line
from streams.replay.what_if import RunChange, WhatIf
from tests.support.recorded_lines import clock, event, ns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.engine.script_calls import ScriptCall

EVENTS = TopicPartition("flow-events.v1", 0)


def within(timeout_ms: int, **options: Any) -> dict[str, Any]:
    """Return a flow of `a`, and `b` that must follow so soon."""
    b = {"id": "b", "dep_ids": ["a"], "conditions": [{"timeout_ms": timeout_ms}]}
    return {"flow": "f", "options": options, "nodes": [{"id": "a"}, b]}


async def say_false(calls: Sequence[ScriptCall]) -> list[ScriptAnswer]:
    return [ScriptAnswer("false") for _ in calls]


async def what_if(
    before: dict[str, Any],
    after: dict[str, Any],
    lines: list[str],
    *,
    until_ms: int = 0,
    batch: int = 100,
) -> WhatIf:
    sides = (Definitions(), Definitions())
    for side, definition in zip(sides, (before, after), strict=True):
        side.publish(definition)
    judged = WhatIf(EVENTS, *sides, flows={"f"}, evaluate=say_false)
    records = [decode_line(number, line.encode()) for number, line in enumerate(lines, start=1)]
    for first in range(0, len(records), batch):
        await judged.take(records[first : first + batch])
    await judged.run_on(ns(until_ms))
    return judged


def statuses(change: RunChange) -> tuple[list[str], list[str]]:
    return [said.status for said in change.before], [said.status for said in change.after]


IN_TIME = [event("a", 0), event("b", 1500)]


async def test_a_run_that_both_judge_alike_is_no_change() -> None:
    judged = await what_if(within(5000), within(2000), IN_TIME)
    assert judged.changes(()) == []
    assert [life[:2] for life in judged.lives] == [("f", "run-1")]


@pytest.mark.parametrize("batch", [1, 100])
async def test_a_shorter_timeout_is_told_with_its_reason(batch: int) -> None:
    judged = await what_if(within(5000), within(1000), IN_TIME, batch=batch)
    (change,) = judged.changes(())
    assert statuses(change) == (["passed"], ["failed"])
    assert change.life == ("f", "run-1", ns(0))
    assert change.after[0].causes == {("b", "late")}
    assert change.after[0].reasons == (
        "b: came 500 ms too late, due 1 s after a (deadline 12:00:01.000 UTC)",
    )


@pytest.mark.parametrize("batch", [1, 100])
async def test_deadlines_of_the_other_definition_fire_where_the_log_was_quiet(batch: int) -> None:
    # The log has no record by which the deadline after 1 s could fire in time: with that
    # definition a worker would have written one.
    lines = [event("a", 0), event("b", 9000)]
    judged = await what_if(within(20_000), within(1000), lines, batch=batch)
    (change,) = judged.changes(())
    assert statuses(change) == (["passed"], ["failed", "failed"])
    assert change.after[0].causes == {("b", "timeout")}


@pytest.mark.parametrize("batch", [1, 100])
async def test_an_outage_excuses_both_sides_alike(batch: int) -> None:
    # The clock record that the deadline after 2 s asked for came 20 s late: nobody could write.
    lines = [event("a", 0), clock(23_000), event("b", 900, recorded_at=ns(23_100))]
    judged = await what_if(within(2000), within(3000), lines, batch=batch)
    assert judged.changes(()) == []
    assert len(judged.lives) == 1


async def test_time_runs_on_behind_the_log_for_both_sides() -> None:
    lines = [event("a", 0)]
    open_still = await what_if(within(2000), within(4000), lines, until_ms=2_500)
    assert open_still.changes(()) == []
    half = await what_if(within(2000), within(4000), lines, until_ms=3_000)
    assert statuses(half.changes(())[0]) == (["failed"], [])
    both = await what_if(within(2000), within(4000), lines, until_ms=10_000)
    assert both.changes(()) == []


async def test_the_same_end_by_another_way_is_a_change() -> None:
    lines = [event("a", 0), clock(2000), event("b", 900, recorded_at=ns(2100))]
    judged = await what_if(within(1000), within(5000), lines)
    assert statuses(judged.changes(())[0]) == (["failed", "passed"], ["passed"])


async def test_an_incomplete_run_changes_with_what_it_lacks() -> None:
    before: dict[str, Any] = {
        "flow": "f",
        "options": {"window_ms": 100},
        "nodes": [{"id": "a"}, {"id": "b"}],
    }
    after = {**before, "nodes": [*before["nodes"], {"id": "c"}]}
    judged = await what_if(before, after, [event("a", 0)], until_ms=10_000)
    (change,) = judged.changes(())
    assert (change.before[0].reasons, change.after[0].reasons) == (
        ("missing: b",),
        ("missing: b, c",),
    )


async def test_scripts_are_asked_for_each_side() -> None:
    checked = within(5000)
    checked["nodes"][1]["validator"] = {"engine": "python", "script": "False"}
    judged = await what_if(within(5000), checked, IN_TIME)
    (change,) = judged.changes(())
    assert change.after[0].causes == {("b", "validator")}


async def test_runs_of_other_flows_only_let_time_pass() -> None:
    lines = [event("a", 0), event("a", 4000, flow="g", run_id="other", event_id="g")]
    judged = await what_if(within(2000), within(9000), lines)
    assert [life[:2] for life in judged.lives] == [("f", "run-1")]
    assert statuses(judged.changes(())[0]) == (["failed"], [])


async def test_what_is_left_out_is_no_change() -> None:
    judged = await what_if(within(5000), within(1000), IN_TIME)
    assert judged.changes({("f", "run-1")}) == []
