"""The segments of one process and those that it took over, as one line of events."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from producer_sdk._spool.lock import Claim
from producer_sdk._spool.segment import Segment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from producer_sdk._queue import Numbered
    from producer_sdk._wire import Record

log = logging.getLogger("producer_sdk")

_MOST_SEGMENT_BYTES = 4 * 1024 * 1024
_LEAST_SEGMENTS = 8
_FIRST_FOUND = -(1 << 62)


class Reading(NamedTuple):
    """What was read: events, and the numbers of lines that are none."""

    events: list[Numbered]
    unreadable: list[int]


class Spool:
    """Events first in, first out; those that are read count until they are settled.

    Not for several threads at once.

    Args:
        root: the folder of claims.
        max_bytes: of all segments; then the oldest unread one is given up.
    """

    def __init__(self, root: Path, max_bytes: int) -> None:
        self._root = root
        self._max_bytes = max_bytes
        self._segment_bytes = min(_MOST_SEGMENT_BYTES, max_bytes // _LEAST_SEGMENTS)
        self._claim: Claim | None = None
        self._found: list[Claim] = []
        self._next_found = _FIRST_FOUND
        self._made = 0
        self._bytes = 0
        self._unread: deque[Segment] = deque()
        self._read: deque[tuple[int, Record | None]] = deque()
        self._segments: dict[int, Segment] = {}  # of events that are read or kept, by their number

    @property
    def lowest_unread(self) -> int | None:
        """The number of the event that is read next; None if there is none."""
        if self._read:
            return self._read[0][0]
        return self._unread[0].first if self._unread else None

    def take_over(self) -> int:
        """Put what processes that have ended left before all that is here; return how many events."""
        found: list[Segment] = []
        for claim in Claim.abandoned(self._root):
            self._found.append(claim)
            for path in claim.segments():
                try:
                    segment = Segment.found(path, self._next_found)
                except OSError as error:
                    log.warning("events in %s cannot be read: %s", path, error)
                    continue
                if segment.count:
                    found.append(segment)
                    self._next_found = segment.next
                else:
                    segment.remove()
        self._unread.extendleft(reversed(found))
        self._bytes += sum(segment.size for segment in found)
        self._release_empty()
        return sum(segment.count for segment in found)

    def append(self, records: Sequence[Numbered]) -> int:
        """Write records at the end; return how many events were given up to make room.

        Args:
            records: with consecutive numbers, above all that are here.

        Raises:
            OSError: they cannot be written; none of them is.
        """
        size = sum(len(value) + 1 for _, (_, value) in records)
        newest = self._unread[-1] if self._unread else None
        if newest is None or newest.next != records[0][0] or newest.size > self._segment_bytes:
            if newest is not None:
                newest.close()
            self._unread.append(self._written(records))
        else:
            newest.append(records)
        self._bytes += size
        return self._make_room()

    def keep(self, records: Sequence[Numbered]) -> None:
        """Write records that are on their way already, in case that they do not arrive.

        Raises:
            OSError: they cannot be written; none of them is.
        """
        segment = self._written(records)
        segment.close()
        self._bytes += segment.size
        self._segments.update((number, segment) for number, _ in records)

    def read(self, max_events: int, max_bytes: int) -> Reading:
        """Return the oldest events that are not read yet."""
        reading = Reading([], [])
        size = 0
        while len(reading.events) < max_events and size < max_bytes and self._has_more():
            number, record = self._read.popleft()
            if record is None:
                reading.unreadable.append(number)
            else:
                reading.events.append((number, record))
                size += len(record[1])
        return reading

    def holds(self, number: int) -> bool:
        """Say whether an event that was read or kept is in a file."""
        return number in self._segments

    def settle(self, numbers: Iterable[int]) -> None:
        """Forget events that were read or kept; a segment without any other is removed."""
        for number in numbers:
            segment = self._segments.pop(number)
            segment.unsettled -= 1
            if not segment.unsettled:
                self._remove(segment)
                self._release_empty()

    def close(self) -> None:
        """Leave all that is here to another process."""
        for segment in self._unread:
            segment.close()
        for claim in self._claims():
            claim.release()

    def leave_to_parent(self) -> None:
        """Let go of all locks in a forked child."""
        for claim in self._claims():
            claim.leave_to_parent()

    def _claims(self) -> list[Claim]:
        return self._found if self._claim is None else [*self._found, self._claim]

    def _written(self, records: Sequence[Numbered]) -> Segment:
        """Return a new segment of records."""
        if self._claim is None:
            self._claim = Claim.make(self._root)
        self._made += 1
        segment = Segment(self._claim.folder / f"{self._made:09d}.jsonl", records[0][0])
        try:
            segment.append(records)
        except OSError:
            segment.remove()
            raise
        return segment

    def _make_room(self) -> int:
        given_up = 0
        while self._bytes > self._max_bytes and len(self._unread) > 1:
            segment = self._unread.popleft()
            given_up += segment.count
            self._remove(segment)
        return given_up

    def _has_more(self) -> bool:
        while not self._read and self._unread:
            self._load(self._unread.popleft())
        return bool(self._read)

    def _load(self, segment: Segment) -> None:
        segment.close()
        records: list[Record | None] = [None] * segment.count
        try:
            records = segment.read()
        except OSError as error:
            log.warning("%d events in %s cannot be read: %s", segment.count, segment.path, error)
        for number, record in enumerate(records, segment.first):
            self._segments[number] = segment
            self._read.append((number, record))

    def _remove(self, segment: Segment) -> None:
        self._bytes -= segment.size
        segment.remove()

    def _release_empty(self) -> None:
        for claim in [claim for claim in self._found if not claim.segments()]:
            with contextlib.suppress(OSError):
                claim.release()
            self._found.remove(claim)
