"""The stored form of a run."""

from __future__ import annotations

from operator import attrgetter

import pytest

from schemas.errors import InvalidDefinition
from schemas.ids import state_key
from schemas.units import NS_PER_MS
from streams.engine.definitions.registry import Definitions
from streams.engine.rules.causes import current_causes
from streams.engine.run.codec import decode_run, encode_run, read_header, state_offset
from tests.engine.driver import START_NS, Log, event, flow, python, timeout

KEY = state_key("f", "r1")


def busy_log() -> Log:
    """A run in which everything that a state can hold has happened."""
    log = Log(
        flow(
            "a",
            {
                "id": "b",
                "dep_ids": ["a"],
                "filter": python("data['n'] > 0"),
                "validator": python("data['n'] < 3"),
                "conditions": timeout(60_000),
            },
            {"id": "c", "dep_ids": ["b"]},
            {"id": "d", "dep_ids": ["c"], "conditions": timeout(90_000)},
            max_events_per_run=9,
        )
    )
    log.come(event("c", -9_000, id="early"), at=0)
    log.run_on(1_000)
    log.come(event("a", 1_000), event("b", 1_001, data={"n": 0}), event("b", 1_002, data={}))
    log.come(event("b", 1_003, data={"n": 5}), event("b", 1_004, data={"n": 1}))
    log.come(event("a", 900_000, id="ahead"), event("b", 1_005, filter=False), at=1_010)
    log.come(event("extra", 1_010, stamped="flush", dep_ids=["a"], options={"settle_ms": 9}))
    log.come(*(event("a", 1_020 + n) for n in range(3)))
    return log


def test_the_header_tells_what_recovery_needs():
    """Offset, next instant, instant of forgetting, opening: read without decoding the run."""
    log = Log(flow("a", {"id": "b", "dep_ids": ["a"], "conditions": timeout(1_000)}))
    log.clock(-5)
    log.come(event("a", 0))
    log.come(event("a", 0, id="2"), at=10)
    header = read_header(log.stored()[KEY])
    assert header.offset == 2
    assert header.wake_at == START_NS + 2_000 * NS_PER_MS
    assert (header.opened_at, header.opened_offset) == (START_NS, 1)
    assert header.touched_at == START_NS + 10 * NS_PER_MS
    log.come(event("b", 20))
    header = read_header(log.stored()[KEY])
    assert (header.offset, header.wake_at) == (3, 0)
    assert header.forget_at == START_NS + (20 + 900_000 + 3_600_000) * NS_PER_MS


def test_the_offset_is_read_without_the_rest():
    """Of two states of a run the one with the higher offset is newer."""
    log = busy_log()
    stored = log.stored()[KEY]
    assert state_offset(stored) == read_header(stored).offset > 0


@pytest.mark.parametrize(
    "value",
    [b"[3,5,0,0,0,0,0,[]]", b"x\n{}", b'{"v": 1}\n'],
    ids=["later format", "no number", "JSON"],
)
def test_an_unknown_format_is_refused(value: bytes):
    """A worker that is older than the state must not guess; the message says what it found."""
    with pytest.raises(ValueError, match="this worker reads states of formats 1 and 2"):
        read_header(value)


@pytest.mark.parametrize("value", [b"", b"no line", b"\n{}"])
def test_bytes_without_a_header_are_refused(value: bytes):
    """What is no state at all raises too."""
    with pytest.raises(ValueError, match=r".+"):
        read_header(value)


def test_a_stored_run_comes_back_as_it_was():
    """Decoded and encoded again it is the same, to the byte."""
    log = busy_log()
    live = log.live()
    assert live is not None
    stored = encode_run(live)
    again = decode_run(KEY, stored, log.definitions)
    assert encode_run(again) == stored
    assert current_causes(again, live.touched_at) == current_causes(live, live.touched_at)
    assert again.owed == live.owed
    what_was_said = attrgetter("revision", "status", "causes", "absent")
    assert what_was_said(again.last_verdict) == what_was_said(live.last_verdict)
    assert set(again.waiting) == set(live.waiting)


def test_the_busy_run_holds_every_kind_of_thing():
    """The test above is worth what its run contains."""
    log = busy_log()
    live = log.live()
    assert live is not None
    entries = live.entries.values()
    assert {entry.standing for entry in entries} == {"counted", "excluded", "refused"}
    assert {kind for _, kind in current_causes(live, live.touched_at)} == {
        "filter_error",
        "validator",
        "too_many_events",
        "order",
    }
    assert live.stamped_at_flush
    assert live.learned_here
    assert any(entry.skewed for entry in entries)
    assert any(entry.excluded_by_client for entry in entries)
    assert live.last_verdict.revision > 1


def test_a_run_whose_definition_is_gone_is_refused():
    """The version that judges a stored run must be known."""
    stored = busy_log().stored()[KEY]
    with pytest.raises(InvalidDefinition, match="has no version"):
        decode_run(KEY, stored, Definitions())


def test_a_run_at_rest_is_kept_in_its_stored_form_only():
    """A closed or passed run takes no more memory than that; an open one that was just touched is at hand."""
    log = Log(flow("a", "b"))
    log.come(event("a", 0))
    assert log.live() is not None
    assert log.partition.open_runs == 1
    log.come(event("b", 1))
    assert log.live() is None
    assert KEY in log.partition.runs


def test_the_changelog_gets_the_state_of_every_run_that_changed():
    """Key, value and source offset; a run that did not change is not written again."""
    log = Log(flow("a", "b"))
    log.come(event("a", 0, run="r1"), event("a", 1, run="r2"))
    log.judge([log.record(2, event("b", 2, run="r2")), log.record(3)])
    ((key, value, offset),) = log.judged[-1].states
    assert (key, offset) == (state_key("f", "r2"), 2)
    assert value is not None
    assert state_offset(value) == 2
