"""JSON encoder of everything that Duly writes, except the SDK, which has its own."""

from __future__ import annotations

from typing import Any, Final

import orjson

_dumps: Final = orjson.dumps


def encode_json(value: Any) -> bytes:
    """Return `value` as compact JSON in UTF-8."""
    return _dumps(value)


def encode_to_keep(value: Any) -> bytes:
    """Return `value` as JSON in bytes of exact size, for values that stay in memory.

    orjson shrinks a buffer of several kB, which leaves a hole behind each result and fragments a
    worker's memory.
    """
    return b"".join((_dumps(value), b""))
