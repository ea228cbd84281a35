"""Renders findings: a table for people, an object for JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from streams.audit.findings import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streams.audit.findings import Findings, PartitionFindings

_COLUMNS = ("partition", "events", "implied", "written", "copies", *FAULTS)


def as_table(findings: Findings) -> str:
    """Return the findings as text, a line for each partition, each described fault and each note."""
    rows = [_row(str(found.partition), [found]) for found in findings.partitions]
    lines = [
        f"audit of {findings.topic}",
        *_aligned([_COLUMNS, *rows, _row("all", findings.partitions)]),
        *(f"note: {note}" for note in [*findings.notes, *_left_out(findings)]),
        *(
            f"{kind}: {subject}: {detail} ({place})"
            for kind, place, subject, detail in findings.examples
        ),
        _conclusion(findings),
    ]
    return "\n".join(lines)


def as_object(findings: Findings) -> dict[str, Any]:
    """Return the findings as a JSON object."""
    return {
        "topic": findings.topic,
        "sound": findings.sound,
        "faults": {kind: findings.faults[kind] for kind in FAULTS},
        "copies": sum(found.copies for found in findings.partitions),
        "partitions": [
            asdict(found) | {"faults": {kind: found.faults[kind] for kind in FAULTS}}
            for found in findings.partitions
        ],
        "examples": [fault._asdict() for fault in findings.examples],
        "notes": findings.notes,
    }


def _row(name: str, found: Sequence[PartitionFindings]) -> tuple[str, ...]:
    counts = [
        sum(one.events for one in found),
        sum(one.implied for one in found),
        sum(one.records for one in found),
        sum(one.copies for one in found),
        *(sum(one.faults[kind] for one in found) for kind in FAULTS),
    ]
    return (name, *map(str, counts))


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))


def _left_out(findings: Findings) -> Iterable[str]:
    limited = sum(found.limited for found in findings.partitions)
    beyond = sum(found.beyond for found in findings.partitions)
    if limited:
        yield f"{limited} verdicts are of runs that met a limit of the sandbox: not compared"
    if beyond:
        yield f"{beyond} verdicts are of runs that began before the log does, or are newer than it"


def _conclusion(findings: Findings) -> str:
    if findings.sound:
        letters = sum(found.dead_letters for found in findings.partitions)
        return f"sound: every verdict is the one that the log implies, and all {letters} dead letters are there"
    parts = (
        f"{findings.faults[kind]} {meaning}"
        for kind, meaning in FAULTS.items()
        if findings.faults[kind]
    )
    return f"not sound: {'; '.join(parts)}"
