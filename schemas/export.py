"""Exports the models as JSON Schemas, checked in under `json/`.

    python -m schemas.export              writes them
    python -m schemas.export --check      exits 1 if one is out of date, or if a model has breaking
                                          changes against the released schemas
    python -m schemas.export --release    also writes them to `released/`

The released schemas are compared with the models (compatibility.py), so that a breaking change fails
where it is made. Only a release writes them; the history of the repository plays no part.
A schema describes what to send: readers also accept null for a field that is left out.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema

from schemas.compatibility import breaks
from schemas.json_types import is_list, is_object
from schemas.v1.dead_letter import DeadLetter
from schemas.v1.definition import FlowDefinition
from schemas.v1.definition_record import DefinitionRecord
from schemas.v1.event import EventModel
from schemas.v1.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

FOLDER = Path(__file__).parent / "json"
RELEASED = Path(__file__).parent / "released"
"""The schemas of the last release."""

MODELS: dict[str, type[BaseModel]] = {
    "event.v1.json": EventModel,
    "flow.v1.json": FlowDefinition,
    "definition_record.v1.json": DefinitionRecord,
    "verdict.v1.json": Verdict,
    "dead_letter.v1.json": DeadLetter,
}

WRITTEN_BY_US = frozenset({"verdict.v1.json", "dead_letter.v1.json"})
"""Messages that others only read."""


class _UntitledFields(GenerateJsonSchema):
    """Schemas without a title on each field, which would only repeat its name."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 -- pydantic's hook
        return False


def schema_text(model: type[BaseModel]) -> str:
    """Return the content of a model's JSON Schema file."""
    schema = model.model_json_schema(schema_generator=_UntitledFields)
    if model is not FlowDefinition:
        _allow_more(schema)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def stale(folder: Path = FOLDER) -> list[str]:
    """Return the names of the files in `folder` that are out of date."""
    texts = {name: schema_text(model) for name, model in MODELS.items()}
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    return sorted(name for name in texts | found if texts.get(name) != found.get(name))


def broken(released: Path = RELEASED) -> list[str]:
    """Return the breaking changes of the models against the released schemas, one line each."""
    lines: list[str] = []
    for path in sorted(released.glob("*.json")):
        if path.name not in MODELS:
            lines.append(f"{path.name}: removed")
            continue
        old = json.loads(path.read_text(encoding="utf-8"))
        new = json.loads(schema_text(MODELS[path.name]))
        found = breaks(old, new, written_by_us=path.name in WRITTEN_BY_US)
        lines += [f"{path.name}: {one}" for one in found]
    return lines


def export(folder: Path = FOLDER) -> None:
    """Write the schema of each model to `folder`; remove files without a model."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in stale(folder):
        if name in MODELS:
            (folder / name).write_text(schema_text(MODELS[name]), encoding="utf-8")
        else:
            (folder / name).unlink()


def main(
    arguments: Sequence[str] | None = None, folder: Path = FOLDER, released: Path = RELEASED
) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m schemas.export", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit 1 if a file is out of date or a change is breaking",
    )
    what.add_argument("--release", action="store_true", help="write the released schemas too")
    chosen = parser.parse_args(arguments)
    if chosen.check:
        return _check(folder, released)
    if chosen.release:
        if _report_breaking(released):
            return 1
        export(released)
    export(folder)
    return 0


def _check(folder: Path, released: Path) -> int:
    names = stale(folder)
    if names:
        sys.stderr.write(f"out of date: {', '.join(names)}; run python -m schemas.export\n")
    return 1 if _report_breaking(released) or names else 0


def _report_breaking(released: Path) -> bool:
    lines = broken(released)
    if lines:
        sys.stderr.write(
            "".join(f"breaking change: {line}\n" for line in lines)
            + "add a new version beside this one: a v2 of the model, and of its topic\n"
        )
    return bool(lines)


def _allow_more(schema: Any) -> None:
    """Remove `additionalProperties: false`: readers of a topic ignore what a newer writer added."""
    if is_object(schema):
        if schema.get("additionalProperties") is False:
            del schema["additionalProperties"]
        for part in schema.values():
            _allow_more(part)
    elif is_list(schema):
        for part in schema:
            _allow_more(part)


if __name__ == "__main__":
    sys.exit(main())
