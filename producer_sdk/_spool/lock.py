"""Folders of segments, each of which one process has to itself for as long as it lives."""

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


class Claim:
    """A folder and the lock that makes it ours; the kernel frees the lock of a process that dies.

    Attributes:
        folder: where the segments are.
    """

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self._lock: int | None = lock

    @classmethod
    def make(cls, root: Path) -> Claim:
        """Make a folder of one's own.

        Raises:
            OSError: there can be none.
        """
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _ in range(_ATTEMPTS):
            # By time, so that of two that are found the older one is sent first.
            folder = root / f"{time.time_ns()}-{os.getpid()}-{secrets.token_hex(2)}"
            folder.mkdir(mode=0o700)
            with contextlib.suppress(FileNotFoundError):  # taken for an abandoned one just now
                claim = cls._locked(folder, os.O_CREAT)
                if claim is not None:
                    return claim
        raise OSError(f"no folder could be locked in {root}")

    @classmethod
    def abandoned(cls, root: Path) -> Iterator[Claim]:
        """Take, one by one, the folders whose processes have ended, the oldest first."""
        with contextlib.suppress(OSError):
            for folder in sorted(path for path in root.iterdir() if path.is_dir()):
                claim = cls._taken(folder)
                if claim is not None:
                    yield claim

    def segments(self) -> list[Path]:
        """Return the segments that are there, the oldest first."""
        return sorted(self.folder.glob("*.jsonl"))

    def release(self) -> None:
        """Let go of the folder, and remove it if nothing is left in it."""
        lock, self._lock = self._lock, None
        if lock is None:
            return
        if not self.segments():
            with contextlib.suppress(OSError):
                (self.folder / _LOCK).unlink()
                self.folder.rmdir()
        os.close(lock)

    def leave_to_parent(self) -> None:
        """Let go of the lock in a forked child, which shares it: it stays with the parent."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    @classmethod
    def _taken(cls, folder: Path) -> Claim | None:
        try:
            return cls._locked(folder, 0)
        except FileNotFoundError:
            with contextlib.suppress(OSError):
                folder.rmdir()  # its process ended before it had locked it
        except OSError:
            pass
        return None

    @classmethod
    def _locked(cls, folder: Path, flags: int) -> Claim | None:
        path = folder / _LOCK
        lock = os.open(path, os.O_RDWR | flags, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(lock), path.stat()):  # not removed by who had it before
                return cls(folder, lock)
        except BlockingIOError:
            pass  # its process lives
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)
        return None
