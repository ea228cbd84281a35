"""Hand-written checks of single event fields (hot path; pydantic takes twice the time).

Each takes a decoded JSON value and its path, and returns the value in the form that the engine keeps,
or raises InvalidEvent. Unknown keys inside a value are left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from schemas.encoding import encode_to_keep
from schemas.explain import refuse, refuse_ts
from schemas.json_types import is_deeper_than, is_list, is_object
from schemas.limits import (
    DEP_MODES,
    EARLIEST_TS_NS,
    LATEST_TS_NS,
    MAX_BRANCH_CHARS,
    MAX_DATA_DEPTH,
    MAX_DURATION_MS,
    MAX_EVENT_ID_CHARS,
    MAX_META_DEPTH,
    MAX_RUN_ID_BYTES,
    NAME_PATTERN,
    NODE_TYPES,
    OPTION_RANGES,
)

if TYPE_CHECKING:
    from collections.abc import Callable

A_NAME: Final = "1 to 128 of the characters A-Z a-z 0-9 . _ -"

_is_name: Final = re.compile(NAME_PATTERN).fullmatch
_is_decimal: Final = re.compile(r"-?[0-9]{1,20}").fullmatch
_known_names: Final[dict[str, str]] = {}  # the same few name nearly every event
_MAX_KNOWN_NAMES: Final = 4_096
_NODE_TYPES: Final = frozenset(NODE_TYPES)
_DEP_MODES: Final = frozenset(DEP_MODES)


def check_name(value: Any, path: str) -> str:
    """Check a flow or node id; equal names are returned as one object, so that a run keeps it once."""
    if type(value) is not str:
        refuse(path, A_NAME, value)
    known = _known_names.get(value)
    if known is not None:
        return known
    if not _is_name(value):
        refuse(path, A_NAME, value)
    if len(_known_names) >= _MAX_KNOWN_NAMES:
        _known_names.clear()
    _known_names[value] = value
    return value


def check_event_id(value: Any, path: str) -> str:
    """Check an event id: any text of 1 to 128 characters."""
    if type(value) is not str or not 0 < len(value) <= MAX_EVENT_ID_CHARS:
        refuse(path, f"a text of 1 to {MAX_EVENT_ID_CHARS} characters", value)
    return value


def check_run_id(value: Any, path: str) -> str:
    """Check a run id: 1 to 256 bytes of UTF-8, without NUL (the separator in keys of the run table)."""
    if type(value) is not str or not value or "\0" in value or not _fits_a_key(value):
        refuse(path, f"a text of 1 to {MAX_RUN_ID_BYTES} bytes in UTF-8, without NUL", value)
    return value


def check_ts(value: Any, path: str) -> int:
    """Check an instant in nanoseconds since 1970; a decimal string of one is accepted."""
    if type(value) is str and _is_decimal(value):
        value = int(value)
    if type(value) is not int:
        refuse(path, "an integer of nanoseconds since 1970, or that as a decimal string", value)
    if not EARLIEST_TS_NS <= value <= LATEST_TS_NS:
        refuse_ts(value)
    return value


def check_data(value: Any, path: str) -> bytes:
    """Check the data of an event, a JSON object, and return it as compact JSON."""
    if value is None:
        return b"{}"
    if not is_object(value):
        refuse(path, "an object", value)
    try:
        return encode_to_keep(value)
    except TypeError:  # nested too deeply: decoded, but cannot be encoded
        refuse(path, f"nested at most {MAX_DATA_DEPTH} levels deep", value)


def check_options(value: Any, path: str) -> dict[str, Any] | None:
    """Check flow options; return the known ones that are given, None if there are none."""
    if not is_object(value):
        refuse(path, "an object of flow options", value)
    options: dict[str, Any] = {}
    for name, given in value.items():
        if given is None:
            continue
        if name in OPTION_RANGES:
            options[name] = _check_option(name, given, path)
        elif name == "closed":
            options[name] = check_flag(given, f"{path}.closed")
    return options or None


def check_stamped(value: Any, path: str) -> bool:
    """Check `stamped`; return True if the client sets `ts` when it sends a batch (R25)."""
    if value is not None and value != "flush":
        refuse(path, '"flush" or left out', value)
    return value is not None


def check_type(value: Any, path: str) -> str:
    """Check a node's type."""
    if type(value) is not str or value not in _NODE_TYPES:
        refuse(path, f"one of {', '.join(NODE_TYPES)}", value)
    return value


