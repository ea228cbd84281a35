"""The folders that one process has locked: its own, and those it took over from ended processes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from producer_sdk._spool.lock import LockedFolder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class LockedFolders:
    """All locked folders of this process.

    Args:
        root: the folder in which they are.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._own: LockedFolder | None = None
        self._taken_over: list[LockedFolder] = []
        self._made = 0

    def new_segment(self) -> Path:
        """Return the path of a new segment in the folder of this process.

        Raises:
            OSError: the folder cannot be made.
        """
        if self._own is None:
            self._own = LockedFolder.make(self._root)
        self._made += 1
        return self._own.path / f"{self._made:09d}.jsonl"

    def take_over(self) -> Iterator[Path]:
        """Lock the folders of processes that have ended; yield their segments, the oldest first."""
        for folder in LockedFolder.abandoned(self._root):
            self._taken_over.append(folder)
            yield from folder.segments()

    def release_empty(self) -> None:
        """Release the folders that were taken over and have no segments any more."""
        for folder in [folder for folder in self._taken_over if not folder.segments()]:
            with contextlib.suppress(OSError):
                folder.release()
            self._taken_over.remove(folder)

    def release(self) -> None:
        """Leave all folders to other processes."""
        for folder in self._all():
            folder.release()

    def leave_to_parent(self) -> None:
        """Close all locks in a forked child; they stay with the parent."""
        for folder in self._all():
            folder.leave_to_parent()

    def _all(self) -> list[LockedFolder]:
        return self._taken_over if self._own is None else [*self._taken_over, self._own]
