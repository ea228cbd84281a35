from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.v1.verdict import Verdict
from streams.engine.definitions.registry import Definitions
from streams.errors import BadLine
from streams.replay.recorded import Replay, Until
from tests.support.recorded_lines import clock, event, ns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streams.engine.script_calls import ScriptAnswer, ScriptCall

THREE_STEPS = {
    "flow": "f",
    "options": {"window_ms": 10_000},
    "nodes": [
        {"id": "a"},
        {"id": "b", "dep_ids": ["a"], "conditions": [{"timeout_ms": 1000}]},
        {"id": "c", "dep_ids": ["b"]},
    ],
}


class Pieces:
    """A stream that gives at most `size` bytes at a time."""

    def __init__(self, text: str, size: int) -> None:
        self._bytes = io.BytesIO(text.encode())
        self._size = size

    def read1(self, size: int, /) -> bytes:
        return self._bytes.read1(min(size, self._size))


def no_scripts(calls: Sequence[ScriptCall]) -> list[ScriptAnswer]:
    raise AssertionError(f"nothing here has a script: {calls}")


def judge(
    lines: Iterable[str],
    *,
    definition: dict[str, Any] | None = THREE_STEPS,
    until: Until = "end",
    bad: list[BadLine] | None = None,
    piece: int = 1_000_000,
) -> list[dict[str, Any]]:
    """Return the verdicts of a replay, each checked against the model of the wire."""
    definitions = Definitions()
    if definition is not None:
        definitions.publish(definition)
    on_bad_line = None if bad is None else bad.append
    replay = Replay(definitions, no_scripts, until=until, on_bad_line=on_bad_line)
    verdicts: list[dict[str, Any]] = []
    for judged in replay.judge(Pieces("\n".join(lines), piece)):
        for out in judged.verdicts:
            Verdict.model_validate_json(out.value)
            verdicts.append(orjson.loads(out.value))
    return verdicts


def brief(verdicts: list[dict[str, Any]]) -> list[tuple[str, float]]:
    """Return status and instant (ms) of each verdict."""
    return [(v["status"], (v["decided_at_ns"] - ns(0)) / 1_000_000) for v in verdicts]


def test_time_runs_on_until_every_run_is_closed() -> None:
    assert brief(judge([event("a", 0)])) == [("failed", 2000)]
    assert brief(judge([event("a", 0), event("b", 10)])) == [("incomplete", 10_010)]


def test_until_last_stops_with_the_last_line() -> None:
    lines = [event("a", 0)]
    assert judge(lines, until="last") == []
    assert brief(judge([*lines, clock(1999)], until="last")) == []
    assert brief(judge([*lines, clock(2000)], until="last")) == [("failed", 2000)]


def test_until_an_instant_lets_all_that_is_due_by_then_fall_due() -> None:
    lines = [event("a", 0)]
    assert judge(lines, until=ns(1999)) == []
    assert brief(judge(lines, until=ns(2000))) == [("failed", 2000)]


def test_until_an_instant_does_not_read_what_was_recorded_later() -> None:
    lines = [event("a", 0), event("b", 500), event("c", 600), "not even JSON"]
    assert judge(lines, until=ns(599)) == []
    with pytest.raises(BadLine):
        judge(lines, until=ns(600))


def test_the_clock_is_the_largest_time_so_far() -> None:
    lines = [event("a", 0), clock(2000), event("b", 900), event("c", 1000)]
    assert brief(judge(lines)) == [("failed", 2000), ("passed", 2000)]


def test_an_outage_of_the_log_moves_what_fell_due_in_it() -> None:
    lines = [event("a", 0), event("b", 900, recorded_at=ns(60_000)), event("c", 1000)]
    assert brief(judge(lines)) == [("passed", 60_000)]


def test_the_effects_of_the_lines_before_a_bad_one_come_first() -> None:
    lines = [event("a", 0), event("b", 1), event("c", 2), "", "nonsense", event("a", 3)]
    definitions = Definitions()
    definitions.publish(THREE_STEPS)
    judging = Replay(definitions, no_scripts).judge(Pieces("\n".join(lines), 1_000))
    said: list[str] = []
    with pytest.raises(BadLine, match="line 5: not JSON"):
        said.extend(out.status for judged in judging for out in judged.verdicts)
    assert said == ["passed"]


def test_bad_lines_can_be_left_out() -> None:
    bad: list[BadLine] = []
    lines = [event("a", 0), "nonsense", event("b", 1), "[]", event("c", 2)]
    assert brief(judge(lines, bad=bad)) == [("passed", 2)]
    assert [error.number for error in bad] == [2, 4]


def test_the_source_of_a_verdict_is_its_line() -> None:
    (verdict,) = judge(["", event("a", 0), event("b", 1), event("c", 2)])
    assert verdict["source"] == {"topic": "flow-events.v1", "partition": 0, "offset": 3}


def test_time_that_runs_on_stands_behind_the_last_line() -> None:
    (verdict,) = judge([event("a", 0), "", ""])
    assert verdict["source"]["offset"] == 1


def test_what_events_teach_judges_the_runs_that_open_two_seconds_later() -> None:
    teaching = [
        event("a", 0, run_id="first", options={"settle_ms": 0}),
        event("b", 100, run_id="first", dep_ids=["a"]),
    ]
    lines = [
        *teaching,
        event("a", 2099, run_id="too-early"),
        event("a", 2100, run_id="after"),
    ]
    verdicts = {v["run_id"]: v for v in judge(lines, definition=None)}
    assert verdicts["first"]["status"] == "passed"
    assert [node["node"] for node in verdicts["too-early"]["nodes"]] == ["a"]
    assert verdicts["after"]["status"] == "incomplete"
    assert [node["node"] for node in verdicts["after"]["nodes"]] == ["a", "b"]


runs = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d"]),
        st.integers(0, 8_000),
        st.sampled_from(["r1", "r2", "r3"]),
        st.sampled_from([None, ["a"], ["b"]]),
    ),
    max_size=14,
)


@settings(max_examples=60)
@given(runs, st.integers(1, 700), st.booleans())
def test_where_the_pieces_of_a_file_end_changes_nothing(
    steps: list[tuple[str, int, str, list[str] | None]], piece: int, published: bool
) -> None:
    lines = [
        event(node, at, run_id=run_id, event_id=str(number), **({"dep_ids": deps} if deps else {}))
        for number, (node, at, run_id, deps) in enumerate(sorted(steps, key=lambda step: step[1]))
    ]
    definition = THREE_STEPS if published else None
    assert judge(lines, definition=definition, piece=piece) == judge(lines, definition=definition)


def test_memory_is_bounded_by_what_is_retained_not_by_what_was_read() -> None:
    definitions = Definitions({"forget_after_ms": 1_000, "window_ms": 1_000})
    definitions.publish({"flow": "f", "nodes": [{"id": "a"}]})
    replay = Replay(definitions, no_scripts)
    lines = [event("a", 100 * n, run_id=str(n)) for n in range(5_000)]
    kept = [len(replay._partition.runs) for _ in replay.judge(Pieces("\n".join(lines), 20_000))]
    assert max(kept[2:]) < 400
    assert kept[-1] <= 25
