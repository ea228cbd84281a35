"""Child processes of `duly demo` and `duly dev`, which end with the command, and their logs."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from streams.dev_broker.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

STOP_TIMEOUT_S = 5.0


def worker_command() -> list[str | Path]:
    """Return the command of a worker; -P keeps the user's folder off its import path."""
    return [sys.executable, "-P", "-m", "faust", "-A", "streams", "worker", "--without-web"]


@contextmanager
def running(command: Sequence[str | Path], log: Path) -> Generator[ServerProcess]:
    """Run a process for the time of a block; its output goes to `log`."""
    process = ServerProcess(log)
    try:
        process.start(command)
        yield process
    finally:
        process.stop(STOP_TIMEOUT_S)


class Tail:
    """Reads the lines that are appended to a file.

    Args:
        path: the file, which need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""

    def new_lines(self) -> list[str]:
        """Return the lines that were completed since the last call."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            *whole, self._rest = (self._rest + file.read()).split(b"\n")
            self._offset = file.tell()
        return [line.decode(errors="replace") for line in whole]
