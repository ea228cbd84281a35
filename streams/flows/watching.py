"""Watches flow files for changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PATTERNS = ("*.yaml", "*.yml")
"""The flow files of a folder."""


class FlowWatch:
    """Finds flow files that are new or have changed.

    Args:
        paths: files, and folders, whose new files are found too.
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
                continue  # an editor may be replacing the file
            yield path, (status.st_mtime_ns, status.st_size)

    def _files(self) -> Iterator[Path]:
        for path in self._paths:
            if path.is_dir():
                yield from sorted(file for pattern in PATTERNS for file in path.glob(pattern))
            else:
                yield path
