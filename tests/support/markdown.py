"""Reads what Markdown pages show and link to."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, NamedTuple

from tests.support.project import PAGES, ROOT

if TYPE_CHECKING:
    from pathlib import Path

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_SETTING = re.compile(r"[A-Z_]+=\S*")


class Block(NamedTuple):
    """One fenced block of code."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(language: str) -> list[Block]:
    """Return all blocks of a language."""
    return [
        Block(str(page.relative_to(ROOT)), text.count("\n", 0, match.start()) + 1, *match.groups())
        for page in PAGES
        for text in [page.read_text()]
        for match in _FENCE.finditer(text)
        if match[1] == language
    ]


def languages() -> set[str]:
    """Return the languages of all blocks."""
    return {match[1] for page in PAGES for match in _FENCE.finditer(page.read_text())}


def commands(block: Block) -> list[list[str]]:
    """Return the words of each command of a console block, without the settings before it."""
    lines = [shlex.split(line, comments=True) for line in block.text.splitlines()]
    return [words for line in lines if (words := _plain(line))]


def links(page: Path) -> list[str]:
    """Return the targets of a page's links to files of this repository."""
    text = _FENCE.sub("", page.read_text())
    return [link for link in _LINK.findall(text) if "://" not in link]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    text = _FENCE.sub("", page.read_text())
    plain = (re.sub(r"[^\w\- ]", "", heading).strip() for heading in _HEADING.findall(text))
    return {heading.lower().replace(" ", "-") for heading in plain}


def section(page: Path, heading: str) -> str:
    """Return what stands below a heading, up to the next one of any level."""
    _, _, rest = page.read_text().partition(f"\n{heading}\n")
    return re.split(r"^#", rest, maxsplit=1, flags=re.MULTILINE)[0]


def _plain(words: list[str]) -> list[str]:
    """Leave out the settings before a command, and where its output goes."""
    words = words[: words.index(">")] if ">" in words else words
    words = words[1:] if words[:1] == ["export"] else words
    while words and _SETTING.fullmatch(words[0]):
        words = words[1:]
    return words
