"""Encodes one call as a record: key and JSON of the event, as in `schemas/v1/event.py`.

The SDK must not import `schemas`, so the limits are repeated here; a contract test compares them.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

import orjson

from producer_sdk._errors import EventTooBig, UsageError
from producer_sdk._event_ids import event_id
from producer_sdk._json_values import TooManyValuesError, may_hold_non_finite, plain

Record: TypeAlias = tuple[bytes, bytes]
"""Key and value of one record of the events topic."""

EVENTS_TOPIC = "flow-events.v1"
VERSION = 1
MAX_EVENT_BYTES = 256 * 1024
MAX_RUN_ID_BYTES = 256
NAME_PATTERN = r"[A-Za-z0-9._-]{1,128}"

_MAX_REMEMBERED_NAMES = 10_000
_EMPTY: Mapping[str, Any] = {}

_is_name = re.compile(NAME_PATTERN).fullmatch
_good_names: set[str] = set()

OnTexts: TypeAlias = Callable[[list[str]], None]
"""Called with descriptions of values that were replaced by a text."""


def run_text(run_id: object) -> str:
    """Return a run id as text: call a function, convert an integer or a UUID.

    Raises:
        UsageError: it is none of these, or the function raised.
    """
    if callable(run_id) and not isinstance(run_id, type):
        run_id = called("run_id", cast("Callable[[], object]", run_id))
    if isinstance(run_id, str):
        return run_id
    if isinstance(run_id, int | uuid.UUID) and not isinstance(run_id, bool):
        return str(run_id)
    raise UsageError("run_id", f"run_id must be a text, it is of type {type(run_id).__name__}")


def called(name: str, function: Callable[[], object]) -> object:
    """Call a function that was passed for an argument, in the caller's thread.

    Raises:
        UsageError: it raised.
    """
    try:
        return function()
    except Exception as error:
        message = f"the function passed for {name} raised {type(error).__name__}"
        raise UsageError(name, message) from error


def run_key(run_id: str) -> bytes:
    """Return the key of a run's records: its id in UTF-8.

    Raises:
        UsageError: the id is empty, too long, contains NUL or is not valid Unicode.
    """
    try:
        key = run_id.encode()
    except UnicodeEncodeError:
        raise UsageError("run_id", "run_id has characters that UTF-8 cannot encode") from None
    if 0 < len(key) <= MAX_RUN_ID_BYTES and 0 not in key:
        return key
    raise UsageError(
        "run_id", f"run_id must have 1 to {MAX_RUN_ID_BYTES} bytes in UTF-8, none of them NUL"
    )


def check_name(about: str, name: object) -> str:
    """Check and return the id of a flow or a node.

    Raises:
        UsageError: it has other characters, or too many.
    """
    if type(name) is str and name in _good_names:
        return name
    if not isinstance(name, str) or not _is_name(name):
        raise UsageError(about, f"{about} must have 1 to 128 of the characters A-Z a-z 0-9 . _ -")
    if len(_good_names) >= _MAX_REMEMBERED_NAMES:
        _good_names.clear()
    _good_names.add(str(name))
    return name


def encode_event(event: dict[str, Any], data: Any, on_texts: OnTexts) -> bytes:
    """Return the JSON of an event.

    Args:
        event: its other fields, all of JSON types.
        data: the caller's data; it is read now, so a later change of it changes nothing.
        on_texts: called with descriptions of values of `data` that JSON cannot express.

    Raises:
        UsageError: `data` is not an object.
        EventTooBig: the event is larger than a worker accepts.
    """
    event["data"] = _EMPTY if data is None else data
    value = _dumps(event) if type(data) is dict or data is None else None
    if value is None or (value.find(b"null") >= 0 and may_hold_non_finite(cast("object", data))):
        value = _encode_slowly(event, data, on_texts)
    check_size(value)
    return value


def compact_copy(value: bytes) -> bytes:
    """Return a copy of encoded JSON that takes no more memory than its bytes.

    orjson writes into a buffer of 1 KiB or more and shrinks it. The allocator cannot reuse the rest:
    waiting events of 300 bytes took 4 KiB each, whatever the bound of the queue.
    """
    return b"".join((value, b""))


def check_size(value: bytes) -> None:
    """Check that a worker accepts an event of this size.

    Raises:
        EventTooBig: it is larger.
    """
    if len(value) > MAX_EVENT_BYTES:
        raise _too_big()


def start_event(kind: str, flow: str, node: str, run_id: str, ts_ns: int) -> dict[str, Any]:
    """Return the fields that every event has, in wire order."""
    return {
        "v": VERSION,
        "event_id": event_id(ts_ns),
        "flow": flow,
        "node": node,
        "run_id": run_id,
        "type": kind,
        "ts": ts_ns,
    }


def json_object(about: str, value: object, on_texts: OnTexts) -> dict[str, Any]:
    """Convert a value of the caller to a JSON object.

    Raises:
        UsageError: it is not an object.
        EventTooBig: it has more parts than any event can hold.
    """
    try:
        content, texts = plain(value, about)
    except TooManyValuesError:
        raise _too_big() from None
    if not isinstance(content, dict):
        raise UsageError(
            about, f"{about} must be a dict, a dataclass or a model; it is a {type(value).__name__}"
        )
    if texts:
        on_texts(texts)
    return cast("dict[str, Any]", content)


def _encode_slowly(event: dict[str, Any], data: Any, on_texts: OnTexts) -> bytes:
    event["data"] = json_object("data", data, on_texts)
    return orjson.dumps(event)


def _dumps(event: dict[str, Any]) -> bytes | None:
    try:
        return orjson.dumps(event)
    except TypeError:
        return None


def _too_big() -> EventTooBig:
    return EventTooBig(
        "data", f"the event has more than {MAX_EVENT_BYTES // 1024} KiB; put less into data"
    )