def check_dep_ids(value: Any, path: str) -> list[str]:
    """Check a list of node ids."""
    if not is_list(value):
        refuse(path, "a list of node ids", value)
    for index, dep_id in enumerate(value):
        if type(dep_id) is not str or not _is_name(dep_id):
            refuse(f"{path}[{index}]", A_NAME, dep_id)
    return value


def check_dep_mode(value: Any, path: str) -> str:
    """Check a dependency mode: all or any."""
    if type(value) is not str or value not in _DEP_MODES:
        refuse(path, '"all" or "any"', value)
    return value


def check_script(value: Any, path: str) -> dict[str, str]:
    """Check the shape of a script; the worker checks that its engine exists and compiles it (R18)."""
    if not is_object(value):
        refuse(path, 'a script, {"engine": …, "script": …}', value)
    engine, script = value.get("engine"), value.get("script")
    if type(engine) is not str:
        refuse(f"{path}.engine", "the name of a script engine", engine)
    if type(script) is not str:
        refuse(f"{path}.script", "source text", script)
    return {"engine": engine, "script": script}


def check_conditions(value: Any, path: str) -> list[dict[str, int]]:
    """Check a list of `{timeout_ms}`; the default is 0, no timeout."""
    if not is_list(value):
        refuse(path, "a list of conditions", value)
    conditions: list[dict[str, int]] = []
    for index, condition in enumerate(value):
        if not is_object(condition):
            refuse(f"{path}[{index}]", 'a condition, {"timeout_ms": …}', condition)
        timeout_ms = condition.get("timeout_ms", 0)
        if timeout_ms is None:
            timeout_ms = 0
        if type(timeout_ms) is not int or not 0 <= timeout_ms <= MAX_DURATION_MS:
            place = f"{path}[{index}].timeout_ms"
            refuse(place, f"an integer from 0 to {MAX_DURATION_MS}", timeout_ms)
        conditions.append({"timeout_ms": timeout_ms})
    return conditions


def check_flag(value: Any, path: str) -> bool:
    """Check a boolean."""
    if type(value) is not bool:
        refuse(path, "true or false", value)
    return value


def check_branch(value: Any, path: str) -> str:
    """Check a branch label: any text of 1 to 128 characters."""
    if type(value) is not str or not 0 < len(value) <= MAX_BRANCH_CHARS:
        refuse(path, f"a text of 1 to {MAX_BRANCH_CHARS} characters", value)
    return value


def check_text(value: Any, path: str) -> str:
    """Check a text of any length."""
    if type(value) is not str:
        refuse(path, "a text", value)
    return value


def check_meta(value: Any, path: str) -> dict[str, Any]:
    """Check a JSON object of any content, with a limited depth."""
    if not is_object(value):
        refuse(path, "an object", value)
    if is_deeper_than(value, MAX_META_DEPTH):
        refuse(path, f"nested at most {MAX_META_DEPTH} levels deep", value)
    return value


TAUGHT_FIELDS: Final[dict[str, Callable[[Any, str], Any]]] = {
    "type": check_type,
    "dep_ids": check_dep_ids,
    "dep_mode": check_dep_mode,
    "filter": check_script,
    "validator": check_script,
    "conditions": check_conditions,
    "required": check_flag,
    "branch": check_branch,
    "exclusive": check_flag,
    "ends_run": check_flag,
    "description": check_text,
    "additional_meta": check_meta,
}
"""The fields from which a node's definition is learned, each with its check."""


def _fits_a_key(run_id: str) -> bool:
    # A character takes at most four bytes, so most ids need not be encoded to be measured.
    return len(run_id) * 4 <= MAX_RUN_ID_BYTES or len(run_id.encode()) <= MAX_RUN_ID_BYTES


def _check_option(name: str, value: Any, path: str) -> int:
    _, least, most = OPTION_RANGES[name]
    if type(value) is not int or not least <= value <= most:
        refuse(f"{path}.{name}", f"an integer from {least} to {most}", value)
    return value
