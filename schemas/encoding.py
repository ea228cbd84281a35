"""How JSON is written, everywhere but in the SDK, which stands alone and has its own."""

from __future__ import annotations

from typing import Any, Final

import orjson

_dumps: Final = orjson.dumps


def encode_json(value: Any) -> bytes:
    """Return `value` as compact JSON in UTF-8; the one encoder of all that is written."""
    return _dumps(value)


def encode_to_keep(value: Any) -> bytes:
    """Return the same in bytes that take no more memory than they need, for what stays in memory.

    orjson gives back the end of a buffer of several kB, which leaves a hole behind each result: a worker's memory would
    be holes.
    """
    return b"".join((_dumps(value), b""))
