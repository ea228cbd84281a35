"""Pages of docs/ that are written from the code, so that they cannot fall behind it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_or_check(page: Path, text: str, command: str, arguments: list[str]) -> int:
    """Write a page; with `--check`, only tell on stderr if it is out of date.

    Returns:
        The exit code: 1 for a page that is out of date.
    """
    if "--check" not in arguments:
        page.parent.mkdir(exist_ok=True)
        page.write_text(text, encoding="utf-8")
        return 0
    current = page.read_text(encoding="utf-8") if page.exists() else ""
    if current == text:
        return 0
    sys.stderr.write(f"{page} is out of date: run {command}\n")
    return 1
