"""One file of the spool: one event a line, appended by one process and read once."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from producer_sdk._queue import Numbered
    from producer_sdk._wire import Record


class Segment:
    """Events with consecutive numbers.

    Attributes:
        path: the file.
        first: the number of its first event.
        count: how many events it has, unreadable ones included.
        size: its bytes.
        unsettled: how many of its events are not yet delivered or dropped.
    """

    def __init__(self, path: Path, first: int) -> None:
        self.path = path
        self.first = first
        self.count = 0
        self.size = 0
        self.unsettled = 0
        self._file: int | None = None

    @classmethod
    def found(cls, path: Path, first: int) -> Segment:
        """Return a segment that another process left.

        Raises:
            OSError: it cannot be read.
        """
        segment = cls(path, first)
        lines = path.read_bytes().splitlines()
        segment.count = segment.unsettled = len(lines)
        segment.size = path.stat().st_size
        return segment

    @property
    def next(self) -> int:
        """The number of the next event."""
        return self.first + self.count

    def append(self, records: Sequence[Numbered]) -> None:
        """Write records at the end, all of them or none.

        Raises:
            OSError: the disk is full, or there is no permission.
        """
        lines = b"".join(b"%b\n" % value for _, (_, value) in records)
        if self._file is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            self._file = os.open(self.path, flags, 0o600)
        try:
            _write_all(self._file, lines)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self.size)
            raise
        self.size += len(lines)
        self.count += len(records)
        self.unsettled += len(records)

    def read(self) -> list[Record | None]:
        """Return all events; None for a line that is not one, such as the last one after a crash.

        Raises:
            OSError: it cannot be read.
        """
        records = [_record(line) for line in self.path.read_bytes().splitlines()[: self.count]]
        return records + [None] * (self.count - len(records))

    def close(self) -> None:
        """Close the file; nothing is appended any more."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def remove(self) -> None:
        """Remove the file."""
        self.close()
        with contextlib.suppress(OSError):
            self.path.unlink()


def _write_all(file: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]


def _record(line: bytes) -> Record | None:
    try:
        event: Any = orjson.loads(line)
        run_id: str = event["run_id"]
        return run_id.encode(), line
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        return None
