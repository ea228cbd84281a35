"""Breaking changes between two versions of a JSON Schema.

A valid message must stay valid, and a field must not disappear. A removed field, a narrowed type,
range or list of values, and a new required field are breaking; an added optional field is not. In
messages that Duly writes (verdicts, dead letters), a field that was always present must stay so.

The keywords are those that pydantic writes. Patterns cannot be compared: a different one counts as
breaking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.json_types import is_list, is_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Schema = Mapping[str, Any]

_LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")


class Break(NamedTuple):
    """One breaking change.

    Attributes:
        path: the field, `nodes[].status`; empty for the message itself.
        what: the change, as a sentence.
    """

    path: str
    what: str

    def __str__(self) -> str:
        """Return the change as one line."""
        return f"{self.path or 'the message'}: {self.what}"


def breaks(old: Schema, new: Schema, *, written_by_us: bool = False) -> list[Break]:
    """Return the breaking changes between two schemas of one message, in order of the fields.

    Args:
        old: the released schema.
        new: the schema that replaces it.
        written_by_us: others read these messages; a field that was always present must stay so.
    """
    return list(_SchemaComparison(old, new, written_by_us=written_by_us).of("", old, new))


class _SchemaComparison:
    def __init__(self, old: Schema, new: Schema, *, written_by_us: bool) -> None:
        self._old_root = old
        self._new_root = new
        self._written_by_us = written_by_us
        self._within: set[tuple[str, str]] = set()

    def of(self, path: str, old: Schema, new: Schema) -> Iterator[Break]:
        """Yield the breaking changes of one value; a recursive schema is visited once."""
        references = (old.get("$ref", ""), new.get("$ref", ""))
        if all(references):
            if references in self._within:
                return
            self._within.add(references)
        yield from self._of_alternatives(path, old, new)
        self._within.discard(references)

    def _of_alternatives(self, path: str, old: Schema, new: Schema) -> Iterator[Break]:
        """Compare each old alternative with the most similar new one."""
        choices = list(_alternatives(self._new_root, new))
        for was in _alternatives(self._old_root, old):
            found = [list(self._of_one(path, was, choice)) for choice in choices]
            yield from min(found, key=len)

    def _of_one(self, path: str, old: Schema, new: Schema) -> Iterator[Break]:
        gone = _types(old) - _types(new)
        if gone:
            yield Break(path, f"no longer takes {_listed(gone)}")
            return
        yield from _narrowed_values(path, old, new)
        yield from _narrowed_range(path, old, new)
        yield from self._of_fields(path, old, new)
        for keyword, sign in (("items", "[]"), ("additionalProperties", ".*")):
            was, now = old.get(keyword), new.get(keyword)
            if is_object(was) and is_object(now):
                yield from self.of(f"{path}{sign}", was, now)
            elif is_object(now) or (now is False and was is not False):
                yield Break(f"{path}{sign}", "no longer takes any value")

    def _of_fields(self, path: str, old: Schema, new: Schema) -> Iterator[Break]:
        was, now = old.get("properties", {}), new.get("properties", {})
        for name, schema in was.items():
            if name in now:
                yield from self.of(_field(path, name), schema, now[name])
            else:
                yield Break(_field(path, name), "removed")
        always, needed = old.get("required", ()), new.get("required", ())
        for name in needed:
            if name not in always:
                yield Break(_field(path, name), "required now")
        if self._written_by_us:
            for name in always:
                if name in now and name not in needed:
                    yield Break(_field(path, name), "no longer always present")


def _alternatives(root: Schema, schema: Schema) -> Iterator[Schema]:
    """Yield the alternatives of a value, with references resolved."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield from _alternatives(root, root["$defs"][name])
        return
    choices = schema.get("anyOf") or schema.get("oneOf")
    if not choices:
        yield schema
        return
    for choice in choices:
        yield from _alternatives(root, choice)


def _types(schema: Schema) -> frozenset[str]:
    """Return the JSON types that a schema accepts; an integer is a number too."""
    given = schema.get("type")
    if given is None:
        values = _values(schema)
        if values is None:
            return frozenset(_NAMES.values()) | {"number"}
        return frozenset(_NAMES[type(value)] for value in values)
    types = frozenset([str(one) for one in given] if is_list(given) else [str(given)])
    return types | {"integer"} if "number" in types else types


_NAMES: dict[type, str] = {
    str: "string",
    int: "integer",
    bool: "boolean",
    float: "number",
    dict: "object",
    list: "array",
    type(None): "null",
}


def _values(schema: Schema) -> list[Any] | None:
    """Return the values that a schema lists, or None if it lists none."""
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _narrowed_values(path: str, old: Schema, new: Schema) -> Iterator[Break]:
    was, now = _values(old), _values(new)
    if now is None:
        return
    if was is None:
        yield Break(path, f"takes nothing but {_listed(now)} now")
    elif gone := [value for value in was if value not in now]:
        yield Break(path, f"no longer takes {_listed(gone)}")


def _narrowed_range(path: str, old: Schema, new: Schema) -> Iterator[Break]:
    for bounds, sign in ((_LOWER_BOUNDS, 1), (_UPPER_BOUNDS, -1)):
        for keyword in bounds:
            was, now = old.get(keyword), new.get(keyword)
            if now is not None and (was is None or sign * now > sign * was):
                yield Break(path, f"{keyword} {now} now, {'none' if was is None else was} before")
    for keyword in ("pattern", "format"):
        was, now = old.get(keyword), new.get(keyword)
        if now is not None and now != was:
            yield Break(path, f"{keyword} {now!r} now, {was!r} before")


def _field(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(sorted(map(str, values)))
