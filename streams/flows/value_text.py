"""Values of options and node fields as people read them."""

from __future__ import annotations

from typing import Any

from schemas.units import NS_PER_MS
from streams.engine.definitions.node import timeout_sizes
from streams.engine.text import duration_text


def value_text(field: str | None, value: Any) -> str:
    """Return the value of an option or node field; a script of several lines keeps its lines."""
    if field == "conditions":
        return _timeouts(value)
    if field is not None and field.endswith("_ms"):
        return _duration(field, value)
    match value:
        case None | []:
            text = "none"
        case bool():
            text = str(value).lower()
        case [*items]:
            text = ", ".join(map(str, items))
        case {"engine": engine, "script": script}:
            separator = "\n" if "\n" in script.strip() else " "
            text = f"{engine}:{separator}{script.strip()}"
        case _:
            text = str(value)
    return text


def _duration(field: str, milliseconds: int) -> str:
    if milliseconds:
        return duration_text(milliseconds * NS_PER_MS)
    return "none" if field == "timeout_ms" else "0 ms"


def _timeouts(conditions: Any) -> str:
    sizes = sorted(timeout_sizes({"conditions": conditions}))
    return ", ".join(duration_text(size * NS_PER_MS) for size in sizes) or "none"
