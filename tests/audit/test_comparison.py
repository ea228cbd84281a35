"""Which differences between written and implied verdicts are faults, and which are not."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from aiokafka import TopicPartition

from schemas.v1.dead_letter import DeadLetter
from streams.audit.comparison import compare_dead_letters, compare_verdicts, left_out
from streams.audit.recomputation import Implication
from streams.kafka.written import WrittenDeadLetters, WrittenVerdicts, life_of
from tests.audit.records import ConsumerRecord, verdict, written

PLACE = TopicPartition("verdicts", 0)

A, B = verdict("a"), verdict("b")


def implications(*verdicts: dict[str, Any]) -> list[Implication]:
    return [Implication(one["verdict_id"], orjson.dumps(one), life_of(one)) for one in verdicts]


def stated(*verdicts: dict[str, Any]) -> WrittenVerdicts:
    said = WrittenVerdicts()
    said.take(written(*verdicts))
    return said


def faults(implied: list[dict[str, Any]], said: list[dict[str, Any]]) -> list[str]:
    found = compare_verdicts(PLACE, implications(*implied), stated(*said), ())
    return [f"{fault.kind} {fault.subject}" for fault in found]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param([A, B], [], id="as implied"),
        pytest.param([A, B, A, A], [], id="with copies, also late ones"),
        pytest.param([A], ["lost f/b revision 1"], id="lost"),
        pytest.param(
            [A, B, verdict("a", 2)], ["unexpected f/a revision 2"], id="one revision too many"
        ),
        pytest.param([A, B, verdict("c")], ["unexpected f/c revision 1"], id="a run that is not"),
        pytest.param([A, B | {"status": "failed"}], ["wrong f/b revision 1"], id="wrong"),
        pytest.param(
            [A, B | {"source": {"topic": "events", "partition": 0, "offset": 4}}],
            ["wrong f/b revision 1"],
            id="decided at another record",
        ),
        pytest.param(
            [A, B, B | {"status": "failed"}],
            ["conflicting f/b revision 1", "wrong f/b revision 1"],
            id="right first and wrong then",
        ),
        pytest.param([B, A], ["disordered f/b revision 1"], id="in another order"),
    ],
)
def test_a_difference_is_a_fault(said: list[dict[str, Any]], expected: list[str]):
    assert faults([A, B], said) == expected


def test_a_fault_names_the_place_and_the_field():
    said = stated(A, B | {"status": "failed"})
    (fault,) = compare_verdicts(PLACE, implications(A, B), said, ())
    assert fault.place == "verdicts, partition 0, offset 1"
    assert fault.detail == 'status: written "failed", implied "passed"'


def test_copies_are_counted():
    said = stated(A, B, A, A)
    assert [one.copies for one in said.by_id.values()] == [2, 0]


def test_all_verdicts_of_a_run_that_met_a_limit_are_left_out():
    """A script that is in time here need not have been in time there (R6)."""
    limited = verdict("a", script_limit=True, status="failed")
    after, other = verdict("a", 2), verdict("a", opened_at_ns=900)
    said = stated(limited, after, other, B)
    skipped = left_out(implications(A, B), said, begins_at_ns=0, end=10)
    assert skipped.limited == {limited["verdict_id"], after["verdict_id"]}
    assert skipped.beyond == set()


def test_what_began_before_the_log_or_follows_its_end_is_left_out():
    """Retention took the head of the log; the worker went on while the audit read."""
    later = verdict("c", opened_at_ns=500, source={"topic": "e", "partition": 0, "offset": 10})
    reopened = verdict("b", opened_at_ns=450)
    said = stated(A, B, verdict("d", opened_at_ns=500), later)
    implied = implications(reopened, verdict("d", opened_at_ns=500))
    skipped = left_out(implied, said, begins_at_ns=400, end=10)
    assert skipped.beyond == {one["verdict_id"] for one in (A, B, reopened, later)}
    assert not list(compare_verdicts(PLACE, implied, said, skipped.beyond))


def letter(offset: int, reason: str, value: bytes | None) -> ConsumerRecord:
    about = DeadLetter(
        reason=reason,  # pyright: ignore[reportArgumentType]  # a parameter
        error="",
        source_topic="events",
        source_partition=0,
        source_offset=offset,
    )
    return ConsumerRecord(0, value, headers=tuple(about.to_headers()))


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        pytest.param([letter(3, "not_json", b"x")], [], id="as implied"),
        pytest.param([letter(3, "not_json", b"x")] * 2, [], id="twice"),
        pytest.param([], ["is not in the dead-letter topic, reason not_json"], id="lost"),
        pytest.param(
            [letter(3, "too_big", b"x")], ["written too_big, implied not_json"], id="another reason"
        ),
        pytest.param([letter(3, "not_json", b"")], ["its value is not the original"], id="altered"),
        pytest.param(
            [letter(3, "not_json", b"x"), letter(4, "not_json", b"y")],
            ["is in the dead-letter topic with reason not_json"],
            id="a good record",
        ),
        pytest.param(
            [letter(3, "not_json", b"x"), letter(10, "not_json", b"y")], [], id="behind the end"
        ),
    ],
)
def test_dead_letters_are_compared_too(letters: list[ConsumerRecord], expected: list[str]):
    said = WrittenDeadLetters()
    said.take(letters)
    found = compare_dead_letters(PLACE, {3: ("not_json", b"x")}, said, end=10)
    assert [fault.detail for fault in found] == expected


def test_a_record_that_is_no_verdict_is_unexpected():
    said = WrittenVerdicts()
    said.take([ConsumerRecord(0, b"nonsense"), ConsumerRecord(1, b"[]"), ConsumerRecord(2, None)])
    said.take([ConsumerRecord(3, orjson.dumps(A))])
    found = list(compare_verdicts(PLACE, implications(A), said, ()))
    assert [fault.kind for fault in found] == ["unexpected"] * 3
    assert found[0].detail == "it is not a verdict"
    assert found[2].place == "verdicts, partition 0, offset 2"


def test_a_record_that_is_no_dead_letter_is_a_fault():
    letters = WrittenDeadLetters()
    letters.take([ConsumerRecord(4, b"x", headers=(("duly-reason", b"not_json"),))])
    (fault,) = compare_dead_letters(PLACE, {}, letters, end=10)
    assert (fault.kind, fault.subject) == ("letters", "its record 4")
