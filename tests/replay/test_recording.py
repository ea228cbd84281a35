from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.limits import MAX_EVENT_BYTES
from streams.replay.recording import (
    MAX_LINE_BYTES,
    BadLine,
    decode_line,
    numbered_lines,
    parse_instant,
)
from tests.support.recorded_lines import START_NS, clock, event, ns


class Pieces:
    """A stream that gives what it holds in pieces, as a pipe does."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = iter(pieces)

    def read1(self, size: int, /) -> bytes:
        piece = next((piece for piece in self._pieces if piece), b"")
        assert len(piece) <= size
        return piece


@given(st.lists(st.binary(max_size=12), max_size=20))
def test_lines_and_their_numbers_do_not_depend_on_the_pieces_they_come_in(
    pieces: list[bytes],
) -> None:
    text = b"".join(pieces)
    lines = [line for batch in numbered_lines(Pieces(pieces)) for line in batch]
    expected = text.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    assert lines == list(enumerate(expected, start=1))


def test_lines_are_there_as_soon_as_they_have_come() -> None:
    batches = numbered_lines(Pieces([b"one\ntwo\nth", b"ree\n"]))
    assert next(batches) == [(1, b"one"), (2, b"two")]
    assert next(batches) == [(3, b"three")]


def test_a_line_without_end_takes_no_more_memory_than_the_longest_record() -> None:
    stream = Pieces([b"x" * 200_000] * 50 + [b"\nnext"])
    (_, endless), (_, following) = (line for batch in numbered_lines(stream) for line in batch)
    assert MAX_LINE_BYTES < len(endless) <= MAX_LINE_BYTES + 200_001
    assert following == b"next"


def test_an_event_is_recorded_at_its_own_time_rounded_up_to_a_millisecond() -> None:
    record = decode_line(7, event("a", 0.25).encode())
    assert (record.offset, record.timestamp_ns) == (6, ns(1))
    assert record.event is not None
    assert record.event.ts == ns(0.25)


def test_recorded_at_says_when_the_log_took_an_event() -> None:
    line = event("a", 0, recorded_at=ns(5_000)).encode()
    assert decode_line(1, line).timestamp_ns == ns(5_000)
    as_text = event("a", 0, recorded_at=str(ns(5_000))).encode()
    assert decode_line(1, as_text).timestamp_ns == ns(5_000)


def test_a_clock_record_is_time_without_an_event() -> None:
    record = decode_line(3, clock(10).encode())
    assert (record.offset, record.timestamp_ns, record.event) == (2, ns(10), None)


def test_an_event_whose_data_speaks_of_clocks_is_an_event() -> None:
    record = decode_line(1, event("a", 0, data={"clock": 1, "recorded_at": 2}).encode())
    assert record.event is not None
    assert record.timestamp_ns == START_NS


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"nonsense", "not JSON"),
        (b"[]", "must be an event, a JSON object, got []"),
        (b'{"clock": NaN}', "clock: not a finite number"),
        (b'{"clock": 1.5}', "clock: must be an integer of nanoseconds"),
        (b'{"clock": 1767614400}', "clock: 1767614400 is before the year 2000"),
        (event("a", 0, recorded_at=1767614400000).encode(), "recorded_at: 1767614400000 is before"),
        (event("a", 0, recorded_at=True).encode(), "recorded_at: must be an integer"),
        (event("a", 0, run_id="").encode(), "run_id: must be"),
        (event("a", 0, v=2).encode(), "v: this worker reads version 1 of the wire, got 2"),
        (event("a", 0, data={"x": "y" * MAX_EVENT_BYTES}).encode(), "an event has at most 262144"),
        (b"x" * (MAX_LINE_BYTES + 1), f"longer than {MAX_LINE_BYTES} bytes"),
    ],
)
def test_a_bad_line_says_its_number_and_the_reason(line: bytes, reason: str) -> None:
    with pytest.raises(BadLine) as error:
        decode_line(42, line)
    assert str(error.value).startswith("line 42: ")
    assert reason in error.value.reason


@pytest.mark.parametrize(
    "text",
    [
        str(START_NS),
        "2026-01-05T12:00:00Z",
        "2026-01-05T12:00:00",
        "2026-01-05 13:00:00+01:00",
        "2026-01-05T12:00:00.000000",
    ],
)
def test_an_instant_is_nanoseconds_or_iso_8601(text: str) -> None:
    assert parse_instant(text) == START_NS


def test_an_instant_keeps_its_microseconds() -> None:
    assert parse_instant("2026-01-05T12:00:00.000123Z") == START_NS + 123_000


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("soon", "'soon' is neither nanoseconds since 1970 nor ISO 8601"),
        ("1767614400", "1767614400 is before the year 2000"),
        ("", "'' is neither"),
    ],
)
def test_what_is_no_instant_says_what_is_expected(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_instant(text)


@given(st.integers(946_684_800, 9_000_000_000))
def test_both_forms_of_an_instant_agree(second: int) -> None:
    assert parse_instant(datetime.fromtimestamp(second, UTC).isoformat()) == second * 10**9


def test_an_event_of_the_greatest_size_is_one_with_recorded_at_too() -> None:
    padding = MAX_EVENT_BYTES - len(event("a", 0, data={"x": ""}))
    line = event("a", 0, data={"x": "y" * padding})
    assert len(line) == MAX_EVENT_BYTES
    recorded = json.dumps({**json.loads(line), "recorded_at": ns(1)})
    assert decode_line(1, recorded.encode()).timestamp_ns == ns(1)
