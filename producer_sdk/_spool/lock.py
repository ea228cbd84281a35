"""Folder of segments with a file lock: one process owns it for as long as it lives."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOCK = "lock"
_ATTEMPTS = 10


class LockedFolder:
    """A folder that this process has locked; the kernel frees the lock of a process that dies.

    Attributes:
        path: the folder, with the segments in it.
    """

    def __init__(self, folder: Path, lock: int) -> None:
        self.path = folder
        self._lock: int | None = lock

    @classmethod
    def make(cls, root: Path) -> LockedFolder:
        """Make a new folder and lock it.

        Raises:
            OSError: no folder can be made or locked.
        """
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _ in range(_ATTEMPTS):
            # Named by time: of two abandoned folders, the older one is sent first.
            folder = root / f"{time.time_ns()}-{os.getpid()}-{secrets.token_hex(2)}"
            folder.mkdir(mode=0o700)
            with contextlib.suppress(
                FileNotFoundError
            ):  # another process took it for an abandoned one just now
                locked = cls._locked(folder, os.O_CREAT)
                if locked is not None:
                    return locked
        raise OSError(f"no folder could be locked in {root}")

    @classmethod
    def abandoned(cls, root: Path) -> Iterator[LockedFolder]:
        """Lock, one by one, the folders whose processes have ended, the oldest first."""
        with contextlib.suppress(OSError):
            for folder in sorted(path for path in root.iterdir() if path.is_dir()):
                locked = cls._taken(folder)
                if locked is not None:
                    yield locked

    def segments(self) -> list[Path]:
        """Return the paths of the segments, the oldest first."""
        return sorted(self.path.glob("*.jsonl"))

    def release(self) -> None:
        """Release the lock; remove the folder if it has no segments."""
        lock, self._lock = self._lock, None
        if lock is None:
            return
        if not self.segments():
            with contextlib.suppress(OSError):
                (self.path / _LOCK).unlink()
                self.path.rmdir()
        os.close(lock)

    def leave_to_parent(self) -> None:
        """Close the lock in a forked child, which shares it; it stays with the parent."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    @classmethod
    def _taken(cls, folder: Path) -> LockedFolder | None:
        try:
            return cls._locked(folder, 0)
        except FileNotFoundError:
            with contextlib.suppress(OSError):
                folder.rmdir()  # its process ended before it could lock it
        except OSError:
            pass
        return None

    @classmethod
    def _locked(cls, folder: Path, flags: int) -> LockedFolder | None:
        path = folder / _LOCK
        lock = os.open(path, os.O_RDWR | flags, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(
                os.fstat(lock), path.stat()
            ):  # not removed by the process that had it before
                return cls(folder, lock)
        except BlockingIOError:
            pass  # its process lives
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)
        return None
