"""The fast path (fast_path.py) judges ordinary events as the general rules would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.engine import run_in_batch
from streams.engine.run import codec
from streams.engine.run.codec import decode_run
from tests.engine.driver import Log, event, flow, python, timeout
from tests.engine.generate import OUTAGE_STEPS_MS, VALIDATORS, Arrival, flows, logs

if TYPE_CHECKING:
    from streams.engine.run.run import Run

TAKE = run_in_batch.take_on_fast_path
RESTORE = codec.restore_on_fast_path


@st.composite
def ordinary_flows(draw: st.DrawFn) -> dict[str, Any]:
    """A flow without a choice or an excuse, as most are."""
    names = "abcd"[: draw(st.integers(2, 4))]
    nodes: list[dict[str, Any]] = []
    for place, name in enumerate(names):
        node: dict[str, Any] = {"id": name, "dep_ids": [names[place - 1]] if place else []}
        if place > 1 and draw(st.booleans()):
            node["dep_ids"].append(names[0])
        if place and draw(st.booleans()):
            node["conditions"] = timeout(draw(st.sampled_from((5, 20, 200))))
        if draw(st.sampled_from((False, False, True))):
            node["validator"] = python(draw(st.sampled_from(VALIDATORS)))
        nodes.append(node)
    return {"flow": "f", "options": {"grace_ms": 10, "window_ms": 50}, "nodes": nodes}


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, Any], list[Arrival]]:
    """Flows that are ordinary more often than not, and logs that often go as they should."""
    definition = draw(st.one_of(ordinary_flows(), ordinary_flows(), flows()))
    arrivals = draw(logs(definition, steps=OUTAGE_STEPS_MS))
    if draw(st.booleans()):
        in_order = [
            Arrival(place * 3, event(node["id"], place * 3, data={"n": draw(st.integers(0, 3))}))
            for place, node in enumerate(definition["nodes"])
        ]
        start = in_order[-1].at
        arrivals = [
            *in_order,
            *(Arrival(start + arrival.at, arrival.event) for arrival in arrivals),
        ]
    return definition, arrivals


class Told:
    """What came of a log, with or without the fast path."""

    def __init__(self, definition: dict[str, Any], arrivals: list[Arrival], take: Any) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(run_in_batch, "take_on_fast_path", take)
            log = Log(definition)
            self.stored: list[dict[bytes, Any]] = []
            self.due: list[int | None] = []
            for arrival in arrivals:
                log.judge([log.record(*arrival)])
                self.stored.append(
                    {key: orjson.loads(value) for key, value in log.stored().items()}
                )
                self.due.append(log.partition.next_due_ns())
            log.run_on()
        self.verdicts = log.verdicts
        self.calls = log.calls


def never(*_: Any) -> bool:
    """Take no event on the fast path."""
    return False


@given(cases())
def test_R15_an_ordinary_event_is_judged_as_any_other(case: tuple[dict[str, Any], list[Arrival]]):
    """Verdicts, stored runs, due instants and script calls are the same, record by record."""
    definition, arrivals = case
    directly = Told(definition, arrivals, TAKE)
    in_general = Told(definition, arrivals, never)
    assert directly.verdicts == in_general.verdicts
    assert directly.stored == in_general.stored
    assert directly.due == in_general.due
    assert directly.calls == in_general.calls


def restored(log: Log, restore: Any) -> dict[bytes, Any]:
    """Return what is read in the stored runs of a log, with or without the fast path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "restore_on_fast_path", restore)
        return {
            key: _read(decode_run(key, stored, log.definitions))
            for key, stored in log.stored().items()
        }


def _read(run: Run) -> Any:
    entries = [
        (entry.event_id, entry.standing, entry.base_ts, entry.causes)
        for entry in run.entries.values()
    ]
    counted = {
        node: [entry.event_id for entry in node_events.counted]
        for node, node_events in run.nodes.items()
    }
    versions = {node: node_events.version for node, node_events in run.nodes.items()}
    failing = {key: [entry.event_id for entry in entries] for key, entries in run.failing.items()}
    waits = (set(run.waiting), set(run.conditional), run.owed, run.timeouts, run.wake_at)
    return entries, counted, versions, failing, waits, run.dirty


@given(cases())
def test_R15_a_stored_run_is_read_directly_as_in_general(
    case: tuple[dict[str, Any], list[Arrival]],
):
    """What its entries rest on, what is owed and until when: the same after every record."""
    definition, arrivals = case
    log = Log(definition)
    for arrival in arrivals:
        log.judge([log.record(*arrival)])
        assert restored(log, RESTORE) == restored(log, never)


def ordinary(*deps_of_c: str) -> Log:
    """A log of a flow as most are, with a validator on its second node."""
    return Log(
        flow(
            {"id": "a"},
            {"id": "b", "dep_ids": ["a"], "conditions": timeout(50), "validator": python("True")},
            {"id": "c", "dep_ids": list(deps_of_c), "conditions": timeout(50)},
        )
    )


def spied(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[bool]:
    """Return what a function of the engine answers from now on, call by call."""
    answers: list[bool] = []
    function = getattr(module, name)

    def spy(*arguments: Any) -> bool:
        answers.append(function(*arguments))
        return answers[-1]

    monkeypatch.setattr(module, name, spy)
    return answers


def test_R15_an_ordinary_stored_run_is_read_directly(monkeypatch: pytest.MonkeyPatch):
    """The fast path is worth its code, with validators and without."""
    read = spied(monkeypatch, codec, "restore_on_fast_path")
    log = ordinary("b")
    log.come(event("a", 0))
    log.restart()
    log.come(event("b", 10))
    log.restart()
    log.come(event("c", 20))
    assert read == [True, True]
    assert log.last["status"] == "passed"


def test_R15_a_run_that_goes_as_it_should_stays_on_the_fast_path(monkeypatch: pytest.MonkeyPatch):
    """The fast path is taken by every event of an ordinary run: it is worth its code."""
    taken = spied(monkeypatch, run_in_batch, "take_on_fast_path")
    log = ordinary("a", "b")
    log.come(event("a", 0), event("b", 10), event("c", 20))
    assert taken == [True, True, True]
    assert log.last["status"] == "passed"
