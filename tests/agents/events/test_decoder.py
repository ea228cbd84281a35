"""The decoder: fetched bytes become records of the engine, or dead letters (R1, R13, R20)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.headers import TYPE
from schemas.v1.dead_letter import DeadLetter
from streams.agents.events.decoder import Decoder
from streams.kafka.dead_letters import MOST_BYTES
from streams.kafka.rows import CLOCK_HEADER
from tests.support.kafka_records import PARTITIONS, T_MS, TOPIC, event, record, run_on

if TYPE_CHECKING:
    from streams.engine.records import Record
    from streams.kafka.rows import OutRecord


def decode_one(source: object, partition: int = 0) -> tuple[Record, list[OutRecord]]:
    decoded = Decoder(TOPIC, partition, PARTITIONS).decode([source])
    (only,) = decoded.records
    return only, decoded.dead_letters


def reasons(letters: list[OutRecord]) -> list[str]:
    return [DeadLetter.from_headers(letter.headers).reason for letter in letters]


def test_an_event_is_decoded_with_its_place_in_the_log() -> None:
    run_id = run_on(0)
    source = record(event(run_id=run_id), key=run_id.encode(), offset=7, timestamp_ms=T_MS + 3)
    decoded = Decoder(TOPIC, 0, PARTITIONS).decode([source])
    (only,) = decoded.records
    assert (only.offset, only.timestamp_ns) == (7, (T_MS + 3) * 1_000_000)
    assert only.event is not None
    assert only.event.run_id == run_id
    assert decoded.dead_letters == []


def test_R20_bytes_that_are_no_event_become_a_dead_letter_and_time_passes_with_them() -> None:
    source = record(b"\xff{", key=b"k", offset=9, headers=[("traceparent", b"00-1")])
    decoded = Decoder(TOPIC, 0, PARTITIONS).decode([source])
    assert [(r.offset, r.timestamp_ns, r.event) for r in decoded.records] == [
        (9, T_MS * 1_000_000, None)
    ]
    (letter,) = decoded.dead_letters
    assert (letter.key, letter.value) == (b"k", b"\xff{")
    assert letter.headers[0] == ("traceparent", b"00-1")
    about = DeadLetter.from_headers(letter.headers)
    assert (about.reason, about.source_topic, about.source_partition, about.source_offset) == (
        "not_json",
        "flow-events.v1",
        0,
        9,
    )


def test_R1_a_record_with_another_key_is_refused() -> None:
    run_id = run_on(0)
    for key in (None, b"other"):
        _, letters = decode_one(record(event(run_id=run_id), key=key))
        assert reasons(letters) == ["wrong_key"]


def test_R1_a_record_on_another_partition_is_refused_and_the_reason_names_the_right_one() -> None:
    run_id = run_on(3)
    source = record(event(run_id=run_id), key=run_id.encode(), partition=1)
    _, letters = decode_one(source, partition=1)
    (letter,) = letters
    about = DeadLetter.from_headers(letter.headers)
    assert about.reason == "wrong_partition"
    assert "on partition 1" in about.error
    assert "key on 3" in about.error


def test_R1_a_key_that_was_right_once_is_right_again_and_others_are_still_looked_at() -> None:
    decoder = Decoder(TOPIC, 0, PARTITIONS)
    right, wrong = run_on(0), run_on(1)
    batch = [record(event(run_id=run), key=run.encode()) for run in (right, wrong, right, wrong)]
    decoded = decoder.decode(batch)
    assert [r.event is not None for r in decoded.records] == [True, False, True, False]
    assert decoded.reasons == ["wrong_partition", "wrong_partition"]


def test_R13_a_clock_record_carries_time_and_nothing_else() -> None:
    only, letters = decode_one(record(None, headers=[CLOCK_HEADER], timestamp_ms=T_MS + 20))
    time_ns = (T_MS + 20) * 1_000_000
    assert (only.offset, only.timestamp_ns, only.event) == (0, time_ns, None)
    assert letters == []


def test_an_empty_record_without_the_clock_header_is_a_dead_letter() -> None:
    _, letters = decode_one(record(None))
    assert reasons(letters) == ["not_json"]
    _, letters = decode_one(record(None, headers=[(TYPE, b"other")]))
    assert reasons(letters) == ["not_json"]


def test_a_clock_header_does_not_hide_an_event() -> None:
    run_id = run_on(0)
    source = record(event(run_id=run_id), key=run_id.encode(), headers=[CLOCK_HEADER])
    decoded = Decoder(TOPIC, 0, PARTITIONS).decode([source])
    assert decoded.records[0].event is not None


def test_R20_a_record_too_large_to_be_kept_whole_is_cut_and_says_why() -> None:
    """Compressed, it fitted into the events topic; the dead-letter topic takes it as it is."""
    for huge in (
        record(b"x" * (MOST_BYTES + 1), key=b"k"),
        record(b"x", key=b"k" * (MOST_BYTES + 1)),
        record(b"x", key=b"k", headers=[("h", b"v" * (MOST_BYTES + 1))]),
    ):
        _, (letter,) = decode_one(huge)
        assert letter.value == (huge.value or b"")[:MOST_BYTES]
        assert letter.key is None
        about = DeadLetter.from_headers(letter.headers)
        assert about.reason in {"too_big", "not_json"}
