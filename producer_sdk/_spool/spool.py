"""First-in, first-out queue of events on disk: the segments of one process and of those it took over."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from producer_sdk._spool.folders import LockedFolders
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


class ReadBatch(NamedTuple):
    """Events read from the spool.

    Attributes:
        events: the events.
        unreadable: the numbers of lines that are not events.
    """

    events: list[Numbered]
    unreadable: list[int]


class Spool:
    """Events first in, first out; those that are read count until they are settled.

    Not thread-safe.

    Args:
        root: the folder of the processes' folders.
        max_bytes: of all segments; over it, the oldest unread one is dropped.
    """

    def __init__(self, root: Path, max_bytes: int) -> None:
        self._folders = LockedFolders(root)
        self._max_bytes = max_bytes
        self._segment_bytes = min(_MOST_SEGMENT_BYTES, max_bytes // _LEAST_SEGMENTS)
        self._next_found = _FIRST_FOUND
        self._bytes = 0
        self._unread: deque[Segment] = deque()
        self._read: deque[tuple[int, Record | None]] = deque()
        self._segments: dict[int, Segment] = {}  # by the numbers of events that are read or kept

    @property
    def lowest_unread(self) -> int | None:
        """The number of the event that is read next; None if there is none."""
        if self._read:
            return self._read[0][0]
        return self._unread[0].first if self._unread else None

    def take_over(self) -> int:
        """Put events that ended processes left before all that is here; return how many."""
        found: list[Segment] = []
        for path in self._folders.take_over():
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
        self._folders.release_empty()
        return sum(segment.count for segment in found)

    def append(self, records: Sequence[Numbered]) -> int:
        """Write records at the end; return how many old events were dropped to make room.

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
        """Write records that are in flight already, in case they do not arrive.

        Raises:
            OSError: they cannot be written; none of them is.
        """
        segment = self._written(records)
        segment.close()
        self._bytes += segment.size
        self._segments.update((number, segment) for number, _ in records)

    def read(self, max_events: int, max_bytes: int) -> ReadBatch:
        """Return the oldest events that are not read yet."""
        reading = ReadBatch([], [])
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
        """Return True if an event that was read or kept is in a file."""
        return number in self._segments

    def settle(self, numbers: Iterable[int]) -> None:
        """Remove events that were read or kept; a segment goes with the last of its events."""
        for number in numbers:
            segment = self._segments.pop(number)
            segment.unsettled -= 1
            if not segment.unsettled:
                self._remove(segment)
                self._folders.release_empty()

    def close(self) -> None:
        """Leave everything that is here to another process."""
        for segment in self._unread:
            segment.close()
        self._folders.release()

    def leave_to_parent(self) -> None:
        """Close all locks in a forked child; they stay with the parent."""
        self._folders.leave_to_parent()

    def _written(self, records: Sequence[Numbered]) -> Segment:
        """Return a new segment with the records in it."""
        segment = Segment(self._folders.new_segment(), records[0][0])
        try:
            segment.append(records)
        except OSError:
            segment.remove()
            raise
        return segment

    def _make_room(self) -> int:
        dropped = 0
        while self._bytes > self._max_bytes and len(self._unread) > 1:
            segment = self._unread.popleft()
            dropped += segment.count
            self._remove(segment)
        return dropped

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
