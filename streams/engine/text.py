"""Texts of instants, durations, counts and lists, in causes and on screens."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from schemas.units import NS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNITS: Final = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


def clock_text(instant_ns: int) -> str:
    """Return `12:00:05.120 UTC`."""
    return (
        datetime.fromtimestamp(instant_ns // 1_000_000_000, UTC).strftime("%H:%M:%S")
        + f".{instant_ns // 1_000_000 % 1_000:03d} UTC"
    )


def duration_text(duration_ns: int) -> str:
    """Return `5 s`, `1.5 s`, `15 min`; parts of a millisecond are shown only where there is nothing larger."""
    if 0 < duration_ns < NS_PER_MS:
        return f"{duration_ns / NS_PER_MS:.3f} ms"
    ms = round(duration_ns / NS_PER_MS)
    for size, unit in _UNITS:
        if ms >= size and ms * 1_000 % size == 0:
            return f"{ms / size:g} {unit}"
    return f"{ms} ms"


def spaced(number: int) -> str:
    """Return `40 000`."""
    return f"{number:,}".replace(",", " ")


def count_of(number: int, noun: str) -> str:
    """Return `1 topic`, `40 000 topics`."""
    return f"{spaced(number)} {noun}{'' if number == 1 else 's'}"


def list_text(names: list[str] | tuple[str, ...]) -> str:
    """Return `a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def verdict_reasons(verdict: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each reason of a decoded verdict; a verdict `passed` has none."""
    if verdict["causes"]:
        return [cause["message"] for cause in verdict["causes"]]
    if verdict["status"] != "incomplete":
        return []
    return [
        f"{status}: {', '.join(nodes)}"
        for status in ("missing", "unreached")
        if (nodes := [node["node"] for node in verdict["nodes"] if node["status"] == status])
    ]
