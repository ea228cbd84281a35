"""Writes docs/topics.md from the registries of topics and headers: `python -m tools.topics_page [--check]`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from schemas import headers
from schemas.topics import TOPICS
from tools.pages import write_or_check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.topics import Topic

PAGE = Path(__file__).resolve().parent.parent / "docs" / "topics.md"
COMMAND = "python -m tools.topics_page"

INTRODUCTION = f"""\
# Topics and headers

Duly creates these topics where they are missing, and changes none that is there. Before the names stands
`DULY_TOPIC_PREFIX`; `{{app_id}}` is `DULY_APP_ID`. `duly topics plan` shows the settings of each, `duly topics apply`
creates them. This page is written by `{COMMAND}`.

| topic | carries | key | partitions | kept | written by | read by |
|---|---|---|---|---|---|---|
"""

HEADERS: Final[Mapping[str, tuple[str, str]]] = {
    headers.TRACEPARENT: (
        "events",
        "The trace that the call of the SDK was part of, as W3C writes it.",
    ),
    headers.CORRELATION_ID: ("events", "The correlation id of the call of the SDK."),
    headers.SDK: ("events", "Language and version of the SDK."),
    headers.CONTENT_TYPE: ("events", "Always `application/json`."),
    headers.PRODUCED_AT: (
        "events, verdicts",
        "Wall time of the writer, ns; no replay gives the same.",
    ),
    headers.TYPE: (
        "clock records",
        "Always `clock`; a clock record has no key and no value (R13).",
    ),
    headers.GENERATION: (
        "verdicts",
        "Generation of the consumer group, by which the audit knows a zombie.",
    ),
    headers.OFFSET: (
        "tombstones of the changelog",
        "The offset of the event that they follow from.",
    ),
    headers.REASON: (
        "dead letters",
        "Why the record is no event, or has no room in its run (R20).",
    ),
    headers.ERROR: ("dead letters", "The reason in words, with the place."),
    headers.SOURCE_TOPIC: ("dead letters", "The topic of the record."),
    headers.SOURCE_PARTITION: ("dead letters", "Its partition."),
    headers.SOURCE_OFFSET: ("dead letters", "Its offset."),
}

HEADERS_HEAD = """
## Headers

A dead letter has the headers of its record too.

| header | on | meaning |
|---|---|---|
"""


def render_page() -> str:
    """Return the page: every topic with who writes and reads it, and every header."""
    named = [f"| `{name}` | {where} | {meaning} |\n" for name, (where, meaning) in HEADERS.items()]
    return INTRODUCTION + "".join(map(_row, TOPICS)) + HEADERS_HEAD + "".join(named)


def _row(topic: Topic) -> str:
    partitions = "1" if topic.partitions == 1 else "`DULY_PARTITIONS`"
    kept = "the newest of each key"
    if topic.retention_ms is not None:
        kept = f"{topic.retention_ms // 86_400_000} days"
    cells = [
        *(f"`{topic.name}`", topic.description, topic.key, partitions, kept),
        *(", ".join(topic.producers), ", ".join(topic.consumers)),
    ]
    return f"| {' | '.join(cells)} |\n"


def main(arguments: list[str]) -> int:
    """Write the page, or check it."""
    return write_or_check(PAGE, render_page(), COMMAND, arguments)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
