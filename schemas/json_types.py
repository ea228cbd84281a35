"""What decoded JSON is, told to the type checker."""

from __future__ import annotations

from typing import Any, TypeGuard


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Return whether a decoded value is a JSON object."""
    return type(value) is dict


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Return whether a decoded value is a JSON list."""
    return type(value) is list
