"""Turns pydantic's errors about a definition into messages for its author."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from schemas.errors import DefinitionProblem, InvalidDefinition
from schemas.explain import show
from schemas.field_checks import A_NAME
from schemas.json_types import is_list, is_object
from schemas.renamed import RENAMED_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

Location = tuple[int | str, ...]


def invalid_definition(
    error: ValidationError, content: Any, keys: Mapping[str, Iterable[str]]
) -> InvalidDefinition:
    """Return the error with a problem for each of pydantic's errors.

    Args:
        error: pydantic's error.
        content: the content that was validated.
        keys: the known keys of each object, by the key of the object; "" is the whole.
    """
    return InvalidDefinition(
        DefinitionProblem(place(found["loc"]), _node(found["loc"], content), _message(found, keys))
        for found in error.errors(include_url=False)
    )


def place(location: Location) -> str:
    """Return a location as a path: `nodes[2].dep_ids[0]`."""
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def _node(location: Location, content: Any) -> str | None:
    """Return the id of the innermost node around an error, None if there is none."""
    node = None
    for step in location:
        if is_object(content):
            node = content.get("id", node)
            content = content.get(str(step))
        elif is_list(content) and isinstance(step, int):
            content = content[step]
    return node if isinstance(node, str) else None


def _message(found: ErrorDetails, keys: Mapping[str, Iterable[str]]) -> str:
    location = found["loc"]
    match found["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return explain_unknown_key(str(location[-1]), _known_keys(location, keys))
        case "string_pattern_mismatch" if location[-1] != "version":
            rule = f"must be {A_NAME}"
        case "model_type" | "model_attributes_type" | "dict_type":
            rule = "must be an object"
        case "too_short":
            return "must not be empty"
        case _:
            rule = _rule(found["msg"])
    return f"{rule}, got {show(found['input'])}"


def _rule(message: str) -> str:
    """Return "must be …" for pydantic's "Input should be …"."""
    _, should, rule = message.partition(" should ")
    return f"must {rule}" if should else message.removeprefix("Value error, ")


def _known_keys(location: Location, keys: Mapping[str, Iterable[str]]) -> list[str]:
    above = [step for step in location[:-1] if isinstance(step, str)]
    return list(keys.get(above[-1] if above else "", ()))


def explain_unknown_key(key: str, known: Sequence[str]) -> str:
    """Return the message for a key that nobody knows: its new name, a similar one, or all of them."""
    if (renamed := RENAMED_OPTIONS.get(key)) in known:
        return f"unknown key; `{key}` is now `{renamed}`"
    alike = get_close_matches(key, known, n=1)
    hint = f'did you mean "{alike[0]}"?' if alike else f"known here: {', '.join(known)}"
    return f"unknown key; {hint}"
