"""Decodes and checks records of the events topic (hot path: orjson and hand-written checks).

`schemas.v1.event.EventModel` describes the same events; a property test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson
from mypy_extensions import mypyc_attr

from schemas.errors import InvalidEvent
from schemas.explain import refuse, refuse_bytes, show, show_bytes
from schemas.field_checks import (
    TAUGHT_FIELDS,
    check_data,
    check_event_id,
    check_name,
    check_options,
    check_run_id,
    check_stamped,
    check_ts,
    check_type,
)
from schemas.json_types import is_object
from schemas.limits import MAX_EVENT_BYTES, VERSION

_loads: Final = orjson.loads
# The type of a node matters only if it is a trigger (R24): any other alone teaches nothing.
_names_no_rule: Final = (frozenset(TAUGHT_FIELDS) - {"type"}).isdisjoint


@mypyc_attr(acyclic=True)
@dataclass(slots=True, init=False)
class Event:
    """One event in the form that the engine reads.

    Attributes:
        event_id: identity; a second event with the same id changes nothing (R2).
        flow: the flow's name.
        node: the node's id.
        run_id: which execution of the flow; also the record's key.
        ts: when it happened, in nanoseconds since 1970, by the producer's clock.
        data: the event's data, one compact JSON object.
        teaches: the fields of its node's definition that the event carries, or None.
        options: the flow options that the event carries, or None.
        excluded: the client's own filter excluded the event, so it does not count (R4).
        stamped: `ts` was set when a batch was sent, not when the call was made (R25).
    """

    event_id: str
    flow: str
    node: str
    run_id: str
    ts: int
    data: bytes
    teaches: dict[str, Any] | None
    options: dict[str, Any] | None
    excluded: bool
    stamped: bool

    # Written by hand: a generated one is not compiled (docs/decisions/0006-compiled-engine.md).
    def __init__(  # noqa: PLR0913, PLR0917 -- a row of fields
        self,
        event_id: str,
        flow: str,
        node: str,
        run_id: str,
        ts: int,
        data: bytes,
        teaches: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
        excluded: bool = False,  # noqa: FBT001, FBT002
        stamped: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        self.event_id = event_id
        self.flow = flow
        self.node = node
        self.run_id = run_id
        self.ts = ts
        self.data = data
        self.teaches = teaches
        self.options = options
        self.excluded = excluded
        self.stamped = stamped


def decode_event(value: bytes | None) -> Event:
    """Decode and check the value of one record of the events topic.

    Null is the same as left out, unknown fields are ignored, the last of duplicate keys counts, and an
    integer of `data` beyond 64 bits becomes a double.

    Raises:
        InvalidEvent: the value is not an event; has the dead-letter reason, the path and a message.
    """
    fields = _parse(value)
    version = fields.get("v")
    if version is not None and (type(version) is not int or version != VERSION):
        message = f"this worker reads version {VERSION} of the wire, got {show(version)}"
        raise InvalidEvent("unknown_version", "v", message)
    options = fields.get("options")
    return Event(
        check_event_id(fields.get("event_id"), "event_id"),
        check_name(fields.get("flow"), "flow"),
        check_name(fields.get("node"), "node"),
        check_run_id(fields.get("run_id"), "run_id"),
        check_ts(fields.get("ts"), "ts"),
        check_data(fields.get("data"), "data"),
        _taught(fields),
        None if options is None else check_options(options, "options"),
        fields.get("filter") is False,
        check_stamped(fields.get("stamped"), "stamped"),
    )


def check_key(key: bytes | None, run_id: str) -> None:
    """Check that a record's key is its run id in UTF-8: all events of a run must have the same key.

    Raises:
        InvalidEvent: `wrong_key`.
    """
    if key != run_id.encode():
        found = "it has none" if key is None else f"got {show_bytes(key)}"
        message = f"the record's key must be the run id {show(run_id)} in UTF-8, {found}"
        raise InvalidEvent("wrong_key", "run_id", message)


def _parse(value: bytes | None) -> dict[str, Any]:
    if value is None:
        raise InvalidEvent("not_json", "", "the record has no value")
    if len(value) > MAX_EVENT_BYTES:
        message = f"{len(value)} bytes; an event has at most {MAX_EVENT_BYTES} (256 KiB)"
        raise InvalidEvent("too_big", "", message)
    try:
        fields = _loads(value)
    except orjson.JSONDecodeError as error:
        refuse_bytes(value, error)
    if not is_object(fields):
        refuse("", "an event, a JSON object", fields)
    return fields


def _taught(fields: dict[str, Any]) -> dict[str, Any] | None:
    if _names_no_rule(fields):
        node_type = fields.get("type")
        if node_type is None or check_type(node_type, "type") != "trigger":
            return None
        return {"type": node_type}
    taught: dict[str, Any] = {}
    for name, value in fields.items():
        if name in TAUGHT_FIELDS and value is not None:
            # A boolean filter is the client's decision for this event only, not a rule to learn.
            if name == "filter" and type(value) is bool:
                continue
            taught[name] = TAUGHT_FIELDS[name](value, name)
    if taught.keys() <= {"type"}:
        return {"type": taught["type"]} if taught.get("type") == "trigger" else None
    return taught
