"""Type guards for decoded JSON."""

from __future__ import annotations

from typing import Any, TypeGuard


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Return True if a decoded value is a JSON object."""
    return type(value) is dict


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Return True if a decoded value is a JSON list."""
    return type(value) is list


def is_deeper_than(value: Any, levels: int) -> bool:
    """Return True if objects and lists in `value` are nested more than `levels` deep."""
    if is_object(value):
        items = list(value.values())
    elif is_list(value):
        items = value
    else:
        return False
    return levels == 0 or any(is_deeper_than(item, levels - 1) for item in items)
