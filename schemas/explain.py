"""Messages for refused events: what is wrong, where, and what to do (slow path of `wire`)."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final, NoReturn

import orjson

from schemas.errors import InvalidEvent, shorten
from schemas.json_types import is_list, is_object
from schemas.limits import EARLIEST_TS_NS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_SHOWN_CHARS: Final = 60
YEAR_2100_NS: Final = 4_102_444_800_000_000_000
NS_PER_UNIT: Final = {"seconds": 10**9, "milliseconds": 10**6, "microseconds": 10**3}


def refuse(path: str, expected: str, value: object) -> NoReturn:
    """Raise InvalidEvent for a field that is absent or not what it must be."""
    if value is None:
        raise InvalidEvent("invalid_event", path, f"is missing or null; it must be {expected}")
    raise InvalidEvent("invalid_event", path, f"must be {expected}, got {show(value)}")


def show(value: object) -> str:
    """Return a value as JSON for a message, shortened."""
    try:
        text = orjson.dumps(value).decode()
    except TypeError:  # nested too deeply, or a YAML value that JSON cannot express
        return f"a {type(value).__name__} that cannot be shown"
    return shorten(text, MAX_SHOWN_CHARS)


def refuse_ts(ts: int) -> NoReturn:
    """Raise InvalidEvent for a `ts` out of range; the message names the unit it probably has."""
    side = "before the year 2000" if ts < EARLIEST_TS_NS else "after the year 2262"
    unit = _likely_unit(ts)
    hint = f", and this looks like {unit}" if unit else ""
    message = f"{ts} is {side}; ts is in nanoseconds since 1970{hint}"
    raise InvalidEvent("invalid_event", "ts", message)


def refuse_bytes(value: bytes, error: Exception) -> NoReturn:
    """Raise InvalidEvent for bytes that are not JSON; the message gives the path of NaN and Infinity.

    Python's own encoder writes both, so they are the most likely mistake.
    """
    path = _path_of_non_finite(value)
    if path is not None:
        message = "not a finite number; JSON has no NaN or Infinity, send null or leave it out"
        raise InvalidEvent("not_json", path, message) from error
    raise InvalidEvent("not_json", "", f"not JSON: {error}; got {show_bytes(value)}") from error


def show_bytes(value: bytes) -> str:
    """Return the first bytes of a record as printable text."""
    return shorten(ascii(value[:MAX_SHOWN_CHARS].decode(errors="replace")), MAX_SHOWN_CHARS)


def _likely_unit(ts: int) -> str | None:
    for unit, factor in NS_PER_UNIT.items():
        if EARLIEST_TS_NS <= ts * factor < YEAR_2100_NS:
            return unit
    return None


def _path_of_non_finite(value: bytes) -> str | None:
    try:
        path = next(_non_finite_paths(json.loads(value), ""), None)
    except (ValueError, RecursionError):
        return None
    # Python's decoder accepts half a surrogate pair in a key, which no header could carry.
    return path and path.encode(errors="replace").decode()


def _non_finite_paths(value: Any, path: str) -> Iterator[str]:
    items: Iterable[tuple[str, Any]] = ()
    if isinstance(value, float) and not math.isfinite(value):
        yield path
    elif is_object(value):
        items = ((f"{path}.{key}".removeprefix("."), item) for key, item in value.items())
    elif is_list(value):
        items = ((f"{path}[{index}]", item) for index, item in enumerate(value))
    for place, item in items:
        yield from _non_finite_paths(item, place)
