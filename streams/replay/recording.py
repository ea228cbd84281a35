"""Recordings: lines of JSON, each a record of a partition.

A line is an event of the wire, with the time at which it was recorded in `recorded_at` (ns), or
`{"clock": ns}`, a record that only lets time pass. Without `recorded_at` an event was recorded at
its `ts`. Empty lines are ignored. The offset of a record is its line number less one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, cast

import orjson

from schemas.encoding import encode_json
from schemas.errors import InvalidEvent
from schemas.field_checks import check_ts
from schemas.limits import MAX_EVENT_BYTES
from schemas.units import NS_PER_MS
from schemas.wire import decode_event
from streams.engine.records import Record
from streams.errors import BadLine

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LINE_BYTES = MAX_EVENT_BYTES + 1024
"""The longest line that can be a record; a longer one is cut and refused."""

_CHUNK_BYTES = 256 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ByteStream(Protocol):
    """Source of lines: a file opened as binary, or stdin's buffer."""

    def read1(self, size: int, /) -> bytes:
        """Return at most `size` bytes, as many as are ready; none at the end."""
        ...


def numbered_lines(stream: ByteStream) -> Iterator[list[tuple[int, bytes]]]:
    """Yield the lines of a stream with their numbers, from 1, as they become available."""
    number, rest = 1, b""
    while chunk := stream.read1(_CHUNK_BYTES):
        *whole, rest = (rest + chunk).split(b"\n")
        yield list(enumerate(whole, start=number))
        number += len(whole)
        rest = rest[: MAX_LINE_BYTES + 1]
    if rest:
        yield [(number, rest)]


def decode_line(number: int, line: bytes) -> Record:
    """Decode one line.

    Raises:
        BadLine: the line is neither an event nor a clock record.
    """
    if len(line) > MAX_LINE_BYTES:
        raise BadLine(number, f"longer than {MAX_LINE_BYTES} bytes")
    try:
        # Most lines say neither: they are decoded once.
        if b'"clock"' in line or b'"recorded_at"' in line:
            return _decode_with_its_time(number - 1, line)
        event = decode_event(line)
        return Record(number - 1, _whole_ms(event.ts), event)
    except InvalidEvent as error:
        raise BadLine(number, str(error)) from error


def parse_instant(text: str) -> int:
    """Read an instant, nanoseconds since 1970 or ISO 8601 (UTC if it says no offset).

    Returns:
        The instant in nanoseconds.

    Raises:
        ValueError: it is neither; the text says what is expected.
    """
    try:
        return check_ts(text, "")
    except InvalidEvent as error:
        if text.lstrip("-").isdecimal():
            raise ValueError(error.message) from error
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        reason = f"{text!r} is neither nanoseconds since 1970 nor ISO 8601, 2026-01-31T12:00:00Z"
        raise ValueError(reason) from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return (instant - _EPOCH) // timedelta(microseconds=1) * 1000


def _decode_with_its_time(offset: int, line: bytes) -> Record:
    fields = _object(line)
    if "clock" in fields and "node" not in fields:
        return Record(offset, _instant(fields["clock"], "clock"), None)
    recorded_at = fields.pop("recorded_at", None)
    # The limit on an event's size does not count what is only of the recording.
    event = decode_event(line if len(line) <= MAX_EVENT_BYTES else encode_json(fields))
    if recorded_at is None:
        return Record(offset, _whole_ms(event.ts), event)
    return Record(offset, _instant(recorded_at, "recorded_at"), event)


def _object(line: bytes) -> dict[str, Any]:
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}  # decode_event says what is wrong with it
    return cast("dict[str, Any]", fields) if isinstance(fields, dict) else {}


def _instant(value: Any, name: str) -> int:
    try:
        return _whole_ms(check_ts(value, name))
    except InvalidEvent as error:
        raise InvalidEvent("invalid_event", name, error.message) from error


def _whole_ms(instant_ns: int) -> int:
    """Round up to a whole millisecond: the timestamps of a log have no finer ones."""
    return -(-instant_ns // NS_PER_MS) * NS_PER_MS
