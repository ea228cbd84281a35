"""Node fields of a call: checks them and converts them to their wire form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from producer_sdk._capture import CapturedScripts, Kind
from producer_sdk._errors import UsageError, closest, meant
from producer_sdk._guard import guard
from producer_sdk._types import NodeCondition
from producer_sdk._wire import called, check_name, json_object

Field: TypeAlias = Callable[[str, Any], Any]
"""Takes the name and value of a field; returns the wire form, or raises UsageError."""

MAX_BRANCH_CHARS = 128
MAX_DURATION_MS = 10 * 365 * 24 * 3_600_000
OPTION_RANGES = {
    "window_ms": (0, MAX_DURATION_MS),
    "max_open_ms": (0, MAX_DURATION_MS),
    "settle_ms": (0, MAX_DURATION_MS),
    "grace_ms": (1, MAX_DURATION_MS),
    "clock_tolerance_ms": (0, MAX_DURATION_MS),
    "forget_after_ms": (0, MAX_DURATION_MS),
    "max_events_per_run": (1, 1_000_000),
}
"""Integer flow options with their smallest and largest value."""

_scripts = CapturedScripts()


def add_fields(event: dict[str, Any], fields: Mapping[str, Any]) -> None:
    """Add the node fields of a call to its event.

    A field that cannot be used is left out, counted and logged; the event is sent without it.
    """
    for name, value in fields.items():
        if value is None:
            continue
        field = _FIELDS.get(name)
        if field is None:
            hint = meant(closest(name, _FIELDS))
            guard.report("fields_left_out", name, f"there is no field {name}{hint}")
            continue
        try:
            event[name] = field(name, value)
        except UsageError as error:
            guard.report("fields_left_out", name, f"{error.message}; {name} was left out")
        except Exception as error:  # noqa: BLE001 -- host code, such as a proxy without its context
            message = f"{name} raised {type(error).__name__} when it was read; it was left out"
            guard.report("fields_left_out", name, message)


def report_texts(texts: list[str]) -> None:
    """Report values that JSON cannot express; a validator will see texts in their place."""
    more = f" and {len(texts) - 1} more" if len(texts) > 1 else ""
    message = f"{texts[0]}{more}; sent as text, and a validator sees the text"
    guard.report("values_made_strings", "data", message, count=len(texts))


def _validator(_name: str, value: Any) -> Any:
    return _script("validator", value)


def _filter(_name: str, value: Any) -> Any:
    return value if isinstance(value, bool) else _script("filter", value)


def _script(kind: Kind, value: Any) -> Any:
    script, problem = _scripts.captured(value, kind)
    if problem is not None:
        message = f"the {kind} was not sent: {problem}; its node will fail with {kind}_error"
        guard.report("scripts_not_sent", kind, message)
    return script


def _dep_ids(name: str, value: Any) -> Any:
    return [check_name(name, item) for item in _listed(name, value, "node ids")]


def _conditions(name: str, value: Any) -> Any:
    return [_condition(item) for item in _listed(name, value, "NodeCondition")]


def _condition(value: Any) -> dict[str, int]:
    if not isinstance(value, NodeCondition):
        raise UsageError("conditions", "each of conditions must be a NodeCondition")
    return {"timeout_ms": _integer("timeout_ms", value.timeout_ms, 0, MAX_DURATION_MS)}


def _listed(name: str, value: Any, what: str) -> Sequence[Any]:
    if callable(value):
        value = called(name, cast("Callable[[], object]", value))
    if isinstance(value, str) or not isinstance(value, Sequence | set | frozenset):
        raise UsageError(name, f"{name} must be a list of {what}")
    return cast("Sequence[Any]", value)


def _integer(name: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise UsageError(name, f"{name} must be an integer from {least} to {most}")
    return int(value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise UsageError(name, f"{name} must be True or False")
    return value


def _dep_mode(name: str, value: Any) -> str:
    if value not in ("all", "any"):
        raise UsageError(name, f'{name} must be "all" or "any"')
    return str(value)


def _branch(name: str, value: Any) -> str:
    if not 0 < len(_text(name, value)) <= MAX_BRANCH_CHARS:
        raise UsageError(name, f"{name} must have 1 to {MAX_BRANCH_CHARS} characters")
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UsageError(name, f"{name} must be a text")
    return value


def _meta(name: str, value: Any) -> dict[str, Any]:
    return json_object(name, value, report_texts)


def _options(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(name, f"{name} must be a dict of flow options")
    options: dict[str, Any] = {}
    for option, given in cast("Mapping[str, Any]", value).items():
        if given is None:
            continue
        if option == "closed":
            options[option] = _flag(option, given)
        elif option in OPTION_RANGES:
            options[option] = _integer(option, given, *OPTION_RANGES[option])
        else:
            hint = meant(closest(str(option), (*OPTION_RANGES, "closed")))
            raise UsageError(name, f"there is no flow option {option}{hint}")
    return options


_FIELDS: dict[str, Field] = {
    "filter": _filter,
    "dep_ids": _dep_ids,
    "dep_mode": _dep_mode,
    "validator": _validator,
    "conditions": _conditions,
    "required": _flag,
    "branch": _branch,
    "exclusive": _flag,
    "ends_run": _flag,
    "description": _text,
    "additional_meta": _meta,
    "options": _options,
}
