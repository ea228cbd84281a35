"""One call to one record: the key and the JSON of the event, as `schemas/v1/event.py` describes it.

The bounds here are those of the wire; a contract test holds them together, as the SDK must not
import `schemas`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

import orjson

from producer_sdk._errors import EventTooBig, UsageError
from producer_sdk._ids import event_id
from producer_sdk._values import TooManyValuesError, may_hold_non_finite, plain

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
"""Told of values that JSON lacks and that a text stands for."""


def run_text(run_id: object) -> str:
    """Return a run id as text: a function is called, integers and UUIDs are written out.

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
    """Call a function that the caller passed for an argument, in the caller's thread.

    Raises:
        UsageError: it raised.
    """
    try:
        return function()
    except Exception as error:
        message = f"the function passed for {name} raised {type(error).__name__}"
        raise UsageError(name, message) from error


def run_key(run_id: str) -> bytes:
    """Return the key of a run's records, its id in UTF-8.

    Raises:
        UsageError: the id is empty, too long, has a NUL or is no Unicode.
    """
    try:
        key = run_id.encode()
    except UnicodeEncodeError:
        raise UsageError("run_id", "run_id has characters that UTF-8 lacks") from None
    if 0 < len(key) <= MAX_RUN_ID_BYTES and 0 not in key:
        return key
    raise UsageError(
        "run_id", f"run_id must have 1 to {MAX_RUN_ID_BYTES} bytes in UTF-8, none of them NUL"
    )


def check_name(about: str, name: object) -> str:
    """Return the id of a flow or a node.

    Raises:
        UsageError: it is not of the characters that such ids have.
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
        event: its fields, all of what JSON has, but for `additional_meta`.
        data: what the caller passed; it is read now, so a later change of it changes nothing.
        on_texts: told of values of `data` that JSON lacks.

    Raises:
        UsageError: `data` is not an object.
        EventTooBig: the event has more bytes than a worker takes.
    """
    event["data"] = _EMPTY if data is None else data
    value = _dumps(event) if type(data) is dict or data is None else None
    if value is None or (value.find(b"null") >= 0 and may_hold_non_finite(cast("object", data))):
        value = _encode_slowly(event, data, on_texts)
    check_size(value)
    return value


def tightly(value: bytes) -> bytes:
    """Return a copy of JSON that takes no more memory than its bytes.

    orjson writes into 1 KiB or more and gives the rest back. The allocator has no use for such rests:
    events that waited took 4 KiB each where they had 300 bytes, however the queue was bounded.
    """
    return b"".join((value, b""))


def check_size(value: bytes) -> None:
    """Check that a worker takes an event of this size.

    Raises:
        EventTooBig: it has more bytes.
    """
    if len(value) > MAX_EVENT_BYTES:
        raise _too_big()


def start_event(kind: str, flow: str, node: str, run_id: str, ts_ns: int) -> dict[str, Any]:
    """Return the fields that every event has, in the order of the wire."""
    return {
        "v": VERSION,
        "event_id": event_id(ts_ns),
        "flow": flow,
        "node": node,
        "run_id": run_id,
        "type": kind,
        "ts": ts_ns,
    }


def plain_object(about: str, value: object, on_texts: OnTexts) -> dict[str, Any]:
    """Return a JSON object that is made of what the caller passed.

    Raises:
        UsageError: it is not an object.
        EventTooBig: it holds more than any event can.
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
    event["data"] = plain_object("data", data, on_texts)
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
