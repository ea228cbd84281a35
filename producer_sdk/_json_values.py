"""Converts any value to JSON values: the slow path, taken when orjson refuses."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import uuid
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DEPTH = 100
MAX_VALUES = 200_000
"""More values than 256 KiB of JSON can hold; going on would only waste the caller's time."""

_MIN_INT, _MAX_INT = -(2**63), 2**64 - 1
_MAX_SHOWN_KEY = 40


class Converted(NamedTuple):
    """A value of JSON types.

    Attributes:
        value: the value.
        texts: values that were replaced by a text, as "data.amount is of type Decimal".
    """

    value: Any
    texts: list[str]


class TooManyValuesError(Exception):
    """The value has more parts than any event can hold."""


def plain(value: object, name: str) -> Converted:
    """Convert a value to dicts, lists, texts, numbers, booleans and None.

    Datetimes, UUIDs, enums, dataclasses and pydantic models get the form that orjson or they
    themselves give them; sets become lists, keys become texts. Decimals, bytes, NaN and everything
    else that JSON cannot express become texts, and so do circular references and what is nested too
    deeply.

    Args:
        value: any value.
        name: its name in `texts`.

    Raises:
        TooManyValuesError: more than `MAX_VALUES`.
    """
    conversion = _Conversion()
    return Converted(conversion.plain(value, name, MAX_DEPTH), conversion.texts)


def may_hold_non_finite(value: object, depth: int = MAX_DEPTH) -> bool:
    """Return True if `value` may hold NaN or an infinity, which orjson writes as null."""
    kind = type(value)
    if kind is float:
        return not math.isfinite(cast("float", value))
    if kind is dict:
        values: Any = cast("dict[Any, Any]", value).values()
    elif kind is list or kind is tuple:
        values = value
    else:
        # orjson encodes dataclasses itself, and any field of one may be a float.
        return dataclasses.is_dataclass(kind)
    return depth == 0 or any(may_hold_non_finite(item, depth - 1) for item in values)


class _Conversion:
    """State of one conversion: texts made, values counted, containers that are open."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._values = 0
        self._inside: set[int] = set()

    def plain(self, value: Any, path: str, depth: int) -> Any:
        self._values += 1
        if self._values > MAX_VALUES:
            raise TooManyValuesError
        try:
            return self._plain(value, path, depth)
        except TooManyValuesError:
            raise
        except Exception as error:  # noqa: BLE001 -- host code, such as a proxy without its context
            self.texts.append(f"{path} raised {type(error).__name__} when it was read")
            return f"<{type(value).__name__}>"

    def _plain(self, value: Any, path: str, depth: int) -> Any:
        while isinstance(value, Enum):
            value = value.value
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, int | float):
            return self._number(value, path)
        if isinstance(value, dt.date | dt.time):
            return value.isoformat()
        return self._container(value, path, depth)

    def _text(self, value: str, path: str) -> str:
        text = str(value).encode("utf-8", "replace").decode()
        if text != value:
            self.texts.append(f"{path} has characters that UTF-8 cannot encode")
        return text

    def _number(self, value: float, path: str) -> float | str:
        # orjson does not accept subclasses, such as numpy's float.
        number = int(value) if isinstance(value, int) else float(value)
        if _MIN_INT <= number <= _MAX_INT or (isinstance(number, float) and math.isfinite(number)):
            return number
        self.texts.append(f"{path} is a number that JSON cannot express")
        return str(number)

    def _container(self, value: Any, path: str, depth: int) -> Any:
        if isinstance(value, uuid.UUID):
            return str(value)
        content = _content(value)
        if content is None:
            text = self._text(_as_text(value), path)
            self.texts.append(f"{path} is of type {type(value).__name__}")
            return text
        if depth == 0 or id(value) in self._inside:
            self.texts.append(f"{path} is nested too deeply, or in itself")
            return f"<{type(value).__name__}>"
        self._inside.add(id(value))
        try:
            return self._items(content, path, depth - 1)
        finally:
            self._inside.discard(id(value))

    def _items(self, content: dict[Any, Any] | list[Any], path: str, depth: int) -> Any:
        if isinstance(content, list):
            return [self.plain(item, f"{path}[]", depth) for item in content]
        return {
            self._key(key, path): self.plain(item, f"{path}.{_shown(key)}", depth)
            for key, item in content.items()
        }

    def _key(self, key: Any, path: str) -> str:
        if isinstance(key, Enum):
            key = key.value
        return self._text(key if isinstance(key, str) else _as_text(key), f"a key of {path}")


def _content(value: Any) -> dict[Any, Any] | list[Any] | None:
    """Return the content of a container, None if the value is not one."""
    if isinstance(value, Mapping):
        return dict(cast("Mapping[Any, Any]", value))
    if isinstance(value, list | tuple):
        return list(cast("list[Any]", value))
    if isinstance(value, AbstractSet):
        return sorted(cast("AbstractSet[Any]", value), key=repr)
    return None if isinstance(value, type) else _attributes(value)


def _attributes(value: Any) -> dict[Any, Any] | None:
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    # pydantic models, and objects with the same method.
    dump = cast("Callable[[], dict[Any, Any]] | None", getattr(value, "model_dump", None))
    return None if dump is None else dict(dump())


def _as_text(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(cast("bytes", value)).decode("utf-8", "backslashreplace")
    return str(value)


def _shown(key: Any) -> str:
    """Return a key for logs: the name of a field, not an address or a card number."""
    if isinstance(key, str) and key.isidentifier() and len(key) <= _MAX_SHOWN_KEY:
        return key
    return "*"
