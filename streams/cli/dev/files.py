"""What is read again and again while it grows or changes: flow files and the log of a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PATTERNS = ("*.yaml", "*.yml")
"""The flow files of a folder."""


class FlowWatch:
    """Tells which flow files are new or have changed.

    Args:
        paths: files, and folders whose files count, those too that are yet to come.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._seen: dict[Path, tuple[int, int]] = {}

    def changed(self) -> list[Path]:
        """Return the files that changed since the last call; at the first call, all."""
        found = dict(self._states())
        changed = [path for path, state in found.items() if self._seen.get(path) != state]
        self._seen = found
        return changed

    def _states(self) -> Iterator[tuple[Path, tuple[int, int]]]:
        for path in self._files():
            try:
                status = path.stat()
            except OSError:
                continue  # gone between two looks, as where an editor puts a new file in its place
            yield path, (status.st_mtime_ns, status.st_size)

    def _files(self) -> Iterator[Path]:
        for path in self._paths:
            if path.is_dir():
                yield from sorted(file for pattern in PATTERNS for file in path.glob(pattern))
            else:
                yield path


class Tail:
    """Reads the lines that come to a file.

    Args:
        path: the file, which may be yet to come.
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
