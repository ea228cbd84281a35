"""Values of definitions as people read them."""

from __future__ import annotations

from typing import Any

from schemas.units import NS_PER_MS
from streams.engine.definitions.node import timeout_sizes
from streams.engine.text import duration_text


def value_text(field: str | None, value: Any) -> str:
    """Return the value of an option or of a field of a node; a script of several lines keeps them."""
    if field == "conditions":
        return _timeouts(value)
    if field is not None and field.endswith("_ms"):
        return (
            duration_text(value * NS_PER_MS)
            if value
            else "none"
            if field == "timeout_ms"
            else "0 ms"
        )
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


def _timeouts(conditions: Any) -> str:
    sizes = sorted(timeout_sizes({"conditions": conditions}))
    return ", ".join(duration_text(size * NS_PER_MS) for size in sizes) or "none"
